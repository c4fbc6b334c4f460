"""Keep the weights of the best few epochs."""

import re
from os import PathLike
from pathlib import Path
from typing import Any

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.checkpoint import save_tensors
from learnkit.files import check_writable, remove
from learnkit.monitor import Mode, Monitor, check_mode, resolve
from learnkit.names import checked_keywords
from learnkit.state import State


class SaveTopK(Callback):
    """Keep the weights of the ``k`` epochs with the best ``monitor``, a file each.

    A file is named after its epoch and its number, ``epoch_003-accuracy-0.9412.safetensors``, with
    the epoch counted over all fits of the learner. A file that is no longer among the best goes
    when the one that is better is whole; files that this fit has not written are left alone. Of
    equal numbers the earlier epoch stays; NaN is never kept.

    Args:
        folder: of the files; made if there is none.
        k: how many to keep, at least 1.
        monitor: a column of the table.
        mode: ``"min"`` or ``"max"``; None follows the metric's own direction.

    Raises:
        ValueError: when ``k`` is no whole number of at least 1.
        CheckpointError: at the start of the fit, when the folder cannot be written.
        MonitorError: at the start of a fit that does not compute ``monitor``.

    Example:
        ``learn.fit(20, callbacks=SaveTopK("best", k=5, monitor="accuracy"))``
    """

    looks_on = True
    writes = True

    @checked_keywords
    def __init__(
        self,
        folder: str | PathLike[str],
        *,
        k: int = 3,
        monitor: str = "valid_loss",
        mode: Mode | None = None,
    ) -> None:
        if not isinstance(k, int) or isinstance(k, bool) or k < 1:
            raise ValueError(f"SaveTopK(): k must be a whole number of at least 1, found {k!r}.")
        check_mode(mode, owner="SaveTopK")
        self.folder, self.k = Path(folder), k
        self.monitor, self.mode = monitor, mode
        self._kept: list[tuple[float, str]] = []  # the best first
        self._watch: Monitor | None = None

    @property
    def paths(self) -> list[Path]:
        """The files of this fit, the best first."""
        return [self.folder / name for _, name in self._kept]

    @override
    def before_fit(self, state: State) -> None:
        self._kept = []
        self._watch = resolve(self.monitor, self.mode, state.higher_is_better, owner="SaveTopK")
        check_writable(self.folder, purpose="SaveTopK")

    @override
    def after_epoch(self, state: State) -> None:
        value, watch = state.metrics.get(self.monitor), self._watch
        if value is None or watch is None or not watch.improved(value, None):
            return
        place = sum(not watch.improved(value, kept) for kept, _ in self._kept)
        if place >= self.k:
            return
        name = self._name(value, state.progress.epoch_key + 1)
        save_tensors(self.folder / name, state.model.state_dict())
        self._kept.insert(place, (value, name))
        for _, worse in self._kept[self.k :]:
            remove(self.folder / worse)
        del self._kept[self.k :]

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"kept": [list(entry) for entry in self._kept]}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._kept = [(float(value), str(name)) for value, name in state["kept"]]

    def _name(self, value: float, epoch: int) -> str:
        monitor = re.sub(r"[^\w.]+", "_", self.monitor)
        return f"epoch_{epoch:03d}-{monitor}-{value:.4f}.safetensors"
