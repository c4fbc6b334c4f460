"""Metrics of classes: scikit-learn's numbers, for any batching, problem and width."""

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from torch import Tensor

from learnkit import metrics as ours
from learnkit.errors import MetricError, MissingExtraError
from learnkit.metrics import Metric

K = 4


class Problem(NamedTuple):
    """Predictions and targets, with what scikit-learn is to see."""

    preds: Tensor
    targets: Tensor
    said: Any
    probabilities: Any


def multiclass(n: int, seed: int) -> Problem:
    torch.manual_seed(seed)
    preds, targets = torch.randn(n, K), torch.randint(K, (n,))
    targets[:K] = torch.arange(K)[:n]
    return Problem(preds, targets, preds.argmax(1).numpy(), preds.double().softmax(1).numpy())


def binary(n: int, seed: int) -> Problem:
    torch.manual_seed(seed)
    preds, targets = torch.randn(n, 1), torch.randint(2, (n, 1)).float()
    targets[:2, 0] = torch.tensor([0.0, 1.0])[:n]
    flat = preds.squeeze(1)
    return Problem(preds, targets.squeeze(1), (flat > 0).long().numpy(), flat.sigmoid().numpy())


def multilabel(n: int, seed: int) -> Problem:
    torch.manual_seed(seed)
    preds, targets = torch.randn(n, K), torch.rand(n, K) < 0.4
    targets[0], targets[1] = True, False
    said = (preds > 0).long().numpy()
    return Problem(preds, targets, said, preds.double().sigmoid().numpy())


def calibration(p: Problem) -> float:
    """Guo et al. 2017, equation 3, by hand."""
    one = p.probabilities.ndim == 1
    sure = p.probabilities if one else p.probabilities.max(1)
    right = p.targets.numpy() if one else p.probabilities.argmax(1) == p.targets.numpy()
    bins = np.clip(np.ceil(sure * 15) - 1, 0, 14)
    gaps = [
        (bins == b).mean() * abs(sure[bins == b].mean() - right[bins == b].mean())
        for b in np.unique(bins)
    ]
    return float(sum(gaps))


def mean_over_classes(score: Callable[..., float]) -> Callable[[Problem], float]:
    def reference(p: Problem) -> float:
        each = [score(p.targets == k, p.probabilities[:, k]) for k in range(K)]
        return float(np.mean(each))

    return reference


def hard(score: Callable[..., Any], **options: Any) -> Callable[[Problem], Any]:
    return lambda p: score(p.targets, p.said, **options)


def soft(score: Callable[..., Any], **options: Any) -> Callable[[Problem], Any]:
    return lambda p: score(p.targets, p.probabilities, **options)


Z = {"zero_division": 0}
M, B, L = multiclass, binary, multilabel
CASES: list[tuple[str, Any, Callable[[], Metric], Callable[[Problem], float]]] = [
    ("f1", M, ours.f1, hard(sk.f1_score, average="macro", **Z)),
    ("f1 micro", M, lambda: ours.f1(average="micro"), hard(sk.f1_score, average="micro")),
    ("f1 weighted", M, lambda: ours.f1(average="weighted"), hard(sk.f1_score, average="weighted")),
    ("f1 binary", B, ours.f1, hard(sk.f1_score, **Z)),
    ("f1 labels", L, ours.f1, hard(sk.f1_score, average="macro", **Z)),
    ("f1 labels micro", L, lambda: ours.f1(average="micro"), hard(sk.f1_score, average="micro")),
    ("precision", M, ours.precision, hard(sk.precision_score, average="macro", **Z)),
    ("precision labels", L, ours.precision, hard(sk.precision_score, average="macro", **Z)),
    ("recall", M, ours.recall, hard(sk.recall_score, average="macro", **Z)),
    ("recall binary", B, ours.recall, hard(sk.recall_score)),
    (
        "recall of one",
        M,
        lambda: ours.recall(label=2),
        lambda p: sk.recall_score(p.targets, p.said, average=None, labels=range(K), **Z)[2],
    ),
    ("auroc", M, ours.auroc, soft(sk.roc_auc_score, multi_class="ovr")),
    (
        "auroc weighted",
        M,
        lambda: ours.auroc(average="weighted"),
        soft(sk.roc_auc_score, multi_class="ovr", average="weighted"),
    ),
    ("auroc binary", B, ours.auroc, soft(sk.roc_auc_score)),
    ("auroc labels", L, ours.auroc, soft(sk.roc_auc_score, average="macro")),
    ("ap", M, ours.average_precision, mean_over_classes(sk.average_precision_score)),
    ("ap binary", B, ours.average_precision, soft(sk.average_precision_score)),
    ("ap labels", L, ours.average_precision, soft(sk.average_precision_score)),
    ("mcc", M, ours.mcc, hard(sk.matthews_corrcoef)),
    ("mcc binary", B, ours.mcc, hard(sk.matthews_corrcoef)),
    ("kappa", M, ours.kappa, hard(sk.cohen_kappa_score)),
    ("kappa binary", B, ours.kappa, hard(sk.cohen_kappa_score)),
    (
        "kappa linear",
        M,
        lambda: ours.kappa(weights="linear"),
        hard(sk.cohen_kappa_score, weights="linear"),
    ),
    (
        "kappa quadratic",
        M,
        lambda: ours.kappa(weights="quadratic"),
        hard(sk.cohen_kappa_score, weights="quadratic"),
    ),
    ("iou", M, ours.iou, hard(sk.jaccard_score, average="macro", **Z)),
    ("iou binary", B, ours.iou, hard(sk.jaccard_score, **Z)),
    ("dice", M, ours.dice, hard(sk.f1_score, average="macro", **Z)),
    ("calibration", M, ours.calibration_error, calibration),
    ("calibration binary", B, ours.calibration_error, calibration),
]


