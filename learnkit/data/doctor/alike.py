"""Nearly the same photo twice: saved again, resized, cropped a little, brightened.

Each photo is compared with all others of its part, and with all of the parts that are held out from
it. Copies that are equal byte for byte are not compared again.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from learnkit.data.doctor.finding import RANKS, Aside, Finding, Sample, some_of
from learnkit.data.doctor.look import Look
from learnkit.data.doctor.options import HASH_BITS
from learnkit.data.doctor.phash import Hashes, nearest


class _Side(NamedTuple):
    """Photos of one part, or of several: their places among all samples, and their hashes."""

    places: list[int]
    hashes: Hashes


def find_alike(
    samples: Sequence[Sample], looks: Sequence[Look], kept: Sequence[int], near: int
) -> list[Finding]:
    """Find near duplicates.

    Args:
        samples: all of all parts.
        looks: what was seen of each.
        kept: the places to compare, one for each content.
        near: bits in which two hashes may differ.
    """
    hashed = [place for place in kept if looks[place].hash is not None]
    found: list[Finding] = []
    for part in sorted({samples[place].part for place in hashed}, key=lambda part: RANKS[part]):
        own = _side(looks, [p for p in hashed if samples[p].part == part])
        held = _side(looks, [p for p in hashed if RANKS[samples[p].part] > RANKS[part]])
        found += _across(samples, looks, own, held, near)
        found += _within(samples, own, near)
    return found


def _side(looks: Sequence[Look], places: list[int]) -> _Side:
    joined = b"".join(looks[place].hash or b"" for place in places)
    return _Side(places, np.frombuffer(joined, np.uint8).reshape(len(places), HASH_BITS // 8))


def _across(
    samples: Sequence[Sample], looks: Sequence[Look], own: _Side, held: _Side, near: int
) -> list[Finding]:
    """Find photos that are held out, but whose near duplicates are trained on."""
    if not own.places or not held.places:
        return []
    matches: dict[int, list[tuple[int, int]]] = {}
    for place, (match, bits) in zip(
        own.places, np.stack(nearest(own.hashes, held.hashes), axis=1).tolist(), strict=True
    ):
        if bits <= near:
            matches.setdefault(held.places[match], []).append((bits, place))
    found = []
    for match, others in sorted(matches.items()):
        others.sort()
        names = [samples[place].name for _, place in others]
        found.append(
            Finding(
                kind="near leak",
                severity="error",
                files=(samples[match].name, *names),
                words=f"{samples[match].name} ~ {some_of(names)} ({_apart(others)})",
                aside=tuple(Aside(samples[p].name, looks[p].sha256) for _, p in others),
            )
        )
    return found


def _apart(others: list[tuple[int, int]]) -> str:
    low, high = others[0][0], others[-1][0]
    return f"{low} bits" if low == high else f"{low} to {high} bits"


def _within(samples: Sequence[Sample], own: _Side, near: int) -> list[Finding]:
    """Find groups of near duplicates in one part: each photo with the one nearest to it."""
    if len(own.places) < 2:
        return []
    matches, bits = nearest(own.hashes, own.hashes, itself=True)
    links = [(a, int(matches[a])) for a in np.flatnonzero(bits <= near).tolist()]
    found = []
    for group in _groups(len(own.places), links):
        members = [samples[own.places[place]] for place in group]
        labels = sorted({sample.label for sample in members if sample.label is not None})
        files = tuple(sample.name for sample in members)
        words = f"{files[0]} ~ {some_of(list(files[1:]))}"
        if len(labels) > 1:
            words = f"{words} (labels {some_of(labels)})"
            found.append(
                Finding(kind="near conflict", severity="warning", files=files, words=words)
            )
        else:
            found.append(Finding(kind="near copies", severity="info", files=files, words=words))
    return found


def _groups(n: int, links: list[tuple[int, int]]) -> list[list[int]]:
    """Return what links hold together, in the order of the first of each group."""
    root = list(range(n))

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    for a, b in links:
        first, second = sorted((find(a), find(b)))
        root[second] = first
    groups: dict[int, list[int]] = {}
    for place in range(n):
        groups.setdefault(find(place), []).append(place)
    return [group for group in groups.values() if len(group) > 1]
