"""A bar in a terminal, by tqdm."""

import importlib
from typing import Any, TextIO

from typing_extensions import override

from learnkit.display.plain import Plain


class Tqdm(Plain):
    """A tqdm bar that goes away when its phase ends; lines are written above it."""

    live = True

    def __init__(self, stream: TextIO, bar_type: Any = None) -> None:
        super().__init__(stream)
        self._bar_type: Any = bar_type or _quiet_tqdm()
        self._bar: Any = None

    @override
    def open_bar(self, total: int, *, title: str, done: int = 0) -> None:
        self.close_bar()
        options: dict[str, Any] = {"desc": title, "initial": done, "leave": False}
        self._bar = self._bar_type(total=total, file=self.stream, dynamic_ncols=True, **options)

    @override
    def move_bar(self, done: int, text: str, *, total: int | None = None) -> None:
        if self._bar is not None:
            self._bar.n = done
            self._bar.total = self._bar.total if total is None else total
            self._bar.set_postfix_str(text, refresh=True)

    @override
    def close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    @override
    def line(self, text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        super().line(text)

    @override
    def close(self) -> None:
        self.close_bar()


def _quiet_tqdm() -> Any:
    """Return tqdm without the thread it starts to redraw stalled bars."""
    return type("_Bar", (importlib.import_module("tqdm").tqdm,), {"monitor_interval": 0})