@pytest.mark.parametrize(
    ("problem", "make", "reference"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
def test_a_metric_equals_scikit_learn_for_any_batch_partition(
    problem: Any, make: Any, reference: Any, over: Any
) -> None:
    @given(n=st.integers(K, 60), seed=st.integers(0, 999), sizes=st.lists(st.integers(1, 20)))
    @settings(max_examples=4, deadline=None)
    def check(n: int, seed: int, sizes: list[int]) -> None:
        p = problem(n, seed)
        assert over(make(), p.preds, p.targets, sizes) == pytest.approx(reference(p), abs=2e-6)

    check()


@pytest.mark.parametrize("make", [ours.f1, ours.iou, ours.mcc, ours.kappa])
def test_dense_predictions_are_counted_by_pixels(make: Any, over: Any) -> None:
    flat = multiclass(2 * 3 * 5, 0)
    preds = flat.preds.reshape(2, 3, 5, K).movedim(-1, 1)
    targets = flat.targets.reshape(2, 3, 5)
    expected = over(make(), flat.preds, flat.targets)
    assert over(make(), preds, targets, [1]) == pytest.approx(expected, abs=1e-7)


def test_an_ignored_class_number_is_no_target(over: Any) -> None:
    p = multiclass(40, 1)
    targets = p.targets.clone()
    targets[::3] = 255
    kept = targets != 255
    expected = over(ours.iou(), p.preds[kept], p.targets[kept])
    assert over(ours.iou(ignore_index=255), p.preds, targets, [7]) == pytest.approx(expected)
    assert math.isnan(over(ours.iou(ignore_index=255), p.preds, torch.full((40,), 255)))


def test_logits_between_0_and_1_are_logits_in_every_batch(over: Any) -> None:
    """torchmetrics would take such a batch for probabilities."""
    preds = torch.tensor([[0.9, 0.1], [0.2, 0.8], [5.0, -5.0]])
    targets = torch.tensor([0, 0, 1])
    whole = over(ours.calibration_error(), preds, targets)
    assert over(ours.calibration_error(), preds, targets, [1, 1]) == pytest.approx(whole)
    below = over(ours.f1(), torch.tensor([0.4, 0.3]), torch.tensor([1, 1]))
    assert below == 1.0  # the sigmoid of 0.3 is above 0.5


def test_half_precision_and_one_sample_are_taken(over: Any) -> None:
    p = multiclass(20, 3)
    half = p.preds.bfloat16()
    for make in (ours.f1, ours.auroc, ours.calibration_error, ours.mcc):
        assert over(make(), half, p.targets) == pytest.approx(
            over(make(), half.float(), p.targets), abs=1e-6
        )
    assert over(ours.f1(), p.preds[:1], p.preds[:1].argmax(1)) == 1.0


def test_without_batches_it_is_nan_and_a_reset_forgets_the_problem(over: Any) -> None:
    metric = ours.f1()
    assert math.isnan(metric.compute())
    p, q = multiclass(20, 0), binary(20, 0)
    first = over(metric, p.preds, p.targets)
    over(metric, q.preds, q.targets)
    assert over(metric, p.preds, p.targets) == first
    metric.reset()
    assert math.isnan(metric.compute())


@pytest.mark.parametrize(
    ("make", "problem", "words"),
    [
        (ours.auroc, multiclass, "auroc is NaN: the phase has no sample of class 1, 2, 3."),
        (ours.auroc, binary, "auroc is NaN: the phase has no sample of label 1."),
        (
            ours.average_precision,
            multilabel,
            "average_precision is NaN: the phase has no sample of label 0, 1, 2, 3.",
        ),
        (
            lambda: ours.auroc(label=0),
            multiclass,
            "auroc_0 is NaN: the phase has samples of class 0 only.",
        ),
    ],
)
def test_an_absent_class_gives_nan_and_one_warning(
    make: Any, problem: Any, words: str, over: Any
) -> None:
    p, metric = problem(10, 0), make()
    with pytest.warns(UserWarning, match="is NaN: the phase has") as caught:
        assert math.isnan(over(metric, p.preds, torch.zeros_like(p.targets)))
    assert [str(w.message) for w in caught] == [words]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(over(metric, p.preds, torch.zeros_like(p.targets)))


def test_one_class_alone_needs_no_other_classes_samples(over: Any) -> None:
    p = multiclass(30, 0)
    two = p.targets.clamp(0, 1)
    expected = sk.roc_auc_score(two == 1, p.probabilities[:, 1])
    assert over(ours.auroc(label=1), p.preds, two) == pytest.approx(expected, abs=1e-6)
    q = multilabel(30, 0)
    expected = sk.roc_auc_score(q.targets[:, 2], q.probabilities[:, 2])
    assert over(ours.auroc(label=2), q.preds, q.targets) == pytest.approx(expected, abs=1e-6)


def test_a_nan_among_predictions_makes_the_number_nan(over: Any) -> None:
    p = multiclass(20, 0)
    preds = p.preds.clone()
    preds[7, 1] = math.nan
    assert math.isnan(over(ours.f1(), preds, p.targets, [5]))
    assert math.isnan(over(ours.auroc(), preds, p.targets, [5]))


def test_where_scikit_learn_says_zero_or_nan_so_do_mcc_and_kappa(over: Any) -> None:
    preds, targets = torch.tensor([[0.0, 1.0], [0.0, 1.0]]), torch.tensor([1, 1])
    assert sk.matthews_corrcoef([1, 1, 0], [1, 1, 1]) == 0.0
    assert over(ours.mcc(), preds, targets) == 0.0
    assert math.isnan(over(ours.kappa(), preds, targets))


@pytest.mark.parametrize(
    ("preds", "targets", "found"),
    [
        (torch.zeros(8, 3), torch.zeros(8), "preds (8, 3) and targets (8,) float32"),
        (torch.zeros(8, 3), torch.zeros(8, 4), "preds (8, 3) and targets (8, 4) float32"),
        (torch.zeros(8, 3), torch.zeros(7).long(), "preds (8, 3) and targets (7,) int64"),
        (torch.zeros(8).long(), torch.zeros(8).long(), "preds (8,) and targets (8,) int64"),
    ],
)
def test_shapes_that_do_not_belong_together_are_shown(
    preds: Tensor, targets: Tensor, found: str
) -> None:
    with pytest.raises(MetricError) as caught:
        ours.f1().update(preds, targets)
    assert str(caught.value) == (
        "f1 expects scores (B, K) with class numbers (B,) of an integer dtype, scores (B, K) with "
        "labels of 0 and 1 (B, K), or one score a sample, (B,) or (B, 1), with labels of 0 and 1 "
        f"(B,); all may go on as (..., H, W). Found {found}."
    )


@pytest.mark.parametrize(
    ("problem", "bad", "words"),
    [
        (multiclass, 4, "f1 with 4 classes (multiclass) takes targets from 0 to 3"),
        (multiclass, -1, "f1 with 4 classes (multiclass) takes targets from 0 to 3"),
        (binary, 0.5, "f1 with one output (binary) takes targets from 0 to 1"),
    ],
)
def test_a_target_that_is_no_label_is_an_error_in_the_first_batch_or_at_the_end(
    problem: Any, bad: float, words: str
) -> None:
    p, metric = problem(10, 0), ours.f1()
    wrong = p.targets.clone()
    wrong[3] = bad
    words += ", whole numbers; 1 of this phase are none. Check the dataset's targets."
    with pytest.raises(MetricError) as caught:
        metric.update(p.preds, wrong)
    assert str(caught.value) == words
    metric.reset()
    metric.update(p.preds, p.targets)
    metric.update(p.preds, wrong)
    with pytest.raises(MetricError) as caught:
        metric.compute()
    assert str(caught.value) == words


def test_batches_of_two_kinds_are_an_error() -> None:
    metric = ours.f1()
    metric.update(*multiclass(10, 0)[:2])
    with pytest.raises(MetricError) as caught:
        metric.update(*multilabel(10, 0)[:2])
    assert str(caught.value) == (
        "metric 'f1' began with 4 classes (multiclass) and now gets 4 labels (multilabel); "
        "within a phase all batches have one kind."
    )


@pytest.mark.parametrize(
    ("make", "problem", "words"),
    [
        (
            ours.mcc,
            multilabel,
            "mcc is not defined for 4 labels (multilabel), only for multiclass and binary "
            "predictions.",
        ),
        (
            lambda: ours.f1(label=4),
            multiclass,
            "f1_4 looks at class 4, but the model gives 4 outputs.",
        ),
        (
            lambda: ours.f1(label=0),
            binary,
            "f1_0 looks at class 0, but the model gives 1 output. Leave label= out: one output is "
            "a number already.",
        ),
        (
            lambda: ours.f1(ignore_index=255),
            multilabel,
            "f1: ignore_index is for class numbers, not for labels.",
        ),
    ],
)
def test_what_does_not_fit_the_problem_is_said_at_the_first_batch(
    make: Any, problem: Any, words: str
) -> None:
    with pytest.raises(MetricError) as caught:
        make().update(*problem(10, 0)[:2])
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: ours.f1(average=None),  # type: ignore[arg-type]
            "f1(average=None) gives a number for each class, and a column of the table is one "
            "number. f1(label=2) is that of class 2; per_class(preds, targets) of "
            "learnkit.metrics gives all.",
        ),
        (
            lambda: ours.recall(average="makro"),  # type: ignore[arg-type]
            "recall(average=...) takes macro, micro, weighted; got 'makro'. Did you mean 'macro'?",
        ),
        (
            lambda: ours.auroc(average="micro"),
            "auroc(average=...) takes macro or weighted: each class is ranked by itself.",
        ),
        (
            lambda: ours.f1(label=-1),
            "f1(label=...) is a class number from 0 on; got -1.",
        ),
        (
            lambda: ours.f1(threshold=50),
            "f1(threshold=...) is a probability between 0 and 1; got 50.",
        ),
        (
            lambda: ours.iou(ignore_index=2.5),  # type: ignore[arg-type]
            "iou(ignore_index=...) is a whole number such as 255, or None; got 2.5.",
        ),
        (
            lambda: ours.kappa(weights="square"),  # type: ignore[arg-type]
            "kappa(weights=...) takes linear, quadratic or None; got 'square'.",
        ),
        (
            lambda: ours.calibration_error(bins=0),
            "calibration_error(bins=...) is a whole number from 1 on; got 0.",
        ),
        (
            lambda: ours.calibration_error(norm="l1"),  # type: ignore[arg-type]
            "calibration_error(norm=...) takes mean, max, rms; got 'l1'.",
        ),
    ],
)
def test_an_option_that_does_not_fit_is_said_at_once(make: Any, words: str) -> None:
    with pytest.raises(MetricError) as caught:
        make()
    assert str(caught.value) == words


