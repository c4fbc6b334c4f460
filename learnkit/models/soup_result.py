"""What a greedy soup came to, as values and as a table. Knows no files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from learnkit.models.weights import StateDict
from learnkit.reprs import table

_HEAD: Final = ("weights", "alone", "in the soup")


@dataclass(frozen=True)
class Ingredient:
    """One checkpoint.

    Attributes:
        path: its file or folder.
        score: of its weights alone.
        soup_score: of the soup with it; None where it was not tried.
        used: whether it went in.
        same_as: a checkpoint before it with the same weights, which is why it was not tried.
    """

    path: Path
    score: float
    soup_score: float | None = None
    used: bool = False
    same_as: Path | None = None


@dataclass(frozen=True, eq=False)
class Soup:
    """What a greedy soup came to.

    Attributes:
        weights: tensors by name, on the CPU, in the types of the best checkpoint.
        score: of these weights.
        ingredients: every checkpoint, the best alone first: the order in which they were tried.
    """

    weights: StateDict
    score: float
    ingredients: tuple[Ingredient, ...]

    @property
    def used(self) -> tuple[Path, ...]:
        """Which checkpoints went in."""
        return tuple(each.path for each in self.ingredients if each.used)

    @property
    def best(self) -> Ingredient:
        """The best single checkpoint."""
        return self.ingredients[0]

    def __repr__(self) -> str:
        return f"Soup({len(self.used)} of {len(self.ingredients)}, score {self.score:.6g})"

    def __str__(self) -> str:
        rows = [_HEAD, *self._rows()]
        widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
        lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c}" for a, b, c in rows]
        return "\n".join([*lines, self._summary()])

    def _summary(self) -> str:
        return (
            f"{len(self.used)} of {len(self.ingredients)} went in: {self.score:.6g}, "
            f"best alone {self.best.score:.6g}."
        )

    def _repr_html_(self) -> str:
        return f"{table(list(self._rows()), head=_HEAD)}<p>{self._summary()}</p>"

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        yield from map(_cells, self.ingredients)


def _cells(each: Ingredient) -> tuple[str, str, str]:
    if each.same_as is not None:
        last = f"the same weights as {each.same_as.name}"
    elif each.soup_score is None:
        last = "not tried"
    else:
        last = f"{each.soup_score:.6g}, {'went in' if each.used else 'left out'}"
    return str(each.path), f"{each.score:.6g}", last
