"""Functions of scikit-learn are metrics: their own numbers, on any batch partition."""

import math
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from torch import nn

from learnkit.data.bunch import DataBunch
from learnkit.errors import MetricError
from learnkit.learner import Learner
from learnkit.metrics import sk_metric

WHERE = ", after from learnkit.metrics import sk_metric."


def samples(n: int, seed: int, k: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    targets = torch.randint(k, (n,))
    targets[:k] = torch.arange(k)
    return torch.randn(n, k), targets


@pytest.mark.parametrize(
    ("make", "reference"),
    [
        (
            lambda: sk_metric(sk.f1_score, average="macro"),
            lambda p, y: sk.f1_score(y, p.argmax(1), average="macro"),
        ),
        (
            lambda: sk_metric(sk.roc_auc_score, multi_class="ovr"),
            lambda p, y: sk.roc_auc_score(y, p.softmax(1), multi_class="ovr"),
        ),
        (
            lambda: sk_metric(sk.log_loss, needs="probabilities"),
            lambda p, y: sk.log_loss(y, p.softmax(1)),
        ),
        (
            lambda: sk_metric(sk.top_k_accuracy_score, needs="scores", k=2),
            lambda p, y: sk.top_k_accuracy_score(y, p, k=2),
        ),
    ],
    ids=["labels", "found out", "probabilities", "scores"],
)
def test_it_equals_the_function_for_any_batch_partition(
    make: Any, reference: Any, over: Any
) -> None:
    @given(n=st.integers(3, 50), seed=st.integers(0, 999), sizes=st.lists(st.integers(1, 20)))
    @settings(max_examples=5, deadline=None)
    def check(n: int, seed: int, sizes: list[int]) -> None:
        preds, targets = samples(n, seed)
        expected = reference(preds.double(), targets)
        assert over(make(), preds, targets, sizes) == pytest.approx(expected, abs=1e-12)

    check()


def test_of_two_classes_the_probability_is_that_of_the_second(over: Any) -> None:
    preds, targets = samples(20, 0, k=2)
    expected = sk.average_precision_score(targets, preds.softmax(1)[:, 1])
    assert over(sk_metric(sk.average_precision_score), preds, targets) == pytest.approx(expected)


def test_several_labels_and_one_output_are_decided_at_one_half(over: Any) -> None:
    preds = torch.tensor([[2.0, -1.0], [0.5, 0.1]])
    targets = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    assert over(sk_metric(sk.accuracy_score), preds, targets) == 0.5
    assert over(sk_metric(sk.accuracy_score), preds[:, :1], targets[:, 0]) == 1.0


def test_values_go_as_scores(over: Any) -> None:
    metric = sk_metric(sk.mean_absolute_error, needs="scores")
    preds = torch.tensor([1.0, 3.0]).bfloat16()
    assert over(metric, preds, torch.tensor([0.0, 0.0])) == 2.0


def test_names_and_directions_follow_scikit_learns_rule() -> None:
    made = [
        sk_metric(sk.f1_score),
        sk_metric(sk.log_loss, name="surprise"),
        sk_metric(sk.mean_squared_error),
        sk_metric(sk.matthews_corrcoef),
        sk_metric(sk.matthews_corrcoef, higher_is_better=True),
    ]
    assert [(m.name, m.higher_is_better) for m in made] == [
        ("f1_score", True),
        ("surprise", False),
        ("mean_squared_error", False),
        ("matthews_corrcoef", None),
        ("matthews_corrcoef", True),
    ]
    assert repr(made[0]) == "SkMetric(f1_score)"


def test_what_cannot_be_computed_is_nan_with_one_warning_in_the_functions_words(over: Any) -> None:
    metric = sk_metric(sk.log_loss, needs="probabilities")
    preds, targets = samples(10, 0)
    with pytest.warns(UserWarning, match="log_loss is NaN: ") as caught:
        assert math.isnan(over(metric, preds, targets.clamp(0, 1)))
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(over(metric, preds, targets.clamp(0, 1)))


def test_the_functions_own_warning_is_passed_on_once(over: Any) -> None:
    metric = sk_metric(sk.precision_score)
    preds = torch.full((4, 1), -1.0)
    with pytest.warns(UserWarning, match="precision_score: Precision is ill-defined") as caught:
        assert over(metric, preds, torch.tensor([0, 1, 0, 1])) == 0.0
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert over(metric, preds, torch.tensor([0, 1, 0, 1])) == 0.0


def test_without_batches_it_is_nan() -> None:
    assert math.isnan(sk_metric(sk.f1_score).compute())


def test_a_function_with_several_numbers_asks_for_an_average(over: Any) -> None:
    preds, targets = samples(10, 0)
    with pytest.raises(MetricError) as caught:
        over(sk_metric(sk.f1_score, average=None), preds, targets)
    assert str(caught.value) == (
        "f1_score computes numbers of shape (3,); a column of the table is one number. "
        'Give it an average, such as average="macro".'
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: sk_metric("f1_score"),  # type: ignore[arg-type]
            "sk_metric takes a function (y_true, y_pred) of scikit-learn; got 'f1_score'.",
        ),
        (
            lambda: sk_metric(sk.f1_score, averge="macro"),
            "f1_score has no option 'averge'. Did you mean 'average'?",
        ),
        (
            lambda: sk_metric(sk.f1_score, needs="label"),  # type: ignore[arg-type]
            "sk_metric(needs=...) takes labels, probabilities, scores; got 'label'. "
            "Did you mean 'labels'?",
        ),
    ],
)
def test_what_does_not_fit_is_said_at_once(make: Any, words: str) -> None:
    with pytest.raises(MetricError) as caught:
        make()
    assert str(caught.value) == words


