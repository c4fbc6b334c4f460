"""Write what happens in a fit as one JSON object per line."""

import json
import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.errors import CheckpointError
from learnkit.names import checked_keywords
from learnkit.state import State
from learnkit.tracking.line_file import LineFile
from learnkit.tracking.settings import fit_settings, plain_config


class JSONLinesLog(Callback):
    """Write a line for the start of the fit, for each epoch and for the end, each at once.

    ``{"event": "fit", "settings": {...}}``, ``{"event": "epoch", "epoch": 1, "train_loss": ...}``
    and ``{"event": "end", "status": "finished", "reason": null}``; the status is ``"failed"`` after
    an error, ``"killed"`` after Ctrl-C. A number that is NaN or infinite is null, as JSON has
    neither.

    A place that cannot be written to is an error before the training; a disk that is full later is
    a warning, and the lines are written when there is room. A resumed fit keeps the lines up to its
    checkpoint, so that the file ends as that of a fit which was not stopped. A second fit with this
    object adds its lines.

    Args:
        path: the file; its folder is made if there is none.
        append: add to what another object wrote there, instead of starting anew.
        config: settings to keep with those that the fit has.

    Raises:
        CheckpointError: at the start of the fit, when the file cannot be written.
    """

    looks_on = True

    @checked_keywords
    def __init__(
        self,
        path: str | PathLike[str],
        *,
        append: bool = False,
        config: Mapping[str, object] | None = None,
    ) -> None:
        self.path = Path(path)
        self.append = append
        self.config = plain_config(config, owner=self.name)
        self._file = LineFile(self.path, owner="JSONLinesLog", example="log.jsonl")
        self._lines = 0
        self._used = False
        self._end: dict[str, object] = {}

    @override
    def before_fit(self, state: State) -> None:
        self._end = {"status": "finished", "reason": None}
        self._file.check()
        goes_on = state.progress.steps_done > 0
        keeps = (self.append or goes_on or self._used) and self.path.exists()
        self._used = True
        self._keep(self._lines_there() if keeps else [])
        if not goes_on or not self._lines:
            self._write({"event": "fit", "settings": fit_settings(state) | self.config})

    @override
    def after_epoch(self, state: State) -> None:
        epoch = state.progress.epochs_done + 1
        row = {name: _finite(value) for name, value in state.metrics.items()}
        steps = state.progress.steps_done
        self._write({"event": "epoch", "epoch": epoch, "steps": steps, **row})

    @override
    def on_error(self, state: State, error: BaseException) -> None:
        killed = isinstance(error, KeyboardInterrupt | SystemExit)
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        self._end = {"status": "killed" if killed else "failed", "reason": reason}

    @override
    def after_fit(self, state: State) -> None:
        self._write(
            {"event": "end", **self._end, "reason": self._end["reason"] or state.stop_reason}
        )
        self._file.close()

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"lines": self._lines}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        # lines after the checkpoint tell of epochs that are about to run again, or of the stop
        self._keep(self._lines_there()[: int(state["lines"])])

    def _write(self, event: Mapping[str, object]) -> None:
        self._file.append(json.dumps(event, allow_nan=False) + "\n")
        self._lines += 1

    def _keep(self, lines: list[str]) -> None:
        self._lines = len(lines)
        self._file.restart(lines)

    def _lines_there(self) -> list[str]:
        """Return the whole lines of the file; a power cut may have left half a line at its end."""
        try:
            text = self.path.read_text(encoding="utf-8")
            lines = [line for line in text.splitlines(keepends=True) if line.endswith("\n")]
            for line in lines:
                json.loads(line)
        except ValueError:
            raise CheckpointError(
                f"JSONLinesLog cannot append to {self.path}: it holds something else than JSON "
                "lines. Give another file, or append=False."
            ) from None
        return lines


def _finite(value: float) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
