"""What a model says of one sample, in the words and shapes of its task."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of one sample.

    Attributes:
        label: the most probable class; empty for a task without classes.
        index: its place among the classes.
        probability: its probability, in [0, 1]; the first value of a task without classes.
        probabilities: of every class, float32 (K,), on the CPU; the model's own values,
            activated, for every other task.
        classes: the names, in the order of ``probabilities``.
        labels: those that hold, where a sample may have several; the one label otherwise.
        value: what it all comes to: the label; a tuple of labels; values or points as a Tensor; a
            mask int64 (H, W); a picture float32 (C, H, W); a text.
        text: how it prints.
    """

    label: str
    index: int
    probability: float
    probabilities: Tensor
    classes: tuple[str, ...]
    labels: tuple[str, ...] = ()
    value: Any = None
    text: str = ""

    def __str__(self) -> str:
        if self.text:
            return self.text
        if not self.classes:
            return numbers(self.probabilities)
        return f"{self.label} ({self.probability:.1%})"

    def top(self, k: int = 5) -> list[tuple[str, float]]:
        """Return the ``k`` most probable classes with their probabilities, best first."""
        values, places = self.probabilities.topk(min(k, len(self.probabilities)))
        names = self.classes or tuple(str(i) for i in range(len(self.probabilities)))
        return [(names[int(i)], float(v)) for v, i in zip(values, places, strict=True)]


def numbers(values: Tensor, most: int = 8) -> str:
    """Write values in a line; of many the first and how many there are."""
    flat = values.flatten()
    words = ", ".join(f"{value:.4g}" for value in flat[:most].tolist())
    return words if len(flat) <= most else f"{words}, ... ({len(flat)} values)"
