"""Let Ctrl-C and SIGTERM wait for the end of the batch, so that what they stop is whole.

Knows signals only; what is done about one is the loop's business.
"""

import importlib
import signal
import threading
from types import FrameType
from typing import Any, Final, Self

from learnkit.errors import StateError

SIGTERM_EXIT: Final = 143  # 128 + 15, what a shell reports of a process that SIGTERM ended

_REASONS: Final = {signal.SIGINT: "interrupted by Ctrl-C", signal.SIGTERM: "ended by SIGTERM"}


class Interrupts:
    """While it is entered, the first signal is noted in ``pending``; a second one raises at once.

    A signal that nobody has raised by then is raised on leaving, so that none is lost: it may come
    while the last checkpoint is written, or an error may end the fit before the batch is over.

    Only in the main thread, where Python allows it, and only in the place of the handlers that a
    fresh process has: one of the user's own, and a signal that is ignored, stay as they are. What
    was there before is put back on leaving, unless somebody else has taken the place meanwhile.

    Attributes:
        pending: the signal that came, or None.
    """

    def __init__(self) -> None:
        self.pending: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._raised = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            fresh = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
            for number, handler in fresh.items():
                if signal.getsignal(number) is handler:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._note:
                signal.signal(number, handler)
        self._before = {}
        ends_anyway = error is not None and not isinstance(error, Exception)
        if self.pending is not None and not self._raised and not ends_anyway:
            raise self.error() from error

    @property
    def reason(self) -> str:
        """Why the fit stops, in a few words."""
        return _REASONS[self._asked]

    def error(self) -> BaseException:
        """Return what to raise when all is put in order: KeyboardInterrupt, or SystemExit(143)."""
        self._raised = True
        if self._asked is signal.SIGTERM:
            return SystemExit(SIGTERM_EXIT)
        return KeyboardInterrupt()

    @property
    def _asked(self) -> signal.Signals:
        if self.pending is None:
            raise StateError("no signal has come.")
        return self.pending

    def _note(self, number: int, frame: FrameType | None) -> None:
        again, self.pending = self.pending is not None, signal.Signals(number)
        if again:
            raise self.error()


def import_whole(module: str) -> Any:
    """Import a module; Ctrl-C and SIGTERM wait for its end.

    torchvision and timm make torch import a thousand modules of its own, for a second or two. Cut
    short, some stay behind half made, and nothing in this process could use them any more.

    Args:
        module: dotted name, such as ``"torchvision.models"``.

    Raises:
        KeyboardInterrupt, SystemExit: after Ctrl-C, SIGTERM, once it is imported.
    """
    with Interrupts():
        return importlib.import_module(module)
