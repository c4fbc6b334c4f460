"""How many samples each class has in each part, and what is uneven about it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from learnkit.data.doctor.finding import RANKS, Finding, Sample
from learnkit.data.labels import sorted_classes


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassCounts:
    """Samples by class and part, unreadable ones included.

    Attributes:
        classes: the classes' names.
        parts: ``("train", "valid")``, or ``("all",)`` where nothing is held out.
        counts: for each class, how many samples each part has of it.
        unlabelled: how many samples of each part have no class.
    """

    classes: tuple[str, ...]
    parts: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    unlabelled: tuple[int, ...]

    @property
    def totals(self) -> tuple[int, ...]:
        """How many samples each part has, unlabelled ones included."""
        return tuple(
            sum(row[place] for row in self.counts) + self.unlabelled[place]
            for place in range(len(self.parts))
        )

    @property
    def imbalance(self) -> float | None:
        """Samples of the largest class of the first part to those of its smallest; None below 2.

        Classes that the part has none of do not count.
        """
        present = [row[0] for row in self.counts if row and row[0]]
        return max(present) / min(present) if len(present) > 1 else None


def count_classes(
    samples: Iterable[Sample], parts: Sequence[str], classes: Sequence[str] = ()
) -> ClassCounts:
    """Count samples.

    Args:
        samples: all of all parts.
        parts: their names; also of those that have no samples.
        classes: in the model's order; those found, sorted, where there are none.
    """
    counter = Counter((sample.label, sample.part) for sample in samples)
    found = {label for label, _ in counter if label is not None}
    names = (*classes, *sorted_classes(found - set(classes)))
    return ClassCounts(
        classes=names,
        parts=tuple(parts),
        counts=tuple(tuple(counter[name, part] for part in parts) for name in names),
        unlabelled=tuple(counter[None, part] for part in parts),
    )


def find_uneven(counts: ClassCounts, max_imbalance: float) -> list[Finding]:
    """Find classes that a part lacks, and a class that has many times the samples of another."""
    found = [_missing(words) for words in _missing_words(counts)]
    ratio = counts.imbalance
    if ratio is not None and ratio > max_imbalance:
        rows = [(row[0], name) for name, row in zip(counts.classes, counts.counts, strict=True)]
        most, least = max(rows), min(row for row in rows if row[0])
        words = (
            f"in {counts.parts[0]} there are {most[0]:,} of {most[1]!r}, {ratio:.1f} times the "
            f"{least[0]:,} of {least[1]!r}"
        )
        found.append(Finding(kind="imbalance", severity="warning", files=(), words=words))
    return found


def _missing(words: str) -> Finding:
    return Finding(kind="missing class", severity="warning", files=(), words=words)


def _missing_words(counts: ClassCounts) -> Iterable[str]:
    first = counts.parts[0]
    trained = [
        name for name, row in zip(counts.classes, counts.counts, strict=True) if row and row[0]
    ]
    if len(trained) == 1:
        yield f"in {first} there is only class {trained[0]!r}; training needs two"
    for name, row in zip(counts.classes, counts.counts, strict=True):
        if not any(row):
            yield f"there is nothing of {name!r} at all"
    for place, part in enumerate(counts.parts):
        if RANKS[part] > RANKS["valid"] or counts.totals[place] == counts.unlabelled[place]:
            continue  # what is only predicted may be of any class, or of none
        for name, row in zip(counts.classes, counts.counts, strict=True):
            others = sum(row) - row[place]
            if not row[place] and others:
                yield f"{part} has none of {name!r}; there are {others:,} elsewhere"
