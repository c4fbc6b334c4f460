"""Which kind of question predictions answer, read off their shapes and the targets' dtype."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics.protocol import shown

Kind: TypeAlias = Literal["multiclass", "binary", "multilabel"]


@dataclass(frozen=True)
class Problem:
    """What the first batch of a phase says.

    Attributes:
        kind: ``multiclass`` (one of K classes), ``binary`` (one output, yes or no) or
            ``multilabel`` (K such outputs).
        n: K; 1 for binary.
    """

    kind: Kind
    n: int

    def probabilities(self, preds: Tensor) -> Tensor:
        """Return raw predictions as probabilities, a row a sample or pixel.

        Softmax for one of K classes, else sigmoid. Always applied: a guess from the values, which
        torchmetrics makes batch by batch, would depend on how a phase is cut into batches.

        Returns:
            float32 (N, K), or (N,) for binary.
        """
        full = preds.detach()
        full = full.float() if full.dtype in (torch.float16, torch.bfloat16) else full
        active = full.softmax(1) if self.kind == "multiclass" else full.sigmoid()
        return self._rows(active)

    def labels(self, preds: Tensor, *, threshold: float = 0.5) -> Tensor:
        """Return what raw predictions decide on.

        Returns:
            int64: class numbers (N,), or 0 and 1 (N,) or (N, K), where 1 is a probability above
            ``threshold``.
        """
        if self.kind == "multiclass":
            return preds.detach().argmax(1).flatten()
        return (self.probabilities(preds) > threshold).long()

    def targets(self, targets: Tensor) -> Tensor:
        """Return targets in the layout of `labels`, with their own dtype."""
        return targets.flatten() if self.kind == "multiclass" else self._rows(targets)

    def top(self) -> int:
        """Return the highest label."""
        return self.n - 1 if self.kind == "multiclass" else 1

    def words(self) -> str:
        """Return words for a message: ``3 classes (multiclass)``."""
        if self.kind == "binary":
            return "one output (binary)"
        return f"{self.n} {'classes' if self.kind == 'multiclass' else 'labels'} ({self.kind})"

    def _rows(self, dense: Tensor) -> Tensor:
        if self.kind == "binary":
            return dense.flatten()
        return dense.movedim(1, -1).reshape(-1, self.n)  # (B, K, ...) -> (N, K)


def problem_of(name: str, preds: Tensor, targets: Tensor) -> Problem:
    """Return the kind of problem of one batch.

    Args:
        name: of the metric, for the message.
        preds: raw predictions, floats (B, K, ...), (B, 1, ...) or (B,).
        targets: class numbers (B, ...), or labels of 0 and 1 in the shape of ``preds``.

    Raises:
        MetricError: when these do not belong together.
    """
    if preds.is_floating_point() and preds.ndim and targets.ndim and len(preds) == len(targets):
        one_output = preds.ndim == 1 or preds.shape[1] == 1
        if one_output and _squeezed(preds) == _squeezed(targets):
            return Problem("binary", 1)
        if not one_output and preds.shape == targets.shape:
            return Problem("multilabel", preds.shape[1])
        classes_fit = (len(preds), *preds.shape[2:]) == tuple(targets.shape)
        if not one_output and classes_fit and not targets.is_floating_point():
            return Problem("multiclass", preds.shape[1])
    raise MetricError(
        f"{name} expects scores (B, K) with class numbers (B,) of an integer dtype, scores (B, K) "
        "with labels of 0 and 1 (B, K), or one score a sample, (B,) or (B, 1), with labels of 0 "
        f"and 1 (B,); all may go on as (..., H, W). Found {shown(preds, targets)}."
    )


def _squeezed(tensor: Tensor) -> tuple[int, ...]:
    """Return the shape without a channel dimension of 1."""
    shape = tuple(tensor.shape)
    return (shape[0], *shape[2:]) if len(shape) > 1 and shape[1] == 1 else shape
