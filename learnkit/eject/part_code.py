"""The parts that are trained one after the other, with their schedules, as code."""

import dataclasses
from textwrap import indent
from typing import Any, Final

from learnkit.eject.forward_code import Loop
from learnkit.eject.kept import KeptFit
from learnkit.eject.optimizer_code import (
    Trained,
    rates_of,
)
from learnkit.eject.source import source_of
from learnkit.eject.values import literal
from learnkit.errors import ExportError
from learnkit.schedule import Curve
from learnkit.schedule.curve import Anneal, Chain

MAX_STEPS: Final = 100_000  # of a schedule that is written down step by step


def sources_of_curves() -> str:
    """Return the two kinds of schedule, as code."""
    return f"{source_of(Anneal, bases=False)}\n\n\n{source_of(Chain, bases=False)}"


def part_code(fit: KeptFit, rule: Trained, n_layers: int, loop: Loop) -> str:
    """Return one fit as a ``dict`` of settings."""
    plan = fit.plan
    settings = {"epochs": fit.epochs, "steps": fit.steps}
    lines = [", ".join(f"{name}={value}" for name, value in settings.items())]
    trained = f"names={rule.names}" if rule.names else f"first={rule.first}"
    lines.append(f"{trained}, norms={rule.norms}" if loop.norms else trained)
    if loop.accumulates:
        lines.append(f"accumulate={plan.accumulate}")
    lines.append(f"rates={tuple(rates_of(fit, n_layers))}, decay={float(plan.weight_decay)}")
    lines.append(f"rate={_curve(plan.schedule, fit.steps)}")
    if loop.momentum is not None:
        still = fit.groups[0][loop.momentum]
        still = still[0] if loop.momentum == "betas" else still
        moved = f"lambda fraction: {still!r}"
        if plan.momentum is not None:
            moved = _curve(plan.momentum, fit.steps)
        lines.append(f"momentum={moved}")
    inner = "".join(f"{line},\n" for line in lines)
    return f"    dict(\n{indent(inner, ' ' * 8)}    ),"


def _curve(schedule: Any, steps: int) -> str:
    if _is_curve(schedule):
        return _curve_code(schedule)
    if steps > MAX_STEPS:
        raise ExportError(
            f"The schedule is a function of yours, and {steps} steps are more than eject writes "
            f"down one by one ({MAX_STEPS}). Use those of learnkit.schedule."
        )
    values = [float(schedule(i / steps)) for i in range(steps)]
    return f"lambda fraction: {values}[round(fraction * {steps})]"


def _curve_code(schedule: Anneal | Chain) -> str:
    """Return a schedule of learnkit, those after another on a line each."""
    if isinstance(schedule, Anneal):
        fields = dataclasses.fields(schedule)
        given = ", ".join(f"{f.name}={literal(getattr(schedule, f.name))}" for f in fields)
        return f"Anneal({given})"
    inner = "".join(f"{_curve_code(one)},\n" for one in schedule.schedules)  # type: ignore[arg-type]
    begins = literal(tuple(schedule.begins))
    return f"Chain(\n    begins={begins},\n    schedules=(\n{indent(inner, ' ' * 8)}    ),\n)"


def _is_curve(schedule: Any) -> bool:
    if type(schedule) is Chain:
        return all(map(_is_curve, schedule.schedules))
    return isinstance(schedule, Curve) and type(schedule) is Anneal
