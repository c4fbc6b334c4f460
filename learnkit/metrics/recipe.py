"""How a metric of classes is computed, as a value, and the checks of its options."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics.problem import Kind, Problem
from learnkit.names import did_you_mean

Average: TypeAlias = Literal["macro", "micro", "weighted"]
_AVERAGES: Final[tuple[str, ...]] = get_args(Average)
ALL: Final[tuple[Kind, ...]] = ("multiclass", "binary", "multilabel")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a `ClassMetric` does.

    Attributes:
        name: of the column.
        higher_is_better: the direction.
        build: makes the torchmetrics object for a problem.
        kinds: of problems that the metric is defined for.
        sees: ``labels`` or ``probabilities``.
        needs: what each class must have for the number to exist: ``positives``, ``both`` (also
            samples of other classes) or nothing.
        finish: turns what the object computes into one number.
        threshold: above which a probability is a yes.
        ignore_index: a class number that counts as no target.
        label: the one class or label that is looked at.
    """

    name: str
    higher_is_better: bool
    build: Callable[[Problem], Any]
    kinds: tuple[Kind, ...] = ALL
    sees: Literal["labels", "probabilities"] = "labels"
    needs: Literal["positives", "both"] | None = None
    finish: Callable[[Tensor], Tensor] | None = None
    threshold: float = 0.5
    ignore_index: int | None = None
    label: int | None = None


def check_average(name: str, average: object, label: object) -> None:
    """Look at the options that say which classes count.

    Raises:
        MetricError: for None, which would be several numbers, and for anything unknown.
    """
    if average is None:
        raise MetricError(
            f"{name}(average=None) gives a number for each class, and a column of the table is "
            f"one number. {name}(label=2) is that of class 2; per_class(preds, targets) of "
            "learnkit.metrics gives all."
        )
    if average not in _AVERAGES:
        raise MetricError(
            f"{name}(average=...) takes {', '.join(_AVERAGES)}; got {average!r}."
            f"{did_you_mean(str(average), _AVERAGES)}"
        )
    if label is not None and (isinstance(label, bool) or not isinstance(label, int) or label < 0):
        raise MetricError(f"{name}(label=...) is a class number from 0 on; got {label!r}.")


def check_threshold(name: str, threshold: object) -> None:
    """Raise MetricError when ``threshold`` is no probability between 0 and 1."""
    number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if not number or not 0 < threshold < 1:  # type: ignore[operator]
        raise MetricError(
            f"{name}(threshold=...) is a probability between 0 and 1; got {threshold!r}."
        )


def check_ignored(name: str, ignore_index: object) -> None:
    """Raise MetricError when ``ignore_index`` is no whole number."""
    if ignore_index is not None and (
        isinstance(ignore_index, bool) or not isinstance(ignore_index, int)
    ):
        raise MetricError(
            f"{name}(ignore_index=...) is a whole number such as 255, or None; got "
            f"{ignore_index!r}."
        )


def column(name: str, average: str, label: int | None) -> str:
    """Return a name that differs with the options: ``f1``, ``f1_micro``, ``f1_2``."""
    if label is not None:
        return f"{name}_{label}"
    return name if average == "macro" else f"{name}_{average}"
