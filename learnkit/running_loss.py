"""The mean loss of a phase up to now, gathered on the device."""

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor

LOSSES_AT_ONCE: Final = 128  # kept one by one before they are added up


class RunningLoss:
    """Sums batches' mean losses, weighted by their samples, without waiting for the device."""

    __slots__ = ("_pending", "_samples", "_sum")

    def __init__(self) -> None:
        self._sum: Tensor | None = None
        self._samples = 0
        self._pending: list[tuple[Tensor, int]] = []

    def add(self, loss: Tensor, samples: int) -> None:
        """Add the mean loss of a batch of ``samples``."""
        self._pending.append((loss.detach(), samples))
        if len(self._pending) >= LOSSES_AT_ONCE:
            self._sum, self._samples = self._with_pending()
            self._pending.clear()

    def mean(self) -> Tensor | None:
        """Return the mean as a scalar on the device; None when there was no batch."""
        # what is pending stays so: when somebody looks must not change how the sum is rounded
        total, samples = self._with_pending()
        return total / samples if total is not None else None

    def state_dict(self) -> dict[str, Any]:
        """Return the losses as they are kept, for a checkpoint."""
        return {
            "sum": self._sum,
            "samples": self._samples,
            "pending": [loss for loss, _ in self._pending],
            "weights": [samples for _, samples in self._pending],
        }

    def load_state_dict(self, saved: Mapping[str, Any], *, device: torch.device) -> None:
        """Take back what `state_dict` returned."""
        total = saved["sum"]
        self._sum = None if total is None else total.to(device)
        self._samples = int(saved["samples"])
        pending = [loss.to(device) for loss in saved["pending"]]
        self._pending = list(zip(pending, saved["weights"], strict=True))

    def _with_pending(self) -> tuple[Tensor | None, int]:
        """Return the sum with the losses not yet in it: one operation for many steps."""
        if not self._pending:
            return self._sum, self._samples
        losses, samples = zip(*self._pending, strict=True)
        values = torch.stack(losses)
        added = (values * torch.tensor(samples, dtype=values.dtype).to(values.device)).sum()
        total = added if self._sum is None else self._sum + added
        return total, self._samples + sum(samples)