def test_a_misspelt_option_names_the_nearest() -> None:
    with pytest.raises(TypeError) as caught:
        ours.f1(averge="macro")  # type: ignore[call-arg]
    assert str(caught.value) == "f1() has no argument 'averge'. Did you mean 'average'?"


def test_names_tell_options_apart() -> None:
    made = [ours.f1(), ours.f1(average="micro"), ours.f1(label=3), ours.f1(name="mine")]
    assert [m.name for m in made] == ["f1", "f1_micro", "f1_3", "mine"]
    assert [ours.auroc().higher_is_better, ours.calibration_error().higher_is_better] == [
        True,
        False,
    ]


@pytest.mark.parametrize("make", [ours.f1, ours.auroc, ours.mcc, ours.iou, ours.calibration_error])
def test_without_torchmetrics_the_call_gives_the_pip_line(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("learnkit.extras.importlib.import_module", missing)
    with pytest.raises(MissingExtraError) as caught:
        make()
    assert str(caught.value) == (
        f"{make.__name__} needs the package torchmetrics, which is not installed. "
        'Install it with: pip install "learnkit[metrics]"'
    )


def test_a_call_gives_the_number_of_one_batch_and_keeps_nothing() -> None:
    metric = ours.f1()
    p = multiclass(20, 0)
    expected = sk.f1_score(p.targets, p.said, average="macro")
    assert float(metric(p.preds, p.targets)) == pytest.approx(expected, abs=1e-6)
    assert math.isnan(metric.compute())
    assert repr(metric) == "ClassMetric(f1)"
