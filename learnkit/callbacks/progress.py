"""Show a fit: a bar for each phase, a row of the table for each epoch."""

import math
import sys
from collections.abc import Sequence
from time import monotonic
from typing import Final, TextIO

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.display import Display, Style, make_display
from learnkit.names import checked_keywords, did_you_mean
from learnkit.state import State

SECONDS_BETWEEN_DRAWS: Final = 0.25
_STYLES: Final = ("auto", "terminal", "notebook", "plain")


class ProgressBar(Callback):
    """Print a table with a row per epoch; draw a bar with the running loss while it works.

    tqdm in a terminal, fastprogress in a notebook when it is installed, plain rows when the output
    is a file or a pipe. The running loss is read from the device at most four times a second.

    Args:
        lines: printed once, before the table's header.
        table: False draws the bars alone: no header, no rows, no reason for an early end.
        style: ``"auto"``, or one of ``"terminal"``, ``"notebook"``, ``"plain"``.
        stream: where to write; standard output by default.
    """

    looks_on = True

    @checked_keywords
    def __init__(
        self,
        *,
        lines: Sequence[str] = (),
        table: bool = True,
        style: Style = "auto",
        stream: TextIO | None = None,
    ) -> None:
        if style not in _STYLES:
            raise ValueError(
                f"ProgressBar(): style must be one of {', '.join(_STYLES)}, found {style!r}."
                f"{did_you_mean(str(style), _STYLES)}"
            )
        self.lines = tuple(lines)
        self.table = table
        self.style = style
        self.stream = stream
        self._display: Display | None = None
        self._columns: tuple[str, ...] = ()
        self._next_draw = math.inf
        self._epoch_began = 0.0

    @override
    def before_fit(self, state: State) -> None:
        self._display = make_display(self.style, self.stream or sys.stdout)
        for line in self.lines:
            self._display.line(line)
        self._columns = state.metric_names
        if self.table:
            self._display.row(["epoch", *self._columns, "time"])

    @override
    def before_epoch(self, state: State) -> None:
        self._epoch_began = monotonic()

    @override
    def before_phase(self, state: State) -> None:
        progress, display = state.progress, self._display
        if display is None or not display.live:
            return
        title = f"epoch {progress.epochs_done + 1}/{progress.epochs_planned} {state.phase.value}"
        display.open_bar(progress.batches_planned, title=title, done=progress.batches_done)
        self._next_draw = monotonic() + SECONDS_BETWEEN_DRAWS

    @override
    def after_batch(self, state: State) -> None:
        # runs every step: a clock and a comparison, and no word to the device
        if self._next_draw is math.inf:
            return
        now = monotonic()
        if now >= self._next_draw:
            self._next_draw = now + SECONDS_BETWEEN_DRAWS
            self._draw(state)

    @override
    def after_phase(self, state: State) -> None:
        self._next_draw = math.inf
        if self._display is not None:
            self._display.close_bar()

    @override
    def after_epoch(self, state: State) -> None:
        if self._display is not None and self.table:
            cells = [number(state.metrics.get(name)) for name in self._columns]
            seconds = monotonic() - self._epoch_began
            epoch = str(state.progress.epochs_done + 1)
            self._display.row([epoch, *cells, clock(seconds)])

    @override
    def after_fit(self, state: State) -> None:
        self._next_draw = math.inf
        if self._display is None:
            return
        self._display.close()
        if state.stop_reason is not None and self.table:
            self._display.line(f"stopped: {state.stop_reason}")
        self._display = None

    def _draw(self, state: State) -> None:
        loss = state.loss_so_far
        text = "" if loss is None else f"loss {number(float(loss))}"
        if self._display is not None:
            self._display.move_bar(state.progress.batches_done, text)


def number(value: float | None) -> str:
    """Return a number as the table shows it: four decimals, or an exponent where these fail."""
    if value is None:
        return "-"
    if value != 0 and math.isfinite(value) and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.3e}"
    return f"{value:.4f}"


def clock(seconds: float) -> str:
    """Return a duration as mm:ss, or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"
