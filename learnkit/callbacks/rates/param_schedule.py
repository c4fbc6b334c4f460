"""Move any setting of the optimizer along a schedule."""

from collections.abc import Iterable
from typing import Any, Final

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.names import checked_keywords, did_you_mean
from learnkit.optim import (
    keep_momentum,
    kept_momentum,
    momentum_of,
    put_momentum_back,
    set_momentum,
)
from learnkit.schedule import Schedule
from learnkit.state import State

_INITIAL: Final = "initial_"  # kept in the group, so that a checkpoint of the optimizer holds it
_MOMENTUM: Final = "momentum"
_NOT_SETTINGS: Final = ("layer", "max_lr_snapshot")

Group = dict[str, Any]


class ParamSchedule(Callback):
    """Set a hyper-parameter to its value at the start of the fit times ``schedule(fraction)``.

    Each group keeps its own value to multiply, and gets it back after the fit. Groups without
    decay (norms and biases) stay without. The first step sees ``schedule(0)``. Of the rate it
    takes the place of the fit's own schedule.

    Args:
        param: a number of the optimizer's groups, such as ``"weight_decay"`` or ``"eps"``;
            ``"momentum"`` is beta1 of the Adam family.
        schedule: multiplier over the fit.
        peak: what is multiplied; each group's own value by default.

    Raises:
        TypeError: when ``schedule`` is no function, or ``peak`` no number.
        ValueError: at the start of a fit whose optimizer has no such number; it names the nearest.

    Example:
        ``learn.fit(5, callbacks=ParamSchedule("weight_decay", linear(start=0.1, end=1)))``
    """

    @checked_keywords
    def __init__(self, param: str, schedule: Schedule, *, peak: float | None = None) -> None:
        if not callable(schedule):
            raise TypeError(
                "ParamSchedule(): schedule must be a function of the fraction done, in [0, 1], "
                f"such as those of learnkit.schedule; found {schedule!r}."
            )
        if peak is not None and (isinstance(peak, bool) or not isinstance(peak, int | float)):
            raise TypeError(f"ParamSchedule(): peak must be a number or None, found {peak!r}.")
        self.param = param
        self.schedule = schedule
        self.peak = peak

    @property
    @override
    def name(self) -> str:
        """With the parameter, as a fit may move several."""
        return f"ParamSchedule({self.param})"

    @override
    def before_fit(self, state: State) -> None:
        groups = state.optimizer.param_groups
        known = _numbers(groups)
        if self.param not in known:
            raise ValueError(
                f"{self.name}: {type(state.optimizer).__name__} has no such number; it has "
                f"{', '.join(known)}.{did_you_mean(self.param, known)}"
            )
        for group in groups:
            if self.param == _MOMENTUM:
                keep_momentum(group)
            elif self.param in group:
                group.setdefault(_INITIAL + self.param, group[self.param])
        if self.param == "lr" and self.peak is not None:
            for group in groups:  # the fit's own word for it, which ReduceLROnPlateau lowers
                group[_INITIAL + self.param] = self.peak
        if self.peak is None and not any(self._initial(group) for group in groups):
            raise ValueError(
                f"{self.name}: every {self.param} is 0, and multiplied it stays so; give peak=."
            )

    @override
    def before_step(self, state: State) -> None:
        multiplier = self.schedule(state.progress.fraction)
        for group in state.optimizer.param_groups:
            for name, initial in self._initial(group).items():
                peak = initial if self.peak is None or self.param == "lr" else self.peak
                value = peak * multiplier
                if self.param == _MOMENTUM:
                    set_momentum(group, name, value)
                else:
                    group[name] = value

    @override
    def after_fit(self, state: State) -> None:
        for group in state.optimizer.param_groups:
            if self.param == _MOMENTUM:
                put_momentum_back(group)
            elif self.param != "lr" and _INITIAL + self.param in group:
                group[self.param] = group.pop(_INITIAL + self.param)

    def _initial(self, group: Group) -> dict[str, float]:
        """Return what is multiplied in this group, by its name there; empty where nothing is."""
        if self.param == _MOMENTUM:
            return kept_momentum(group)
        value = group.get(_INITIAL + self.param)
        spared = self.param == "weight_decay" and not group.get("decayed", True)
        if value is None or spared or (self.peak is None and value == 0):
            return {}
        return {self.param: float(value)}


def _numbers(groups: Iterable[Group]) -> list[str]:
    """Return the names of the numbers that the groups have, ``momentum`` in place of ``betas``."""
    found = {
        name: None
        for group in groups
        for name, value in group.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
        if name not in _NOT_SETTINGS and not name.startswith(_INITIAL)
    }
    found.pop(_MOMENTUM, None)
    found.pop("beta1", None)
    has_momentum = any(momentum_of(group) for group in groups)
    return [*found, *([_MOMENTUM] if has_momentum else [])]
