"""Keep the weights of the best epoch."""

from os import PathLike
from pathlib import Path
from typing import Any

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.checkpoint import load_into, load_tensors, save_tensors
from learnkit.errors import CheckpointError
from learnkit.files import check_writable
from learnkit.monitor import Best, Mode, Monitor, best_from, check_mode, resolve
from learnkit.names import checked_keywords
from learnkit.state import State


class SaveBest(Callback):
    """Write the model's weights whenever ``monitor`` improves; put the best back at the end.

    The file is safetensors, written beside itself and renamed, so that it is always whole. Each
    fit starts anew, and ``fine_tune`` is two: its best is that of the second part.

    Args:
        path: the file, such as ``"best.safetensors"``; its folder is made if there is none.
        monitor: a column of the table.
        mode: ``"min"`` or ``"max"``; None follows the metric's own direction.
        restore: load the best weights back after the fit, however it ended.

    Raises:
        CheckpointError: at the start of the fit, when the file cannot be written.
        MonitorError: at the start of a fit that does not compute ``monitor``.
    """

    looks_on = True
    writes = True

    @checked_keywords
    def __init__(
        self,
        path: str | PathLike[str],
        monitor: str = "valid_loss",
        *,
        mode: Mode | None = None,
        restore: bool = True,
    ) -> None:
        check_mode(mode, owner="SaveBest")
        self.path = Path(path)
        self.monitor = monitor
        self.mode = mode
        self.restore = restore
        self.best = Best()
        self._watch: Monitor | None = None

    @override
    def before_fit(self, state: State) -> None:
        self.best = Best()
        self._watch = resolve(self.monitor, self.mode, state.higher_is_better, owner="SaveBest")
        if self.path.is_dir():
            raise CheckpointError(
                f"SaveBest cannot write {self.path}: it is a folder. "
                f"Give a file in it, such as {self.path / 'best.safetensors'}."
            )
        check_writable(self.path.parent, purpose="SaveBest")

    @override
    def after_epoch(self, state: State) -> None:
        value = state.metrics.get(self.monitor)
        if value is None or self._watch is None:  # an epoch that was cut short
            return
        if self._watch.improved(value, self.best.value):
            save_tensors(self.path, state.model.state_dict())
            self.best = Best(value, state.progress.epochs_done + 1)

    @override
    def after_fit(self, state: State) -> None:
        if self.restore and self.best.value is not None:
            load_into(state.model, load_tensors(self.path), source=self.path)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best.value, "best_epoch": self.best.epoch}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best = best_from(state)
