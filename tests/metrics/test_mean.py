"""Means over the samples of a phase."""

import functools
import math
from collections.abc import Iterable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchmetrics
from torch import Tensor, nn

from learnkit.errors import MetricError
from learnkit.metrics import (
    MeanMetric,
    Metric,
    accuracy,
    as_metric,
    as_metrics,
    error_rate,
    top_k,
)

CLASSES = 4


def scores(n: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    preds = torch.randn(n, CLASSES, generator=generator)
    return preds, torch.randint(CLASSES, (n,), generator=generator)


def run(metric: Metric, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    metric.reset()
    for preds, targets in batches:
        metric.update(preds, targets)
    return metric.compute()


def test_batches_are_weighted_by_their_samples() -> None:
    """64 right and 2 wrong give 64/66 = 0.9697; unweighted batch means would give 0.5."""
    right = (F.one_hot(torch.ones(64, dtype=torch.int64), 2).float(), torch.ones(64).long())
    wrong = (F.one_hot(torch.zeros(2, dtype=torch.int64), 2).float(), torch.ones(2).long())
    assert run(as_metric(accuracy), [right, wrong]) == pytest.approx(64 / 66, abs=1e-12)


def test_a_plain_function_is_a_metric_with_an_open_direction() -> None:
    metric = as_metric(F.mse_loss)
    assert (metric.name, metric.higher_is_better) == ("mse_loss", None)
    preds, targets = torch.tensor([[1.0], [3.0]]), torch.tensor([[0.0], [0.0]])
    assert run(metric, [(preds[:1], targets[:1]), (preds[1:], targets[1:])]) == 5.0


def test_partials_lambdas_and_loss_objects_get_a_name() -> None:
    assert as_metric(functools.partial(F.cross_entropy, label_smoothing=0.1)).name == (
        "cross_entropy"
    )
    assert as_metric(lambda preds, targets: preds.mean()).name == "metric"
    assert as_metric(nn.SmoothL1Loss()).name == "smooth_l1_loss"
    assert MeanMetric(lambda preds, targets: preds.mean(), name="mine").name == "mine"


def test_a_function_may_return_a_python_number() -> None:
    def share(preds: Tensor, targets: Tensor) -> Any:
        return 0.25

    assert run(as_metric(share), [scores(3, 0), scores(5, 1)]) == 0.25


def test_a_function_that_returns_a_vector_is_told_to_take_the_mean() -> None:
    metric = MeanMetric(lambda preds, targets: preds.argmax(1) == targets, name="mine")
    with pytest.raises(MetricError) as caught:
        metric.update(*scores(8, 0))
    assert str(caught.value) == (
        "metric 'mine' returned a tensor of shape (8,); expected one number, "
        "the mean over the batch. Add .mean() to what it returns."
    )


def test_a_function_that_returns_no_number_is_told() -> None:
    def word(preds: Tensor, targets: Tensor) -> Any:
        return "good"

    with pytest.raises(MetricError) as caught:
        run(as_metric(word), [scores(4, 0)])
    assert str(caught.value) == (
        "metric 'word' returned a str; expected one number, the mean over the batch."
    )


def test_a_metric_without_batches_is_nan_and_reset_forgets() -> None:
    for metric in as_metrics([accuracy, torchmetrics.Accuracy("multiclass", num_classes=CLASSES)]):
        assert math.isnan(metric.compute())
        metric.update(*scores(4, 0))
        assert not math.isnan(metric.compute())
        metric.reset()
        assert math.isnan(metric.compute())


def test_a_metric_keeps_no_graph() -> None:
    preds, targets = scores(4, 0)
    metric = MeanMetric(F.cross_entropy)
    metric.update(preds.requires_grad_(), targets)
    assert metric._total is not None
    assert not metric._total.requires_grad


def test_update_never_waits_for_the_device() -> None:
    """On the meta device a read of any value raises; so an update that passes reads none."""
    preds = torch.zeros(8, CLASSES, device="meta")
    targets = torch.zeros(8, dtype=torch.int64, device="meta")
    for metric in as_metrics([accuracy, error_rate, top_k(2), F.cross_entropy]):
        metric.update(preds, targets)
        metric.update(preds, targets)
        with pytest.raises(RuntimeError):
            metric.compute()
