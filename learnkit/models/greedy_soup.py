"""A greedy soup: the mean of those checkpoints whose mean is best on validation.

Wortsman et al., 2022, "Model soups: averaging weights of multiple fine-tuned models improves
accuracy without increasing inference time" (arXiv 2203.05482), recipe 1. The soup begins with the
best one, so it is never worse on what ``score`` measures than the best of them. Knows no data.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import NamedTuple, Self, TypeAlias

import torch
from torch import Tensor

from learnkit.errors import CheckpointError
from learnkit.models.saved import AnyPath, read_saved, saved_weights
from learnkit.models.soup_result import Ingredient, Soup
from learnkit.models.weights import StateDict
from learnkit.names import checked_keywords

Score: TypeAlias = Callable[[StateDict], float]


@checked_keywords
def soup(
    checkpoints: AnyPath | Sequence[AnyPath],
    *,
    score: Score,
    higher_is_better: bool = True,
    like: Mapping[str, Tensor] | None = None,
) -> Soup:
    """Average those checkpoints whose mean scores best.

    The best one begins. The others are tried in the order of their own scores: one stays when the
    mean with it scores at least as well as without. Floats, BatchNorm's statistics among them, are
    averaged in float64 and rounded to the best checkpoint's type; whole numbers, such as counters,
    are the best checkpoint's. Of checkpoints with the same weights one is tried.

    Args:
        checkpoints: files of weights, such as `SaveBest` writes, folders that ``learn.save``,
            ``learn.export`` or a fit with ``checkpoint=`` wrote, or a folder of such.
        score: weights by name to a number; called once for each checkpoint, and once for each that
            is tried. NaN never goes in.
        higher_is_better: whether a higher score is better.
        like: names and shapes that all must have, with floats where it has some; those of the
            first checkpoint by default.

    Raises:
        CheckpointError: for a checkpoint that is missing, damaged or of another architecture,
            naming file and tensor; or when every score is NaN.
        TypeError: when ``score`` is no function.
    """
    if not callable(score):
        raise TypeError(f"soup: score takes weights and returns a number; found {score!r}.")
    paths = saved_weights(checkpoints, Path())
    tasted = _taste_all(paths, score, like, higher_is_better)
    sign = 1 if higher_is_better else -1
    first, *others = tasted
    mix = _Mix.of(_read(first.path, like))
    best, ingredients = first.score, [replace(first, soup_score=first.score, used=True)]
    for each in others:
        if each.same_as is None and not isnan(each.score):
            tried = mix.with_one_more(_read(each.path, like))
            found = _number(score(tried.mean()), each.path)
            better = sign * found >= sign * best
            mix, best = (tried, found) if better else (mix, best)
            each = replace(each, soup_score=found, used=better)
        ingredients.append(each)
    return Soup(mix.mean(), best, tuple(ingredients))


def _taste_all(
    paths: Sequence[Path], score: Score, like: Mapping[str, Tensor] | None, higher: bool
) -> list[Ingredient]:
    """Score each alone, and return the best first; one that equals another comes last."""
    found: list[Ingredient] = []
    known: dict[str, Ingredient] = {}
    for path in paths:
        state = _read(path, like)
        like = like if like is not None else {n: v.to("meta") for n, v in state.items()}
        digest = _digest(state)
        if digest in known:
            same = known[digest]
            found.append(Ingredient(path, same.score, same_as=same.path))
            continue
        known[digest] = Ingredient(path, _number(score(state), path))
        found.append(known[digest])
    sign = -1 if higher else 1
    found.sort(key=lambda e: (e.same_as is not None, isnan(e.score), sign * e.score))
    if isnan(found[0].score):
        raise CheckpointError(f"soup: the score of all {len(found)} checkpoints is NaN.")
    return found


def _number(value: object, path: Path) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise TypeError(f"soup: score must return a number; for {path} found {value!r}.") from error


def _read(path: Path, like: Mapping[str, Tensor] | None) -> StateDict:
    state = read_saved(path)
    problem = None if like is None else next(_misfits(state, like), None)
    if problem is not None:
        raise CheckpointError(
            f"{path} cannot go into this soup: {problem}. A soup takes weights of one architecture "
            "with the same classes."
        )
    return state


def _misfits(state: StateDict, like: Mapping[str, Tensor]) -> Iterator[str]:
    for name, value in like.items():
        if name not in state:
            yield f"it lacks the tensor {name}"
        elif state[name].shape != value.shape:
            shapes = tuple(state[name].shape), tuple(value.shape)
            yield f"its tensor {name} has shape {shapes[0]}, expected {shapes[1]}"
        elif _averages(state[name]) != _averages(value):
            kinds = (str(t.dtype).removeprefix("torch.") for t in (state[name], value))
            yield "its tensor {} is {}, expected {}".format(name, *kinds)
    yield from (
        f"it has the tensor {name}, which is not expected" for name in sorted(state.keys() - like)
    )


def _digest(state: StateDict) -> str:
    sha = hashlib.sha256()
    for name in sorted(state):
        value = state[name].contiguous()
        sha.update(f"{name} {value.dtype} {tuple(value.shape)} ".encode())
        sha.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


class _Mix(NamedTuple):
    """The sum of some checkpoints' floats; everything else as in the first of them."""

    first: StateDict
    sums: StateDict
    n: int

    @classmethod
    def of(cls, state: StateDict) -> Self:
        return cls(state, {k: _wide(v) for k, v in state.items() if _averages(v)}, 1)

    def with_one_more(self, state: StateDict) -> Self:
        sums = {name: value + _wide(state[name]) for name, value in self.sums.items()}
        return self._replace(sums=sums, n=self.n + 1)

    def mean(self) -> StateDict:
        """Return new tensors, in the first one's types."""
        return {
            name: (self.sums[name] / self.n).to(value.dtype) if name in self.sums else value.clone()
            for name, value in self.first.items()
        }


def _averages(value: Tensor) -> bool:
    return value.is_floating_point() or value.is_complex()


def _wide(value: Tensor) -> Tensor:
    return value.to(torch.complex128 if value.is_complex() else torch.float64)
