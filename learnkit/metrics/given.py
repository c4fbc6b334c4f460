"""What a user gives as ``metrics=``, made into `Metric` objects, or refused with what to write."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final

from torch import nn

from learnkit.errors import MetricError
from learnkit.metrics.accuracies import accuracy, error_rate, top_k
from learnkit.metrics.mean import MeanMetric, name_of
from learnkit.metrics.protocol import RESERVED, Metric, is_factory
from learnkit.metrics.torch_metric import TorchMetric
from learnkit.names import nearest

_FORMS: Final = "a function (preds, targets) -> Tensor, a Metric or a torchmetrics object"
_DIRECTIONS: Final[dict[Any, bool]] = {accuracy: True, error_rate: False}
_MADE: Final = (
    "auroc",
    "average_precision",
    "calibration_error",
    "dice",
    "f1",
    "foreground_accuracy",
    "iou",
    "kappa",
    "mae",
    "mcc",
    "mse",
    "multilabel_accuracy",
    "perplexity",
    "precision",
    "r2",
    "recall",
    "rmse",
)
_BY_NAME: Final = ("accuracy", "error_rate", "top_k", *_MADE)
_NO_METRICS: Final = {
    "interval": "interval is no metric but gives one's range; learn.intervals() has it for each.",
    "per_class": "per_class gives a table, and a column of the history is one number. One class "
    "makes a column: metrics=recall(label=1), after from learnkit.metrics import recall; all do "
    "after the fit: per_class(*learn.get_preds(activate=False)).",
}
_ARGUMENTS_OF: Final = {"top_k": "5", "sk_metric": "f1_score"}


def as_metric(metric: object) -> Metric:
    """Return ``metric`` as a `Metric`, whichever form it has.

    Raises:
        MetricError: for a string, a class, a function of scikit-learn, or anything else that is no
            metric.
    """
    if isinstance(metric, str):
        raise MetricError(_of_a_string(metric))
    if isinstance(metric, type):
        raise MetricError(
            f"metrics: expected {_FORMS}, found the class {metric.__name__}. "
            f"Make an object of it: metrics={metric.__name__}(...)."
        )
    if isinstance(metric, nn.Module) and _has(metric, "reset", "update", "compute"):
        return _as_torch_metric(metric)
    if isinstance(metric, Metric):
        return metric
    if callable(metric):
        return _of_a_function(metric)
    raise MetricError(f"metrics: expected {_FORMS}, found {type(metric).__name__} {metric!r}.")


def as_metrics(metrics: object) -> list[Metric]:
    """Return one metric or several as a list of `Metric`.

    Raises:
        MetricError: for something that is no metric, or for two of one name.
    """
    if metrics is None:
        return []
    several = isinstance(metrics, Sequence) and not isinstance(metrics, str)
    given: Sequence[object] = metrics if several else [metrics]  # type: ignore[assignment]
    found = [as_metric(metric) for metric in given]
    taken = set(RESERVED)
    for metric in found:
        if metric.name in taken:
            whose = "a column of the table" if metric.name in RESERVED else "another metric's name"
            raise MetricError(
                f"metrics: the name {metric.name!r} is {whose}. "
                "Give this one its own: f1(name=...), MeanMetric(function, name=...)."
            )
        taken.add(metric.name)
    return found


def _of_a_string(word: str) -> str:
    bare, call, _ = word.partition("(")
    hint = nearest(bare.removesuffix("_score"), _BY_NAME)  # scikit-learn's spelling
    if hint is None:
        own = ", ".join(_BY_NAME)
        advice = f"learnkit's own: {own}. Anything else goes in as {_FORMS}."
    elif hint in _ARGUMENTS_OF or (call and hint in _MADE):
        example = f"{hint}({_ARGUMENTS_OF.get(hint, '...')})"
        advice = (
            f"Did you mean {hint}? With arguments it goes in without quotes: metrics={example}, "
            f"after from learnkit.metrics import {hint}."
        )
    else:
        advice = f"Did you mean {hint!r}?"
    return f"metrics: there is no metric {word!r}. {advice}"


def _of_a_function(fn: Callable[..., Any]) -> Metric:
    name = name_of(fn)
    if name in _NO_METRICS and getattr(fn, "__module__", "").startswith("learnkit.metrics."):
        raise MetricError(f"metrics: {_NO_METRICS[name]}")
    if is_factory(fn):
        made: Metric = fn()
        return made
    _check_arguments(fn)
    return MeanMetric(fn, higher_is_better=_direction(fn))


def _as_torch_metric(metric: nn.Module) -> TorchMetric:
    if isinstance(metric, nn.ModuleDict):
        raise MetricError(
            f"metrics: a {type(metric).__name__} computes several numbers; pass its metrics one "
            "by one: metrics=[*collection.values()]."
        )
    return TorchMetric(metric)


def _has(thing: object, *methods: str) -> bool:
    return all(callable(getattr(thing, method, None)) for method in methods)


def _direction(fn: object) -> bool | None:
    try:
        return _DIRECTIONS.get(fn)
    except TypeError:  # an unhashable callable
        return None


def _check_arguments(fn: Callable[..., Any]) -> None:
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):  # a builtin that does not tell
        return
    _check_order(fn, list(signature.parameters))
    try:
        signature.bind(None, None)
    except TypeError:
        name = name_of(fn)
        example = f"{name}({_ARGUMENTS_OF.get(name, '')})"
        ours = fn is top_k or getattr(fn, "__module__", "").startswith("learnkit.metrics")
        raise MetricError(
            f"metrics: expected {_FORMS}, found {name}{signature}, which cannot be called "
            "as (preds, targets)." + (f" Call it first: metrics={example}." if ours else "")
        ) from None


def _check_order(fn: Callable[..., Any], arguments: list[str]) -> None:
    if not arguments or arguments[0] != "y_true":
        return
    name, given = name_of(fn), ""
    if isinstance(fn, functools.partial):
        given = "".join(f", {key}={value!r}" for key, value in fn.keywords.items())
    raise MetricError(
        f"metrics: {name} takes ({', '.join(arguments[:2])}), as scikit-learn has it, and a metric "
        f"is called as (preds, targets). Wrap it: metrics=sk_metric({name}{given}), after from "
        "learnkit.metrics import sk_metric."
    )
