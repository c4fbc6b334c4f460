"""What one call of ``fit`` will do: rates, schedule, decay; and the line that says so."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import nn

from learnkit.optim import LayerDecay, LearningRate, has_decay, layer_decay, spread_rates
from learnkit.schedule import (
    Schedule,
    constant,
    cycles_length,
    flat_cosine,
    one_cycle,
    one_cycle_momentum,
    sgdr,
)
from learnkit.schedule.checks import check_count
from learnkit.state import State


@dataclass(frozen=True, kw_only=True)
class FitPlan:
    """The settings of one fit.

    Attributes:
        epochs: passes over the training samples.
        lr: peak learning rate, for all layer groups or for each.
        weight_decay: of weights, not of norms and biases.
        schedule: multiplier of the rate over the fit.
        schedule_name: what to call it in the opening line.
        momentum: momentum over the fit; None leaves it alone.
        accumulate: batches per optimizer step.
        minutes: what the fit may take; ``epochs`` is where its plan begins then.
    """

    epochs: int
    lr: LearningRate
    weight_decay: float
    schedule: Schedule = field(default_factory=constant)
    schedule_name: str = "constant"
    momentum: Schedule | None = None
    accumulate: int = 1
    minutes: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("accumulate", self.accumulate)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be a whole number; got {value!r}.")
            if value < 1:
                raise ValueError(f"{name} must be at least 1; got {value}.")
        if self.minutes is not None:
            check_minutes(self.minutes)
        _check_schedule(self.schedule)


def check_minutes(minutes: object) -> None:
    """Raise ValueError unless ``minutes`` is a finite number above 0."""
    if not _is_number(minutes) or not 0 < minutes < math.inf:  # type: ignore[operator]
        raise ValueError(f"minutes must be a number above 0; got {minutes!r}.")


def _check_schedule(schedule: object) -> None:
    expected = (
        "schedule must be a function of the fraction done, in [0, 1], such as those of "
        "learnkit.schedule"
    )
    if not callable(schedule):
        raise TypeError(f"{expected}; got {schedule!r}.")
    try:
        float(schedule(0.0))
    except TypeError as error:
        name = getattr(schedule, "__name__", repr(schedule))
        raise TypeError(
            f"{expected}; {name} cannot be called with a fraction ({error}). One that makes "
            f"schedules is called first: schedule={name}()."
        ) from error


def epochs_within(epochs: int | None, minutes: float | None) -> int:
    """Return the epochs to plan with; 1 where ``minutes`` decide.

    Raises:
        TypeError: when neither or both are given.
    """
    if (epochs is None) is (minutes is None):
        found = "neither" if epochs is None else "both"
        raise TypeError(
            f"a fit takes epochs or minutes=, such as fit(5) or fit(minutes=20); got {found}."
        )
    return 1 if epochs is None else epochs


def opening_line(
    plan: FitPlan, state: State, rates: Sequence[float], *, precision: str, device: str
) -> str:
    """Say in one line what was chosen for this fit."""
    train_dl, valid_dl = state.train_dl, state.valid_dl
    train = train_dl.n_samples if train_dl is not None else 0
    valid = f"{valid_dl.n_samples} valid" if valid_dl is not None else "no valid"
    size = train_dl.batch_size if train_dl is not None else 0
    batches = f"batches of {size}" + (f" x {plan.accumulate}" if plan.accumulate > 1 else "")
    optimizer = type(state.optimizer).__name__
    decay = f"decay {plan.weight_decay:g}" if has_decay(state.optimizer) else "no decay"
    limit = "" if plan.minutes is None else f"{plan.minutes:g} minutes; "
    return (
        f"{limit}{train} train, {valid} samples in {batches}; {_trained(state.model)}; "
        f"{optimizer}, {plan.schedule_name}, lr {_rates(rates)}, {decay}; "
        f"{precision} on {device}"
    )


def _trained(model: nn.Module) -> str:
    total = sum(p.numel() for p in model.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if trained == total:
        return f"all {_count(total)} weights train"
    return f"{_count(trained)} of {_count(total)} weights train"


def _count(number: int) -> str:
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def _rates(rates: Sequence[float]) -> str:
    low, high = rates[0], rates[-1]
    return f"{high:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


def one_cycle_plan(
    epochs: int,
    lr: LearningRate,
    *,
    weight_decay: float,
    pct_start: float,
    div: float = 25.0,
    div_final: float = 1e5,
    accumulate: int = 1,
    minutes: float | None = None,
) -> FitPlan:
    """Plan a 1cycle fit (Smith 2018, arXiv 1803.09820), annealed by cosines as in fastai."""
    return FitPlan(
        epochs=epochs,
        lr=lr,
        weight_decay=weight_decay,
        schedule=one_cycle(pct_start=pct_start, div=div, div_final=div_final),
        schedule_name="one cycle",
        momentum=one_cycle_momentum(pct_start=pct_start),
        accumulate=accumulate,
        minutes=minutes,
    )


def flat_cos_plan(
    epochs: int,
    lr: LearningRate,
    *,
    weight_decay: float,
    pct_start: float = 0.75,
    div_final: float = 1e5,
    accumulate: int = 1,
    minutes: float | None = None,
) -> FitPlan:
    """Plan fastai's ``fit_flat_cos``: the peak rate, then a cosine to ``lr / div_final``."""
    return FitPlan(
        epochs=epochs,
        lr=lr,
        weight_decay=weight_decay,
        schedule=flat_cosine(pct_start=pct_start, div_final=div_final),
        schedule_name="flat, then cosine",
        accumulate=accumulate,
        minutes=minutes,
    )


