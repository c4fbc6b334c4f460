"""What a check of data finds, as frozen values. Knows no files and no pixels."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

Severity: TypeAlias = Literal["error", "warning", "info"]
Kind: TypeAlias = Literal[
    "unreadable",
    "leak",
    "near leak",
    "label",
    "not finite",
    "conflict",
    "near conflict",
    "copies",
    "extension",
    "tiny",
    "extreme",
    "blank",
    "missing class",
    "imbalance",
    "near copies",
    "rotated",
]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

# The more held out, the higher: of a photo in two parts, the copy in the higher one stays.
RANKS: Final = {"all": 0, "train": 0, "valid": 1, "test": 2}

_NAMED: Final = 2


class Sample(NamedTuple):
    """One labelled sample.

    Attributes:
        part: ``"train"``, ``"valid"``, ``"test"``; ``"all"`` where nothing is held out.
        name: a file, relative to the folder checked; or ``train sample 7``.
        label: the name of its class, None where it has none.
    """

    part: str
    name: str
    label: str | None


class Aside(NamedTuple):
    """A file that ``--fix`` moves, and the SHA-256 it had; None where it could not be read."""

    file: str
    sha256: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing found.

    Attributes:
        kind: what is wrong; see docs/doctor.md.
        severity: ``"error"`` for what makes a result wrong, ``"warning"`` for what probably wants a
            change, ``"info"`` for what is good to know.
        files: the files (or samples) it is about; of duplicates, the one that stays first.
        words: it in words.
        aside: which of the files ``--fix`` moves into the quarantine.
    """

    kind: Kind
    severity: Severity
    files: tuple[str, ...]
    words: str
    aside: tuple[Aside, ...] = ()


def some_of(names: list[str]) -> str:
    """Return ``a, b and 9 more``."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def counted(n: int, one: str, many: str) -> str:
    """Return ``1 file`` or ``2,000 files``."""
    return f"{n:,} {one if n == 1 else many}"
