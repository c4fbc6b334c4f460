"""What a metric is, and in which forms one may be given."""

import re
from collections.abc import Callable
from typing import Any, Final, ParamSpec, Protocol, TypeAlias, runtime_checkable

from torch import Tensor, nn

from learnkit.types import MetricFn

RESERVED: Final = ("epoch", "train_loss", "valid_loss", "seconds")


@runtime_checkable
class Metric(Protocol):
    """Streaming metric over one phase; order and batching must not change ``compute()``."""

    @property
    def name(self) -> str:
        """The column of the table and of the history."""

    @property
    def higher_is_better(self) -> bool | None:
        """True, False, or None where nobody said."""

    def reset(self) -> None:
        """Forget everything; called before each phase."""

    def update(self, preds: Tensor, targets: Tensor) -> None:
        """Take in one batch: logits (B, K) and targets (B,), both on the device."""

    def compute(self) -> float:
        """Return the number over all batches since ``reset``; NaN if there were none."""


# The last is a function of this package that makes a metric, such as f1, given without a call.
MetricLike: TypeAlias = Metric | MetricFn | nn.Module | Callable[[], Metric]

P = ParamSpec("P")
_MARK: Final = "__makes_metric__"


def metric_factory(make: Callable[P, Metric]) -> Callable[P, Metric]:
    """Mark a function whose arguments are all optional: ``metrics=f1`` then means ``f1()``."""
    setattr(make, _MARK, True)
    return make


def is_factory(thing: object) -> bool:
    """Tell whether `metric_factory` has marked a function."""
    return getattr(thing, _MARK, False) is True


def snake(name: str) -> str:
    """``MulticlassF1Score`` -> ``multiclass_f1_score``; ``BinaryAUROC`` -> ``binary_auroc``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def shown(preds: Any, targets: Any) -> str:
    """Return words for a message: ``preds (8, 3) and targets (8,) int64``."""
    dtype = str(targets.dtype).removeprefix("torch.")
    return f"preds {tuple(preds.shape)} and targets {tuple(targets.shape)} {dtype}"
