"""The metrics of a learner with their confidence intervals, as values and as a table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics import Interval, Metric, interval
from learnkit.reprs import table
from learnkit.tasks import Supervised, Task
from learnkit.types import Batch


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


class _OfTask:
    """A metric that is given what a task compares, such as each token of a drawn row."""

    def __init__(self, metric: Metric, task: Task) -> None:
        self._metric, self._task = metric, task

    @property
    def name(self) -> str:
        """The metric's own."""
        return self._metric.name

    @property
    def higher_is_better(self) -> bool | None:
        """The metric's own."""
        return self._metric.higher_is_better

    def reset(self) -> None:
        """Forget everything."""
        self._metric.reset()

    def update(self, preds: Tensor, targets: Tensor) -> None:
        """Take in samples, of which no task but those of pictures needs x."""
        self._metric.update(*self._task.compare(preds, Batch(targets, targets)))

    def compute(self) -> float:
        """Return the number."""
        return self._metric.compute()


def metrics_of(task: Task, metrics: Sequence[Metric]) -> list[Metric]:
    """Return metrics that can be given samples of a task, drawn anew.

    Raises:
        MetricError: when the task's targets are the inputs themselves.
    """
    kind = type(task)
    if getattr(kind, "targets", None) is not Supervised.targets:
        raise MetricError(
            "intervals draws samples with their targets anew, and the targets of "
            f"{kind.__name__} are its inputs: learn.validate() gives the metrics alone."
        )
    if getattr(kind, "compare", None) is Supervised.compare:
        return list(metrics)
    return [_OfTask(metric, task) for metric in metrics]


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
