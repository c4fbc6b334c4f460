"""Numbers about predictions: plain functions, and objects that gather them over a phase.

A metric sees logits and targets, batch by batch, on the device; the host reads one number at the
end of the phase. Knows nothing of the loop, the learner or who shows the number.
"""

import functools
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, SupportsFloat, TypeAlias, runtime_checkable

import torch
from torch import Tensor, nn

from learnkit.errors import MetricError
from learnkit.names import nearest
from learnkit.types import MetricFn

RESERVED: Final = ("epoch", "train_loss", "valid_loss", "seconds")
_FORMS: Final = "a function (preds, targets) -> Tensor, a Metric or a torchmetrics object"


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


MetricLike: TypeAlias = Metric | MetricFn | nn.Module


def accuracy(preds: Tensor, targets: Tensor) -> Tensor:
    """Return the share of samples whose highest score is at the target.

    Args:
        preds: logits or probabilities (B, K), or dense (B, K, ...) such as (B, K, H, W).
        targets: int64 (B,), or (B, ...) for dense predictions.

    Returns:
        float32 ().

    Raises:
        MetricError: when the shapes or the dtype of ``targets`` do not fit.

    Example:
        >>> accuracy(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1]))
        tensor(0.5000)
    """
    _check_classes("accuracy", preds, targets)
    return (preds.argmax(1) == targets).mean(dtype=torch.float32)


def error_rate(preds: Tensor, targets: Tensor) -> Tensor:
    """Return 1 - `accuracy`, float32 ()."""
    _check_classes("error_rate", preds, targets)
    return (preds.argmax(1) != targets).mean(dtype=torch.float32)


def top_k(k: int) -> "MeanMetric":
    """Return the metric ``top_<k>``: the share of targets among the ``k`` highest scores.

    Raises:
        MetricError: when ``k`` is no positive integer, or later when the model gives fewer classes.

    Example:
        >>> top_k(2)(torch.tensor([[0.1, 0.7, 0.2]]), torch.tensor([2]))
        tensor(1.)
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise MetricError(f"top_k(k): k is a whole number from 1 on, found {k!r}.")
    return MeanMetric(functools.partial(_top_k, k=k), name=f"top_{k}", higher_is_better=True)


def _top_k(preds: Tensor, targets: Tensor, *, k: int) -> Tensor:
    _check_classes(f"top_{k}", preds, targets)
    if preds.shape[1] < k:
        raise MetricError(
            f"top_{k} needs at least {k} classes, but the model gives {preds.shape[1]}. "
            f"Use top_k with a smaller k, or accuracy."
        )
    hits = preds.topk(k, dim=1).indices == targets.unsqueeze(1)  # (B, k, ...)
    return hits.any(1).mean(dtype=torch.float32)


def _check_classes(name: str, preds: Tensor, targets: Tensor) -> None:
    if preds.ndim == targets.ndim + 1 and not targets.is_floating_point() and preds.shape[1] > 1:
        return
    raise MetricError(
        f"{name} expects scores (B, K) of K >= 2 classes and class numbers (B,) of an integer "
        f"dtype, found preds {tuple(preds.shape)} and targets {tuple(targets.shape)} "
        f"{str(targets.dtype).removeprefix('torch.')}. "
        "Use a metric made for such targets, for example one of torchmetrics."
    )


class MeanMetric:
    """Turn a function of one batch into a metric: the mean over batches, weighted by samples.

    The sum stays on the device; `compute` is the one moment at which the host waits for it.

    Args:
        fn: ``(preds, targets) -> Tensor ()``, the mean over the batch.
        name: column name; the function's own name by default.
        higher_is_better: for callbacks that watch this metric; None leaves it open.
    """

    def __init__(
        self, fn: MetricFn, *, name: str | None = None, higher_is_better: bool | None = None
    ) -> None:
        self.fn = fn
        self.name = name or _name_of(fn)
        self.higher_is_better = higher_is_better
        self._total: Tensor | None = None
        self._n = 0

    def reset(self) -> None:
        """Forget all batches."""
        self._total = None
        self._n = 0

    def update(self, preds: Tensor, targets: Tensor) -> None:
        """Add one batch; no transfer to the host."""
        value = self.fn(preds, targets)
        n = targets.shape[0]
        if self._total is None:
            self._total = self._start(value, preds.device)
        if isinstance(value, Tensor):
            value = value.detach()
        self._total.add_(value, alpha=n)
        self._n += n

    def compute(self) -> float:
        """Return the mean over all samples since `reset`; NaN if there were none."""
        return float(self._total) / self._n if self._total is not None and self._n else float("nan")

    def __call__(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Return the function's value on one batch."""
        return self.fn(preds, targets)

    def __repr__(self) -> str:
        return f"MeanMetric({self.name})"

    def _start(self, value: object, device: torch.device) -> Tensor:
        shape = tuple(getattr(value, "shape", ()))
        if shape:
            raise MetricError(
                f"metric {self.name!r} returned a tensor of shape {shape}; expected one number, "
                "the mean over the batch. Add .mean() to what it returns."
            )
        if not isinstance(value, Tensor | SupportsFloat):
            raise MetricError(
                f"metric {self.name!r} returned a {type(value).__name__}; expected one number, "
                "the mean over the batch."
            )
        # float64 keeps a long sum exact; Apple's GPUs have none
        dtype = torch.float32 if device.type == "mps" else torch.float64
        return torch.zeros((), dtype=dtype, device=getattr(value, "device", device))