@pytest.mark.parametrize("shape", [(40,), (40, 1)])
@pytest.mark.parametrize("function", [sk.mean_absolute_error, sk.r2_score, sk.max_error])
def test_of_real_values_it_is_scikit_learns_number(
    over: Any, function: Any, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    preds, targets = torch.randn(shape) * 3, torch.randn(shape) * 3
    targets[:5] = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0]).reshape(-1, *shape[1:])
    expected = function(targets.double(), preds.double())
    for sizes in ([], [5, 7], [1] * 39):
        assert over(sk_metric(function), preds, targets, sizes) == pytest.approx(expected)


def test_a_regression_learners_column_is_scikit_learns_number() -> None:
    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    y = x @ torch.arange(4.0) * 3
    data = DataBunch.from_arrays(x[:40], y[:40], valid=(x[40:], y[40:]), batch_size=8)
    model = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))
    metrics = [sk_metric(sk.mean_absolute_error), sk_metric(sk.r2_score)]
    row = Learner(data, model, metrics=metrics, device="cpu").fit(2, progress=False)[-1]
    with torch.no_grad():
        preds = model(x[40:])
    assert row["mean_absolute_error"] == pytest.approx(
        sk.mean_absolute_error(y[40:], preds), rel=1e-4
    )
    assert row["r2_score"] == pytest.approx(sk.r2_score(y[40:], preds), rel=1e-4)


def test_one_output_with_float_targets_of_0_and_1_decides(over: Any) -> None:
    preds, targets = torch.tensor([2.0, -3.0, 0.5, -9.0]), torch.tensor([1.0, 0.0, 0.0, 0.0])
    assert over(sk_metric(sk.mean_absolute_error), preds, targets, [2]) == 0.25


INSTEAD = (
    "Check the dataset's targets, or give it predictions as they are: "
    'sk_metric(..., needs="scores").'
)


@pytest.mark.parametrize(
    ("targets", "width", "options", "words"),
    [
        (torch.tensor([0, 1, 9, -1]), 3, {}, "3 classes (multiclass) takes targets from 0 to 2"),
        (torch.full((4, 3), 0.5), 3, {}, "3 labels (multilabel) takes targets from 0 to 1"),
        (torch.tensor([0, 1, 7, 2]), 1, {}, "one output (binary) takes targets from 0 to 1"),
        (
            torch.tensor([0.0, 1.0, 2.5, -1.0]),
            1,
            {"needs": "labels"},
            "one output (binary) takes targets from 0 to 1",
        ),
    ],
)
def test_targets_that_are_no_labels_are_refused(
    targets: torch.Tensor, width: int, options: Any, words: str
) -> None:
    metric = sk_metric(sk.f1_score, average="macro", **options)
    with pytest.raises(MetricError) as caught:
        metric.update(torch.zeros(4, width), targets)
    n = 12 if targets.ndim > 1 else 2
    assert str(caught.value) == (
        f"f1_score with {words}, whole numbers; {n} of this batch are none. {INSTEAD}"
    )


def test_batches_of_two_kinds_are_refused() -> None:
    metric = sk_metric(sk.f1_score)
    metric.update(torch.zeros(2, 3), torch.tensor([0, 1]))
    with pytest.raises(MetricError) as caught:
        metric.update(torch.zeros(2, 5), torch.tensor([0, 1]))
    assert str(caught.value) == (
        "metric 'f1_score' began with 3 classes (multiclass) and now gets 5 classes (multiclass); "
        "within a phase all batches have one kind."
    )


@pytest.mark.parametrize("needs", ["labels", "probabilities", "scores"])
def test_a_nan_among_predictions_makes_it_nan(over: Any, needs: Any) -> None:
    preds, targets = samples(12, 0)
    preds[7, 1] = math.nan
    function = sk.f1_score if needs == "labels" else sk.log_loss
    options = {"average": "macro"} if needs == "labels" else {}
    metric = sk_metric(function, needs=needs, **options)
    assert math.isnan(over(metric, preds, targets, [4, 4]))
    preds[7, 1] = 0.0
    assert not math.isnan(over(sk_metric(sk.accuracy_score), preds, targets, [4, 4]))
