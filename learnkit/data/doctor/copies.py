"""The same file twice: within a part, across parts, under two labels.

Of each content one copy stays: that of test before that of valid before that of train, so that what
is measured on stays as it was and results can be compared with earlier ones; within a part, the
first one listed. Where the copies have two labels, nobody but a person knows which is right, so
``--fix`` moves all of them.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from learnkit.data.doctor.finding import RANKS, Aside, Finding, Sample, some_of


class Copies(NamedTuple):
    """What was found: ``kept`` is the place of one sample for each content."""

    findings: list[Finding]
    kept: list[int]


def find_copies(
    samples: Sequence[Sample], digests: Sequence[str | None], root: Path | None
) -> Copies:
    """Find samples of equal content.

    Args:
        samples: all of all parts.
        digests: what is equal for equal content; None for one that was not read.
        root: where the files are, for ``--fix``; None where nothing is to be moved.
    """
    groups: dict[str, list[int]] = {}
    for place, digest in enumerate(digests):
        if digest is not None:
            groups.setdefault(digest, []).append(place)
    findings: list[Finding] = []
    kept: list[int] = []
    for digest, places in groups.items():
        places.sort(key=lambda place: -RANKS[samples[place].part])  # sorts are stable
        kept.append(places[0])
        if len(places) > 1:
            findings += _of_group([samples[place] for place in places], digest, root)
    return Copies(findings, kept)


def _of_group(group: list[Sample], digest: str, root: Path | None) -> list[Finding]:
    """Return what there is to say of samples of one content, the one that stays first."""
    files = tuple(sample.name for sample in group)
    words = f"{files[0]} = {some_of(list(files[1:]))}"
    labels = sorted({sample.label for sample in group if sample.label is not None})
    conflict = len(labels) > 1
    moved = () if root is None else _moved(root, files, digest, everything=conflict)
    found = []
    if len({sample.part for sample in group}) > 1:
        aside = () if conflict else moved
        found.append(Finding(kind="leak", severity="error", files=files, words=words, aside=aside))
    elif not conflict:
        found.append(
            Finding(kind="copies", severity="warning", files=files, words=words, aside=moved)
        )
    if conflict:
        words = f"{words} (labels {some_of(labels)})"
        found.append(
            Finding(kind="conflict", severity="warning", files=files, words=words, aside=moved)
        )
    return found


def _moved(
    root: Path, files: tuple[str, ...], digest: str, *, everything: bool
) -> tuple[Aside, ...]:
    """Return the files to move, without those that are the one that stays by another name."""
    if everything:
        return tuple(Aside(name, digest) for name in dict.fromkeys(files))
    stays = root / files[0]
    return tuple(
        Aside(name, digest) for name in dict.fromkeys(files[1:]) if _apart(root / name, stays)
    )


def _apart(path: Path, stays: Path) -> bool:
    """Say whether ``path`` can go and ``stays`` is still there: links may lead to one file."""
    if _entry(path) == _entry(stays):
        return False
    return path.is_symlink() or os.path.realpath(path) != os.path.realpath(stays)


def _entry(path: Path) -> Path:
    """Return where the name itself stands: links in its folders followed, its own not."""
    return Path(os.path.realpath(path.parent)) / path.name
