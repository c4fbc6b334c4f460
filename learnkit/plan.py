"""What one call of ``fit`` will do: rates, schedule, decay; and the line that says so."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import nn

from learnkit.optim import LearningRate, spread_rates
from learnkit.schedule import Schedule, constant, one_cycle, one_cycle_momentum
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
    """

    epochs: int
    lr: LearningRate
    weight_decay: float
    schedule: Schedule = field(default_factory=constant)
    schedule_name: str = "constant"
    momentum: Schedule | None = None
    accumulate: int = 1

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("accumulate", self.accumulate)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be a whole number; got {value!r}.")
            if value < 1:
                raise ValueError(f"{name} must be at least 1; got {value}.")
        if not callable(self.schedule):
            raise TypeError(
                "schedule must be a function of the fraction done, in [0, 1], such as those of "
                f"learnkit.schedule; got {self.schedule!r}."
            )


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
    return (
        f"{train} train, {valid} samples in {batches}; {_trained(state.model)}; "
        f"{optimizer}, {plan.schedule_name}, lr {_rates(rates)}, decay {plan.weight_decay:g}; "
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
    )


def fine_tune_rates(head: float, n_layers: int, *, lr_mult: float) -> list[float]:
    """Return a rate per layer group, for a new head on pretrained layers.

    The last group gets ``head``, the one before it ``head / lr_mult``, the first a tenth of that;
    those between are spread geometrically.

    Raises:
        ValueError: when ``lr_mult`` is not above 0.
    """
    if not lr_mult > 0:
        raise ValueError(f"lr_mult must be a number above 0; got {lr_mult}.")
    late = head / lr_mult
    body = spread_rates(slice(late / 10, late), n_layers - 1) if n_layers > 1 else []
    return [*body, head]
