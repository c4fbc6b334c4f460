"""Watch one number of an epoch's row, and say whether it has improved.

Knows rows and directions; what to do about an improvement is the callback's business.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from learnkit.errors import MonitorError
from learnkit.names import did_you_mean

Mode: TypeAlias = Literal["min", "max"]
_MODES: Final = ("min", "max")


@dataclass(frozen=True, slots=True)
class Monitor:
    """One watched number and its better direction."""

    name: str
    mode: Mode

    def improved(self, value: float, best: float | None, *, min_delta: float = 0.0) -> bool:
        """Say whether ``value`` beats ``best`` by more than ``min_delta``.

        NaN is never an improvement, and neither is an infinite value in the wrong direction.
        """
        gain = -value if self.mode == "min" else value
        bar = -math.inf if best is None else (-best if self.mode == "min" else best) + min_delta
        return gain > bar


@dataclass(slots=True)
class Best:
    """The best number so far, and the epoch that reached it, counted from 1 within the fit."""

    value: float | None = None
    epoch: int = 0

    def __str__(self) -> str:
        return "none yet" if self.value is None else f"{self.value:.4g} in epoch {self.epoch}"


def check_mode(mode: object, *, owner: str) -> None:
    """Raise when ``mode`` is none of "min", "max" and None; for a callback's constructor.

    Raises:
        MonitorError: naming the callback and what it was given.
    """
    if mode is not None and mode not in _MODES:
        raise MonitorError(
            f"{owner}(mode={mode!r}): mode must be 'min', 'max', or None to follow the metric's "
            f"own direction.{did_you_mean(str(mode), _MODES)}"
        )


def resolve(
    name: str, mode: Mode | None, directions: Mapping[str, bool | None], *, owner: str
) -> Monitor:
    """Return the `Monitor` for ``name``, before the training starts.

    Args:
        name: a column of the epoch's row.
        mode: the better direction, or None to follow ``directions``.
        directions: ``state.higher_is_better``: what this fit computes.
        owner: the callback, for messages.

    Raises:
        MonitorError: when this fit does not compute ``name``, or nobody said which way is better.
    """
    if name not in directions:
        raise MonitorError(
            f"{owner}(monitor={name!r}): this fit computes {', '.join(directions)}."
            f"{did_you_mean(name, directions)}"
        )
    higher = directions[name]
    if mode is None and higher is None:
        raise MonitorError(
            f"{owner}(monitor={name!r}): nobody said whether a higher or a lower {name} is better. "
            f"Say it: {owner}(monitor={name!r}, mode='max') or mode='min'."
        )
    return Monitor(name, mode if mode is not None else "max" if higher else "min")


def best_from(state: Mapping[str, Any]) -> Best:
    """Take a `Best` back from a callback's ``state_dict``."""
    value = state["best"]
    return Best(None if value is None else float(value), int(state["best_epoch"]))
