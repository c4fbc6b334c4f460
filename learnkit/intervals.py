"""The metrics of a learner with their confidence intervals, as values and as a table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics import Interval, Metric, interval
from learnkit.reprs import table


@dataclass(frozen=True)
class Intervals:
    """Every metric over one loader, with the range that holds the true one with some confidence.

    Attributes:
        of: an interval for each metric, by its name.
        n: samples that were predicted.
        confidence: of each interval by itself, in (0, 1).
    """

    of: Mapping[str, Interval]
    n: int
    confidence: float

    def __getitem__(self, name: str) -> Interval:
        """Return the interval of one metric by its name."""
        if name not in self.of:
            raise KeyError(f"no metric {name!r}; there are: {', '.join(self.of)}")
        return self.of[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.of)

    def __len__(self) -> int:
        return len(self.of)

    def __str__(self) -> str:
        rows = [("metric", "value", "low", "high"), *self._rows()]
        width = max(len(name) for name, *_ in rows)
        lines = [name.ljust(width) + "".join(f"{c:>10}" for c in cells) for name, *cells in rows]
        return "\n".join([*lines, self._note()])

    def _repr_html_(self) -> str:
        head = ("metric", "value", "low", "high")
        return f"{table(list(self._rows()), head=head)}<p>{self._note()}</p>"

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for name, found in self.of.items():
            yield (name, *(f"{value:.4f}" for value in (found.value, found.low, found.high)))

    def _note(self) -> str:
        return f"{self.confidence:.4g} confidence, {self.n:,} samples"


def intervals_of(
    metrics: list[Metric], preds: Tensor, targets: Tensor, *, confidence: float, seed: int
) -> Intervals:
    """Compute the interval of each metric.

    Args:
        metrics: of a learner.
        preds: raw predictions (N, ...).
        targets: (N, ...).
        confidence: in (0, 1).
        seed: of the draws.

    Raises:
        MetricError: when there are no metrics, or ``confidence`` is out of range.
    """
    if not metrics:
        raise MetricError(
            "intervals needs metrics, and this learner has none. Make it with metrics=accuracy."
        )
    found = {
        metric.name: interval(metric, preds, targets, confidence=confidence, seed=seed)
        for metric in metrics
    }
    return Intervals(found, len(preds), confidence)
