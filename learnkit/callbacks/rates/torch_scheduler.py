"""Let one of torch's own schedulers set the rate."""

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.lr_scheduler import ReduceLROnPlateau as TorchPlateau
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.monitor import resolve
from learnkit.names import checked_keywords, did_you_mean
from learnkit.optim import (
    keep_momentum,
    kept_momentum,
    momentum_of,
    put_momentum_back,
    set_momentum,
)
from learnkit.state import State

Every: TypeAlias = Literal["epoch", "step"]
_EVERY: Final = ("epoch", "step")


class TorchScheduler(Callback):
    """Take the rate from a scheduler of ``torch.optim.lr_scheduler``, and momentum if it moves it.

    The fit's own schedule of the rate has no effect beside it. The scheduler starts from the fit's
    ``lr`` and works on a copy of the optimizer's settings, so nothing of it stays behind. A resumed
    fit steps a fresh one as often as the first had been, about 10 microseconds a step.

    Args:
        factory: makes the scheduler of an optimizer: ``lambda opt: StepLR(opt, 10)``, or a partial.
        every: whether it steps after every epoch or after every step of the optimizer.
        monitor: what torch's ReduceLROnPlateau looks at, a column of the table; for no other.

    Raises:
        TypeError: when ``factory`` is no function, or makes something else than a scheduler.
        ValueError: when ``every`` is neither.
        MonitorError: at the start of a fit that does not compute ``monitor``.

    Example:
        ``learn.fit(9, callbacks=TorchScheduler(lambda opt: StepLR(opt, 3), every="epoch"))``
    """

    @checked_keywords
    def __init__(
        self,
        factory: Callable[[Optimizer], LRScheduler],
        *,
        every: Every = "epoch",
        monitor: str = "valid_loss",
    ) -> None:
        if not callable(factory):
            raise TypeError(
                "TorchScheduler(): give a function that makes the scheduler, such as "
                f"lambda opt: StepLR(opt, 10); found a {type(factory).__name__}."
            )
        if every not in _EVERY:
            raise ValueError(
                f"TorchScheduler(): every must be 'epoch' or 'step', found {every!r}."
                f"{did_you_mean(str(every), _EVERY)}"
            )
        self.factory, self.every, self.monitor = factory, every, monitor
        self._settings: _Settings | None = None
        self._scheduler: LRScheduler | None = None
        self._steps = 0
        self._seen: list[float] = []

    @override
    def before_fit(self, state: State) -> None:
        self._scheduler, self._steps, self._seen = None, 0, []
        self._settings = _Settings(state.optimizer)
        for group in state.optimizer.param_groups:
            keep_momentum(group)
        made: object = self.factory(self._settings)
        if not isinstance(made, LRScheduler):
            raise TypeError(
                "TorchScheduler(): the function must return a torch.optim.lr_scheduler.LRScheduler,"
                f" found a {type(made).__name__}."
            )
        if isinstance(made, TorchPlateau):
            self._check_plateau(made, state)
        self._scheduler = made

    def _check_plateau(self, made: TorchPlateau, state: State) -> None:
        watch = resolve(self.monitor, None, state.higher_is_better, owner="TorchScheduler")
        if self.every != "epoch" or made.mode != watch.mode:
            raise ValueError(
                "TorchScheduler(): ReduceLROnPlateau steps every epoch, and for "
                f"{self.monitor} with mode={watch.mode!r}; found every={self.every!r} and "
                f"mode={made.mode!r}. learnkit's own ReduceLROnPlateau knows both."
            )

    @override
    def before_step(self, state: State) -> None:
        if self._settings is None:
            return
        progress = state.progress
        plateau = isinstance(self._scheduler, TorchPlateau)
        due = progress.steps_done if self.every == "step" else progress.epochs_done
        while self._steps < (len(self._seen) if plateau else due):
            self._step()
        self._settings.copy_to(state.optimizer)

    def _step(self) -> None:
        scheduler: Any = self._scheduler
        if self._settings is not None:
            self._settings.step()  # torch warns of a scheduler that is ahead of its optimizer
        if isinstance(scheduler, TorchPlateau):
            scheduler.step(self._seen[self._steps])
        else:
            scheduler.step()
        self._steps += 1

    @override
    def after_epoch(self, state: State) -> None:
        value = state.metrics.get(self.monitor)
        if isinstance(self._scheduler, TorchPlateau) and value is not None:
            self._seen.append(float(value))

    @override
    def after_fit(self, state: State) -> None:
        for group in state.optimizer.param_groups:
            put_momentum_back(group)
        self._settings = self._scheduler = None

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"seen": list(self._seen)} if self._seen else {}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._seen = [float(value) for value in state["seen"]]


class _Settings(Optimizer):
    """The settings of an optimizer's groups, copied: what a scheduler needs of an optimizer."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._peaks = [float(g.get("initial_lr", g["lr"])) for g in optimizer.param_groups]
        groups = [
            # without the peaks, which torch would take for those of a scheduler that goes on
            {k: v for k, v in group.items() if not k.startswith("initial_")} | {"lr": peak}
            for group, peak in zip(optimizer.param_groups, self._peaks, strict=True)
        ]
        super().__init__(groups, dict(optimizer.defaults))
        self._momentum = [momentum_of(group) for group in groups]
        self._moves_momentum = False

    @override
    def step(self, closure: Any = None) -> Any:
        """Move nothing."""

    def copy_to(self, optimizer: Optimizer) -> None:
        """Give the optimizer the rates, and the momentum where the scheduler has moved it.

        A peak that somebody has lowered meanwhile lowers the rate likewise.
        """
        momentum = [momentum_of(group) for group in self.param_groups]
        self._moves_momentum = self._moves_momentum or momentum != self._momentum
        pairs = zip(self.param_groups, optimizer.param_groups, strict=True)
        for i, (mine, real) in enumerate(pairs):
            peak, now = self._peaks[i], real.get("initial_lr", self._peaks[i])
            real["lr"] = float(mine["lr"]) * (now / peak if peak > 0 else 1.0)
            for name in kept_momentum(real) if self._moves_momentum else ():
                set_momentum(real, name, momentum[i].get(name, 0.0))