class TorchMetric:
    """Give a torchmetrics object the `Metric` interface.

    It is moved to the device of the first predictions, and receives logits as they are:
    torchmetrics takes the argmax of (B, K) scores and the sigmoid of binary ones itself.
    """

    def __init__(self, metric: nn.Module) -> None:
        self.metric: Any = metric
        self.name = _snake(type(metric).__name__)
        higher = getattr(metric, "higher_is_better", None)
        self.higher_is_better: bool | None = None if higher is None else bool(higher)
        self._updated = False

    def reset(self) -> None:
        """Forget all batches."""
        self.metric.reset()
        self._updated = False

    def update(self, preds: Tensor, targets: Tensor) -> None:
        """Add one batch."""
        if not self._updated:
            self.metric.to(preds.device)
            self._updated = True
        self.metric.update(preds.detach(), targets)

    def compute(self) -> float:
        """Return the number over all batches since `reset`; NaN if there were none."""
        if not self._updated:
            return float("nan")
        value = self.metric.compute()
        if not isinstance(value, Tensor) or value.numel() != 1:
            found = f"{tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise MetricError(
                f"metric {self.name!r} computes {found}; expected one number. "
                'Give it an average, such as average="macro".'
            )
        return float(value)

    def __repr__(self) -> str:
        return f"TorchMetric({self.name})"


_DIRECTIONS: Final[dict[Any, bool]] = {accuracy: True, error_rate: False}
_BY_NAME: Final = ("accuracy", "error_rate", "top_k")


def as_metric(metric: object) -> Metric:
    """Return ``metric`` as a `Metric`, whichever of the three forms it has.

    Raises:
        MetricError: for a string, a class, or anything else that is no metric.
    """
    if isinstance(metric, str):
        word = metric.partition("(")[0]
        hint = nearest(word, _BY_NAME) or "accuracy"
        example = "top_k(5)" if hint == "top_k" else hint
        raise MetricError(
            f"metrics: expected {_FORMS}, found the string {metric!r}. "
            f"Did you mean {hint}? Pass it without quotes: metrics={example}."
        )
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
        _check_arguments(metric)
        return MeanMetric(metric, higher_is_better=_direction(metric))
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
                "Give this one its own: MeanMetric(function, name=...)."
            )
        taken.add(metric.name)
    return found


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
    try:
        signature.bind(None, None)
    except TypeError:
        raise MetricError(
            f"metrics: expected {_FORMS}, found {_name_of(fn)}{signature}, which cannot be called "
            "as (preds, targets)." + (" Call it first: metrics=top_k(5)." if fn is top_k else "")
        ) from None


def _name_of(fn: object) -> str:
    while isinstance(fn, functools.partial):
        fn = fn.func
    name = getattr(fn, "__name__", None) or _snake(type(fn).__name__)
    return "metric" if name == "<lambda>" else str(name)


def _snake(name: str) -> str:
    """``MulticlassF1Score`` -> ``multiclass_f1_score``; ``BinaryAUROC`` -> ``binary_auroc``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
