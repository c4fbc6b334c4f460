"""Accuracies: scikit-learn's numbers, for any batching."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
import torchmetrics
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, top_k_accuracy_score, zero_one_loss
from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics import (
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
        "For labels of 0 and 1 use multilabel_accuracy(), for values mse(), both of "
        "learnkit.metrics."
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
