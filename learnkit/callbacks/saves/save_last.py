"""Keep the weights of the newest epoch."""

from os import PathLike
from pathlib import Path

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.checkpoint import save_tensors
from learnkit.errors import CheckpointError
from learnkit.files import check_writable
from learnkit.names import checked_keywords
from learnkit.state import State


class SaveLast(Callback):
    """Write the model's weights at the end of every epoch, over those of the one before.

    The file is safetensors, written beside itself and renamed, so that it is always whole. It
    holds weights alone; ``fit(checkpoint=...)`` is what goes on with a fit.

    Args:
        path: the file, such as ``"last.safetensors"``; its folder is made if there is none.
        every: write after so many epochs, and after the last.

    Raises:
        ValueError: when ``every`` is no whole number of at least 1.
        CheckpointError: at the start of the fit, when the file cannot be written.

    Example:
        ``learn.fit(5, callbacks=SaveLast("last.safetensors"))``
    """

    looks_on = True
    writes = True

    @checked_keywords
    def __init__(self, path: str | PathLike[str], *, every: int = 1) -> None:
        if not isinstance(every, int) or isinstance(every, bool) or every < 1:
            raise ValueError(
                "SaveLast(): every must be a whole number of epochs of at least 1, "
                f"found {every!r}."
            )
        self.path, self.every = Path(path), every

    @override
    def before_fit(self, state: State) -> None:
        if self.path.is_dir():
            raise CheckpointError(
                f"SaveLast cannot write {self.path}: it is a folder. "
                f"Give a file in it, such as {self.path / 'last.safetensors'}."
            )
        check_writable(self.path.parent, purpose="SaveLast")

    @override
    def after_epoch(self, state: State) -> None:
        epochs, planned = state.progress.epochs_done + 1, state.progress.epochs_planned
        if epochs % self.every == 0 or epochs >= planned or state.stop_reason is not None:
            save_tensors(self.path, state.model.state_dict())
