"""What may be given as metrics=, and the sentences for the rest."""

import functools
from collections.abc import Iterable

import pytest
import torch
import torch.nn.functional as F
import torchmetrics
from sklearn.metrics import f1_score, roc_auc_score
from torch import Tensor

from learnkit import metrics
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
        ("acuracy", "Did you mean 'accuracy'?"),
        ("errorrate", "Did you mean 'error_rate'?"),
        ("f1_score", "Did you mean 'f1'?"),
        (
            "top_k(3)",
            "Did you mean top_k? With arguments it goes in without quotes: metrics=top_k(5), after "
            "from learnkit.metrics import top_k.",
        ),
        (
            "recall(label=1)",
            "Did you mean recall? With arguments it goes in without quotes: metrics=recall(...), "
            "after from learnkit.metrics import recall.",
        ),
        *(
            (
                word,
                "learnkit's own: accuracy, error_rate, top_k, auroc, average_precision, "
                "calibration_error, dice, f1, foreground_accuracy, iou, kappa, mae, mcc, mse, "
                "multilabel_accuracy, perplexity, precision, r2, recall, rmse. Anything else goes "
                f"in as {FORMS}.",
            )
            for word in ("xyzzy", "roc_auc_score", "sk_metric", "interval", "per_class")
        ),
    ],
)
def test_a_string_is_no_metric_and_the_nearest_function_is_named(given: str, hint: str) -> None:
    with pytest.raises(MetricError) as caught:
        as_metrics(given)
    assert str(caught.value) == f"metrics: there is no metric {given!r}. {hint}"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            metrics.per_class,
            "per_class gives a table, and a column of the history is one number. One class makes a "
            "column: metrics=recall(label=1), after from learnkit.metrics import recall; all do "
            "after the fit: per_class(*learn.get_preds(activate=False)).",
        ),
        (
            metrics.interval,
            "interval is no metric but gives one's range; learn.intervals() has it for each.",
        ),
    ],
)
def test_a_function_beside_the_metrics_is_refused_at_once(given: object, words: str) -> None:
    with pytest.raises(MetricError) as caught:
        as_metrics(given)
    assert str(caught.value) == f"metrics: {words}"


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
        "Give this one its own: f1(name=...), MeanMetric(function, name=...)."
    )


def test_the_tables_own_columns_are_taken() -> None:
    with pytest.raises(MetricError) as caught:
        as_metrics(MeanMetric(F.cross_entropy, name="valid_loss"))
    assert str(caught.value) == (
        "metrics: the name 'valid_loss' is a column of the table. "
        "Give this one its own: f1(name=...), MeanMetric(function, name=...)."
    )


def test_one_metric_several_or_none_make_a_list() -> None:
    assert [m.name for m in as_metrics(accuracy)] == ["accuracy"]
    assert [m.name for m in as_metrics((accuracy, error_rate))] == ["accuracy", "error_rate"]
    assert as_metrics(()) == []
    assert as_metrics(None) == []


def test_a_function_of_scikit_learn_is_not_called_with_its_arguments_swapped() -> None:
    for given, words in (
        (f1_score, "f1_score takes (y_true, y_pred)"),
        (functools.partial(f1_score, average="macro"), "f1_score takes (y_true, y_pred)"),
        (roc_auc_score, "roc_auc_score takes (y_true, y_score)"),
    ):
        options = ", average='macro'" if isinstance(given, functools.partial) else ""
        name = words.partition(" ")[0]
        with pytest.raises(MetricError) as caught:
            as_metrics([accuracy, given])
        assert str(caught.value) == (
            f"metrics: {words}, as scikit-learn has it, and a metric is called as (preds, "
            f"targets). Wrap it: metrics=sk_metric({name}{options}), after from learnkit.metrics "
            "import sk_metric."
        )


def test_a_function_that_makes_a_metric_may_be_given_without_a_call() -> None:
    found = as_metrics([metrics.f1, metrics.mse, metrics.perplexity, metrics.multilabel_accuracy])
    assert [m.name for m in found] == ["f1", "mse", "perplexity", "multilabel_accuracy"]


def test_one_that_needs_arguments_is_told_to_be_called() -> None:
    with pytest.raises(MetricError) as caught:
        as_metrics(metrics.sk_metric)
    assert str(caught.value).endswith(
        "which cannot be called as (preds, targets). Call it first: metrics=sk_metric(f1_score)."
    )


def test_every_name_of_the_package_exists_and_a_wrong_one_names_the_nearest() -> None:
    assert sorted(metrics.__all__) == dir(metrics)
    assert [name for name in metrics.__all__ if not hasattr(metrics, name)] == []
    with pytest.raises(AttributeError) as caught:
        metrics.aurok  # noqa: B018
    assert str(caught.value) == "learnkit.metrics has no 'aurok'. Did you mean 'auroc'?"
