"""Metrics: the same number for any batching, and scikit-learn's."""

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchmetrics
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, top_k_accuracy_score, zero_one_loss
from torch import Tensor, nn

from learnkit.errors import MetricError
from learnkit.metrics import (
    MeanMetric,
    Metric,
    TorchMetric,
    accuracy,
    as_metric,
    as_metrics,
    error_rate,
    top_k,
)

FORMS = "a function (preds, targets) -> Tensor, a Metric or a torchmetrics object"
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


def sk_accuracy(preds: Tensor, targets: Tensor) -> float:
    return float(accuracy_score(targets, preds.argmax(1)))


def sk_error(preds: Tensor, targets: Tensor) -> float:
    return float(zero_one_loss(targets, preds.argmax(1)))


def sk_top_2(preds: Tensor, targets: Tensor) -> float:
    return float(top_k_accuracy_score(targets, preds, k=2, labels=range(CLASSES)))


@pytest.mark.parametrize(
    ("make", "reference"),
    [
        (lambda: as_metric(accuracy), sk_accuracy),
        (lambda: as_metric(error_rate), sk_error),
        (lambda: top_k(2), sk_top_2),
        (
            lambda: as_metric(torchmetrics.Accuracy("multiclass", num_classes=CLASSES)),
            sk_accuracy,
        ),
    ],
    ids=["accuracy", "error_rate", "top_k", "torchmetrics"],
)
@given(n=st.integers(1, 60), seed=st.integers(0, 999), sizes=st.lists(st.integers(1, 30)))
@settings(max_examples=20, deadline=None)
def test_a_metric_equals_scikit_learn_for_any_batch_partition(
    make: Callable[[], Metric],
    reference: Callable[[Tensor, Tensor], float],
    n: int,
    seed: int,
    sizes: list[int],
) -> None:
    preds, targets = scores(n, seed)
    found = run(make(), cut(preds, targets, sizes))
    assert found == pytest.approx(reference(preds, targets), abs=1e-6)


def test_batches_are_weighted_by_their_samples() -> None:
    """64 right and 2 wrong give 64/66 = 0.9697; unweighted batch means would give 0.5."""
    right = (F.one_hot(torch.ones(64, dtype=torch.int64), 2).float(), torch.ones(64).long())
    wrong = (F.one_hot(torch.zeros(2, dtype=torch.int64), 2).float(), torch.ones(2).long())
    assert run(as_metric(accuracy), [right, wrong]) == pytest.approx(64 / 66, abs=1e-12)


def test_accuracy_takes_dense_predictions() -> None:
    preds = torch.zeros(2, 3, 4, 4)
    preds[:, 2] = 1.0
    targets = torch.full((2, 4, 4), 2)
    targets[0, :2] = 0  # 8 of 32 pixels
    assert accuracy(preds, targets).item() == 0.75
    assert error_rate(preds, targets).item() == 0.25
    assert top_k(3)(preds, targets).item() == 1.0


@pytest.mark.parametrize(
    ("name", "metric"), [("accuracy", accuracy), ("error_rate", error_rate), ("top_2", top_k(2))]
)
@pytest.mark.parametrize(
    ("preds", "targets", "found"),
    [
        (torch.zeros(8, 3), torch.zeros(8, 3), "preds (8, 3) and targets (8, 3) float32"),
        (torch.zeros(8, 3), torch.zeros(8), "preds (8, 3) and targets (8,) float32"),
        (torch.zeros(8, 1), torch.zeros(8).long(), "preds (8, 1) and targets (8,) int64"),
        (torch.zeros(8), torch.zeros(8).long(), "preds (8,) and targets (8,) int64"),
    ],
)
def test_class_metrics_refuse_what_is_no_class(
    name: str,
    metric: Callable[[Tensor, Tensor], Tensor],
    preds: Tensor,
    targets: Tensor,
    found: str,
) -> None:
    with pytest.raises(MetricError) as caught:
        metric(preds, targets)
    assert str(caught.value) == (
        f"{name} expects scores (B, K) of K >= 2 classes and class numbers (B,) of an integer "
        f"dtype, found {found}. "
        "Use a metric made for such targets, for example one of torchmetrics."
    )


@pytest.mark.parametrize("k", [0, -1, 2.0, True])
def test_top_k_wants_a_positive_whole_number(k: Any) -> None:
    with pytest.raises(MetricError) as caught:
        top_k(k)
    assert str(caught.value) == f"top_k(k): k is a whole number from 1 on, found {k!r}."


