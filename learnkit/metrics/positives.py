"""How many samples each class has, for numbers that do not exist without them."""

from typing import Final

import torch
from torch import Tensor

from learnkit.metrics.problem import Problem

_NAMED: Final = 5  # classes in a message


class Positives:
    """Counts the samples of each class on the device.

    Args:
        problem: which classes there are.
        device: of the labels.
    """

    def __init__(self, problem: Problem, device: torch.device) -> None:
        self._problem = problem
        self._counts = torch.zeros(problem.n, dtype=torch.int64, device=device)
        self._total = 0

    def add(self, labels: Tensor) -> None:
        """Add labels as `Problem.targets` lays them out, int64 in range; no transfer."""
        if self._problem.kind == "multiclass":
            self._counts.index_add_(0, labels, torch.ones_like(labels))
        else:
            self._counts += labels.sum(0)
        self._total += len(labels)

    def lacking(self, *, others: bool, label: int | None) -> str:
        """Say which class has no samples, or nothing.

        Args:
            others: whether samples of other classes are needed too.
            label: the only class that matters; None for all.
        """
        counts = self._counts.tolist()
        looked_at = range(len(counts)) if label is None else [label]
        without = [k for k in looked_at if counts[k] == 0]
        if without:
            return f"the phase has no sample of {self._named(without)}."
        if others and any(counts[k] == self._total for k in looked_at):
            full = [k for k in looked_at if counts[k] == self._total]
            return f"the phase has samples of {self._named(full)} only."
        return ""

    def _named(self, classes: list[int]) -> str:
        if self._problem.kind == "binary":
            return "label 1"
        word = "class" if self._problem.kind == "multiclass" else "label"
        words = ", ".join(map(str, classes[:_NAMED]))
        return f"{word} {words}" + (", ..." if len(classes) > _NAMED else "")
