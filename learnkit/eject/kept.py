"""What is kept of fits so that they can be written down as a script later.

The weights that a fit is going to change are copied before it, once, however many fits follow. A
fit of a frozen body copies its head alone. Knows nothing of scripts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.data.bunch import DataBunch
from learnkit.eject.seen import Seen
from learnkit.eject.stamp import Stamp, stamp_of
from learnkit.plan import FitPlan
from learnkit.state import State

MAX_BYTES: Final = 2 << 30  # of first weights; larger models would double what a fit takes


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptFit:
    """One fit, as it was.

    Attributes:
        plan: its settings.
        groups: the optimizer's groups before the first step, with names in place of parameters.
        trained: the names of the parameters that trained.
        callbacks: those that took part.
        epochs_before: epochs of this learner before it.
        batches_before: training batches of this learner before it.
        steps: optimizer steps that its schedule is made for.
        threads: of torch.
        seen: its data.
        epochs: that it ran.
        fault: why it cannot be computed again, in a sentence; None where it can.
    """

    plan: FitPlan
    groups: tuple[dict[str, Any], ...]
    trained: frozenset[str]
    callbacks: tuple[Callback, ...]
    epochs_before: int
    batches_before: int
    seen: Seen
    steps: int = 0
    threads: int = 1
    epochs: int = 0
    fault: str | None = None


@dataclass(eq=False)
class KeptFits:
    """Fits of one learner, each of which went on with the weights that the one before had left.

    Attributes:
        start: copies on the CPU of what the fits have changed, as it was before the first.
        fits: in their order.
        fault: why these fits do not begin at a beginning, in a sentence; None where they do.
    """

    start: dict[str, Tensor] = field(default_factory=dict)
    fits: list[KeptFit] = field(default_factory=list)
    fault: str | None = None
    _stamp: Stamp = ()

    def begin(self, model: nn.Module, optimizer: Optimizer) -> None:
        """Get ready for a fit, before its first step."""
        if not self.fits or not self.unchanged(model):
            self.start, self.fits = {}, []
            self.fault = _CARRIED if has_stepped(optimizer) else None
        changing = {name: value for name, value in _changing(model) if name not in self.start}
        held = sum(value.nbytes for value in (*self.start.values(), *changing.values()))
        if held > MAX_BYTES:
            self.start, changing = {}, {}
            self.fault = f"its first weights take more than {MAX_BYTES >> 30} GiB and were not kept"
        for name, value in changing.items():
            self.start[name] = value.detach().to("cpu", copy=True)

    def end(self, model: nn.Module, fit: KeptFit) -> None:
        """Note a fit that has ended; one that failed before its first batch has changed nothing."""
        if fit.fault is None or not self.unchanged(model):
            self.fits.append(fit)
        self._stamp = stamp_of(model.state_dict().values())

    def unchanged(self, model: nn.Module) -> bool:
        """Say whether the model is as the last fit has left it."""
        return self._stamp == stamp_of(model.state_dict().values())


def has_stepped(optimizer: Optimizer) -> bool:
    """Say whether it holds what steps have left; Adagrad has a state before its first one."""
    return any(float(kept.get("step", 1)) > 0 for kept in optimizer.state.values())


_CARRIED: Final = (
    "the weights were changed after an earlier fit, while the optimizer carried its momentum on"
)


class FitRecord(Callback):
    """Keeps what can be said of one fit; costs nothing per step.

    Args:
        plan: of the fit.
        fits: where it goes.
        callbacks: of the fit, those that take part.
        data: of the fit.
    """

    looks_on = True

    def __init__(
        self, plan: FitPlan, fits: KeptFits, callbacks: Sequence[Callback], data: DataBunch
    ) -> None:
        self._plan, self._fits, self._callbacks = plan, fits, tuple(callbacks)
        self._data = data
        self._fit: KeptFit | None = None

    @override
    def before_fit(self, state: State) -> None:
        self._fits.begin(state.model, state.optimizer)
        names = {id(p): name for name, p in state.model.named_parameters()}
        self._fit = KeptFit(
            plan=self._plan,
            groups=tuple(_described(group, names) for group in state.optimizer.param_groups),
            trained=frozenset(n for n, p in state.model.named_parameters() if p.requires_grad),
            callbacks=self._callbacks,
            epochs_before=state.progress.epochs_before,
            batches_before=state.progress.batches_seen,
            seen=Seen(self._data),
            threads=torch.get_num_threads(),
        )

    @override
    def on_error(self, state: State, error: BaseException) -> None:
        self._blame(f"it ended with {type(error).__name__}")

    @override
    def after_fit(self, state: State) -> None:
        if self._fit is None:
            return
        progress, fit = state.progress, self._fit
        batches = progress.batches_seen - fit.batches_before
        planned = len(state.train_dl) if state.train_dl is not None else 0
        fit = replace(fit, epochs=progress.epochs_done, steps=progress.steps_planned)
        if fit.fault is None and batches != fit.epochs * planned:
            fit = replace(fit, fault=f"it was stopped within an epoch ({state.stop_reason})")
        self._fits.end(state.model, fit)
        self._fit = None

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"kept": True}  # so that `load_state_dict` tells a fit that is gone on with

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._blame("a part of it ran before it was resumed from a checkpoint")

    def _blame(self, fault: str) -> None:
        if self._fit is not None and self._fit.fault is None:
            self._fit = replace(self._fit, fault=fault)


def _described(group: dict[str, Any], names: dict[int, str]) -> dict[str, Any]:
    settings = {key: value for key, value in group.items() if not key.startswith("initial_")}
    return {**settings, "params": tuple(names.get(id(p), "") for p in group["params"])}


def _changing(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Give what a fit may write to: what trains, and all buffers, which are small."""
    trained = {
        name for name, p in model.named_parameters(remove_duplicate=False) if p.requires_grad
    }
    frozen = {name for name, _ in model.named_parameters(remove_duplicate=False)} - trained
    for name, value in model.state_dict().items():
        if name not in frozen:
            yield name, value
