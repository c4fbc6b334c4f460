"""What baselines reached, as values, as a table, and in words."""

from dataclasses import dataclass
from html import escape
from typing import Final, Literal, TypeAlias

from learnkit.reprs import table

Measure: TypeAlias = Literal["accuracy", "rmse"]
_SHOWN: Final = 3  # near copies in the printed table


@dataclass(frozen=True)
class Baseline:
    """One simple answer and its number on the validation samples."""

    name: str
    value: float


@dataclass(frozen=True)
class NearCopy:
    """A validation sample that lies by a training sample.

    Attributes:
        valid: the validation sample, as its loader names it.
        train: the training sample.
        distance: between their standardised features, as a share of that between any two.
    """

    valid: str
    train: str
    distance: float


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """The bar to beat, measured on the same samples as the model itself.

    Attributes:
        measure: ``"accuracy"`` for classes; ``"rmse"``, the root of the mean squared error in the
            unit of the targets, for values.
        scores: of each simple answer.
        model: of the learner's model as it is now.
        features: what neighbours and probe saw, in words.
        n_train: training samples used.
        n_valid: validation samples used.
        n_copies: validation samples that have a near copy among the training samples used.
        copies: the nearest of them, at most 100.
        notes: what looks wrong, a sentence each.
        l2: the probe's penalty; None without a probe.
        head_started: whether the head was given the probe's weights.
        seconds: that it took.
    """

    measure: Measure
    scores: tuple[Baseline, ...]
    model: float
    features: str
    n_train: int
    n_valid: int
    n_copies: int = 0
    copies: tuple[NearCopy, ...] = ()
    notes: tuple[str, ...] = ()
    l2: float | None = None
    head_started: bool = False
    seconds: float = 0.0

    @property
    def best(self) -> Baseline:
        """The bar: the best of the simple answers, the first of equal ones."""
        sign = 1 if self.measure == "accuracy" else -1
        return max(self.scores, key=lambda score: sign * score.value)

    def __getitem__(self, name: str) -> float:
        """Return the number of one answer by its name: ``result["linear probe"]``."""
        for score in self.scores:
            if score.name == name:
                return score.value
        raise KeyError(f"no baseline {name!r}; there are: {', '.join(s.name for s in self.scores)}")

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self._rows())
        lines = [f"{name:<{width}}  {value}" for name, value in self._rows()]
        return "\n".join([*lines, *self._words(), *self._some_copies()])

    def _repr_html_(self) -> str:
        words = "".join(f"<p>{escape(line)}</p>" for line in self._words())
        copies = "".join(f"<li>{escape(line.strip())}</li>" for line in self._some_copies())
        head, *rows = self._rows()
        return f"{table(rows, head=head)}{words}" + (f"<ul>{copies}</ul>" if copies else "")

    def _rows(self) -> list[tuple[str, str]]:
        scores = [(score.name, _figure(score.value)) for score in self.scores]
        return [("baseline", self.measure), *scores, ("this model now", _figure(self.model))]

    def _words(self) -> list[str]:
        seen = f"{self.n_train:,} training and {self.n_valid:,} validation samples"
        bar = f"The bar to beat: {self.best.name}, {self.measure} {_figure(self.best.value)}."
        lines = [bar, f"Seen: {seen}, {self.features}, {self.seconds:.1f} s."]
        if self.head_started:
            lines.append("The head now starts from the probe.")
        return [*lines, *self.notes]

    def _some_copies(self) -> list[str]:
        lines = [f"  {copy.valid} is like {copy.train}" for copy in self.copies[:_SHOWN]]
        more = self.n_copies - len(lines)
        return [*lines, f"  and {more:,} more"] if more > 0 and lines else lines


def _figure(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.4g}"