def sgdr_plan(
    n_cycles: int,
    cycle_len: int,
    lr_max: LearningRate,
    *,
    weight_decay: float,
    cycle_mult: int = 2,
    accumulate: int = 1,
) -> FitPlan:
    """Plan warm restarts (Loshchilov and Hutter 2017, arXiv 1608.03983)."""
    for name, value in (("cycle_len", cycle_len), ("cycle_mult", cycle_mult)):
        check_count("fit_sgdr", name, value)
    check_count("fit_sgdr", "n_cycles", n_cycles)
    return FitPlan(
        epochs=cycle_len * cycles_length(n_cycles, cycle_mult),
        lr=lr_max,
        weight_decay=weight_decay,
        schedule=sgdr(n_cycles, cycle_mult=cycle_mult),
        schedule_name="one cosine" if n_cycles == 1 else f"{n_cycles} cosines",
        accumulate=accumulate,
    )


def fine_tune_rates(base_lr: float | LayerDecay, n_layers: int, *, lr_mult: float) -> list[float]:
    """Return a rate per layer group, for a new head on pretrained layers.

    The last group gets half of ``base_lr``, the one before it ``1 / lr_mult`` of that, the first a
    tenth of the one before the last; those between are spread geometrically. A `LayerDecay` says
    itself what the groups get.

    Raises:
        ValueError: when ``lr_mult`` is not above 0.
    """
    if not _is_number(lr_mult) or not lr_mult > 0:
        raise ValueError(f"lr_mult must be a number above 0; got {lr_mult}.")
    if not isinstance(base_lr, LayerDecay) and not _is_number(base_lr):
        raise ValueError(
            "fine_tune() takes one rate, of the head, or layer_decay(...), such as base_lr=2e-3. "
            f"The body's rates follow by lr_mult; got {base_lr!r}."
        )
    if isinstance(base_lr, LayerDecay):
        half = layer_decay(base_lr.lr / 2, base_lr.decay, lowest=base_lr.lowest)
        return spread_rates(half, n_layers)
    head = base_lr / 2
    late = head / lr_mult
    body = spread_rates(slice(late / 10, late), n_layers - 1) if n_layers > 1 else []
    return [*body, head]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def head_rates(base_lr: float | LayerDecay) -> LearningRate:
    """Return the rates of the epochs in which the head trains alone."""
    return slice(base_lr.lr if isinstance(base_lr, LayerDecay) else base_lr)