def test_top_k_of_more_classes_than_there_are_is_an_error_and_not_always_right() -> None:
    with pytest.raises(MetricError) as caught:
        top_k(5)(*scores(8, 0))
    assert str(caught.value) == (
        "top_5 needs at least 5 classes, but the model gives 4. "
        "Use top_k with a smaller k, or accuracy."
    )


def test_names_and_directions_of_the_basic_metrics() -> None:
    found = [(m.name, m.higher_is_better) for m in as_metrics([accuracy, error_rate, top_k(5)])]
    assert found == [("accuracy", True), ("error_rate", False), ("top_5", True)]


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


class Own:
    """A metric of one's own, by the protocol alone."""

    name = "own"
    higher_is_better = True

    def reset(self) -> None:
        self.seen = 0

    def update(self, preds: Tensor, targets: Tensor) -> None:
        self.seen += len(targets)

    def compute(self) -> float:
        return float(self.seen)


def test_an_object_with_the_protocols_methods_is_taken_as_it_is() -> None:
    own = Own()
    assert as_metric(own) is own
    assert run(as_metric(own), [scores(3, 0), scores(4, 0)]) == 7.0


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("acuracy", "Did you mean accuracy? Pass it without quotes: metrics=accuracy."),
        ("errorrate", "Did you mean error_rate? Pass it without quotes: metrics=error_rate."),
        ("top_k(3)", "Did you mean top_k? Pass it without quotes: metrics=top_k(5)."),
        ("xyzzy", "Did you mean accuracy? Pass it without quotes: metrics=accuracy."),
    ],
)
def test_a_string_is_no_metric_and_the_nearest_function_is_named(given: str, hint: str) -> None:
    with pytest.raises(MetricError) as caught:
        as_metrics(given)
    assert str(caught.value) == f"metrics: expected {FORMS}, found the string {given!r}. {hint}"


def test_a_class_is_to_be_made_an_object() -> None:
    with pytest.raises(MetricError) as caught:
        as_metrics([accuracy, torchmetrics.MeanSquaredError])
    assert str(caught.value) == (
        f"metrics: expected {FORMS}, found the class MeanSquaredError. "
        "Make an object of it: metrics=MeanSquaredError(...)."
    )


def test_anything_else_is_shown() -> None:
    with pytest.raises(MetricError) as caught:
        as_metrics(3)
    assert str(caught.value) == f"metrics: expected {FORMS}, found int 3."


def test_a_function_of_one_argument_is_refused_before_training() -> None:
    def mine(preds: Tensor) -> Tensor:
        return preds.mean()

    with pytest.raises(MetricError) as caught:
        as_metrics(mine)
    assert str(caught.value) == (
        f"metrics: expected {FORMS}, found mine(preds: torch.Tensor) -> torch.Tensor, "
        "which cannot be called as (preds, targets)."
    )


def test_top_k_without_its_k_is_told_to_be_called() -> None:
    with pytest.raises(MetricError) as caught:
        as_metrics(top_k)
    assert str(caught.value).endswith(
        "which cannot be called as (preds, targets). Call it first: metrics=top_k(5)."
    )


def test_two_metrics_of_one_name_are_an_error() -> None:
    with pytest.raises(MetricError) as caught:
        as_metrics([accuracy, accuracy])
    assert str(caught.value) == (
        "metrics: the name 'accuracy' is another metric's name. "
        "Give this one its own: MeanMetric(function, name=...)."
    )


def test_the_tables_own_columns_are_taken() -> None:
    with pytest.raises(MetricError) as caught:
        as_metrics(MeanMetric(F.cross_entropy, name="valid_loss"))
    assert str(caught.value) == (
        "metrics: the name 'valid_loss' is a column of the table. "
        "Give this one its own: MeanMetric(function, name=...)."
    )


def test_one_metric_several_or_none_make_a_list() -> None:
    assert [m.name for m in as_metrics(accuracy)] == ["accuracy"]
    assert [m.name for m in as_metrics((accuracy, error_rate))] == ["accuracy", "error_rate"]
    assert as_metrics(()) == []
    assert as_metrics(None) == []


def test_a_function_that_returns_no_number_is_told() -> None:
    def word(preds: Tensor, targets: Tensor) -> Any:
        return "good"

    with pytest.raises(MetricError) as caught:
        run(as_metric(word), [scores(4, 0)])
    assert str(caught.value) == (
        "metric 'word' returned a str; expected one number, the mean over the batch."
    )
