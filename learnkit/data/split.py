"""Share samples out between training and validation: pure functions of the seed."""

from collections.abc import Sequence

import numpy as np

from learnkit.data.coded_labels import Labels
from learnkit.errors import DataError
from learnkit.randomness import FloatArray, IntArray, key_of, mix, uniforms


def held_out_words(pct: float, seed: int, *, stratified: bool) -> str:
    """Say how a part was held out."""
    each = ", of each class its share" if stratified else ""
    return f"{pct:.3g} of the samples held out at random{each}, by seed {seed}"


def split_random(n: int, pct: float, seed: int) -> tuple[IntArray, IntArray]:
    """Share ``n`` samples out at random; at least one goes to either side.

    Args:
        n: how many samples there are.
        pct: the fraction for validation, in (0, 1).
        seed: the same seed gives the same split.

    Returns:
        The indices for training and for validation, each int64 and ascending.

    Raises:
        DataError: when ``pct`` is out of range or there are fewer than two samples.
    """
    order = np.argsort(_draws(n, seed), kind="stable")
    n_valid = _valid_count(n, pct)
    return np.sort(order[n_valid:]), np.sort(order[:n_valid])


def split_stratified(labels: Sequence[str], pct: float, seed: int) -> tuple[IntArray, IntArray]:
    """Share samples out so that each class has about the fraction ``pct`` in validation.

    Every class keeps at least one sample for training. The number for validation is that of
    ``split_random`` where that allows it, shared over classes by largest remainder (Hamilton's
    method).

    Returns:
        The indices for training and for validation, each int64 and ascending.

    Raises:
        DataError: when ``pct`` is out of range or no class has two samples.
    """
    codes = sorted_codes(Labels.of(labels))
    n_valid = _valid_count(len(labels), pct)
    counts = np.bincount(codes)
    if counts.max() < 2:
        raise DataError(
            "A split needs a class with at least two images, one for training and one for "
            f"validation: each of the {len(counts)} classes has one."
        )
    shares = _largest_remainder(counts, n_valid)
    draws = _draws(len(labels), seed)
    order = np.lexsort((draws, codes))  # by class, within a class at random
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    to_valid = place < np.repeat(shares, counts)
    return np.sort(order[~to_valid]), np.sort(order[to_valid])


def sorted_codes(labels: Labels) -> IntArray:
    """Number the labels in their order as texts, whichever of them came first."""
    ranks = np.zeros(len(labels.texts), dtype=np.int64)
    ranks[np.argsort(np.array(labels.texts, dtype=object))] = np.arange(len(labels.texts))
    return ranks[labels.codes]


def split_groups(
    groups: Sequence[str], labels: Sequence[str], pct: float, seed: int, *, stratified: bool
) -> tuple[IntArray, IntArray]:
    """Split so that samples of one group (rows that name one file) stay on one side."""
    labels = Labels.of(labels)
    if all_differ(groups):
        if stratified:
            return split_stratified(labels, pct, seed)
        return split_random(len(groups), pct, seed)
    first: dict[str, int] = {}
    for index, group in enumerate(groups):
        first.setdefault(group, index)
    if stratified:
        _, chosen = split_stratified([labels[index] for index in first.values()], pct, seed)
    else:
        _, chosen = split_random(len(first), pct, seed)
    names = list(first)
    held_out = {names[index] for index in chosen.tolist()}
    to_valid = np.array([group in held_out for group in groups], dtype=bool)
    return np.flatnonzero(~to_valid), np.flatnonzero(to_valid)


def all_differ(texts: Sequence[str]) -> bool:
    """Say whether no two texts are equal, by their hashes alone: a set of them all would be large.

    It may be wrong in one way only: two that differ have the same hash, and False is returned.
    """
    hashes = np.fromiter(map(hash, texts), dtype=np.int64, count=len(texts))
    hashes.sort()
    return not (hashes[1:] == hashes[:-1]).any()


def check_pct(pct: float) -> None:
    """Raise DataError unless ``pct`` is a fraction in (0, 1)."""
    if isinstance(pct, bool) or not isinstance(pct, int | float) or not 0 < pct < 1:
        hint = f" Did you mean {pct / 100:g}?" if _is_percent(pct) else ""
        raise DataError(f"valid_pct must be a fraction between 0 and 1, found {pct!r}.{hint}")


def _is_percent(pct: object) -> bool:
    return isinstance(pct, int | float) and not isinstance(pct, bool) and 1 < pct < 100


def _valid_count(n: int, pct: float) -> int:
    check_pct(pct)
    if n < 2:
        raise DataError(
            "A split needs at least two images, one for training and one for validation: "
            f"found {n}."
        )
    return min(max(1, round(n * pct)), n - 1)


def _draws(n: int, seed: int) -> FloatArray:
    return uniforms(mix(seed, key_of("split")), np.arange(n, dtype=np.int64), 1)[:, 0]


def _largest_remainder(counts: IntArray, n_valid: int) -> IntArray:
    """Share ``n_valid`` places over classes in proportion, leaving one of each class out."""
    total = counts.sum()
    shares: IntArray = np.minimum(counts * n_valid // total, counts - 1)
    by_remainder = np.argsort(-(counts * n_valid % total), kind="stable")
    while shares.sum() < min(n_valid, int((counts - 1).sum())):
        for index in by_remainder:
            if shares[index] < counts[index] - 1 and shares.sum() < n_valid:
                shares[index] += 1
    return shares
