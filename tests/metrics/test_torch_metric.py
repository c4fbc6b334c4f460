"""Objects of torchmetrics, given as they are."""

from collections.abc import Iterable

import numpy as np
import pytest
import torch
import torchmetrics
from sklearn.metrics import f1_score
from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics import (
    Metric,
    TorchMetric,
    as_metric,
    as_metrics,
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


def cut(preds: Tensor, targets: Tensor, sizes: list[int]) -> list[tuple[Tensor, Tensor]]:
    ends = np.minimum(np.cumsum(sizes), len(targets))
    starts = [0, *ends]
    stops = [*ends, len(targets)]
    pairs = zip(starts, stops, strict=True)
    return [(preds[a:b], targets[a:b]) for a, b in pairs if b > a]


def test_a_torchmetrics_object_keeps_its_name_and_direction() -> None:
    metric = as_metric(torchmetrics.F1Score("multiclass", num_classes=CLASSES, average="macro"))
    assert isinstance(metric, TorchMetric)
    assert (metric.name, metric.higher_is_better) == ("multiclass_f1_score", True)
    assert as_metric(torchmetrics.AUROC("binary")).name == "binary_auroc"
    assert as_metric(torchmetrics.MeanSquaredError()).higher_is_better is False
    preds, targets = scores(50, 3)
    found = run(metric, cut(preds, targets, [7, 13]))
    expected = f1_score(targets, preds.argmax(1), average="macro", labels=range(CLASSES))
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_torchmetrics_object_with_a_number_per_class_asks_for_an_average() -> None:
    metric = as_metric(torchmetrics.Accuracy("multiclass", num_classes=CLASSES, average=None))
    with pytest.raises(MetricError) as caught:
        run(metric, [scores(8, 0)])
    assert str(caught.value) == (
        "metric 'multiclass_accuracy' computes (4,); expected one number. "
        'Give it an average, such as average="macro".'
    )


def test_a_collection_is_to_be_passed_one_by_one() -> None:
    collection = torchmetrics.MetricCollection([torchmetrics.MeanSquaredError()])
    with pytest.raises(MetricError) as caught:
        as_metric(collection)
    assert str(caught.value) == (
        "metrics: a MetricCollection computes several numbers; pass its metrics one by one: "
        "metrics=[*collection.values()]."
    )
    assert len(as_metrics([*collection.values()])) == 1
