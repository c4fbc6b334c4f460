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
from learnkit.tracking.settings import fit_settings, plain_config, with_config


class JSONLinesLog(Callback):
    """Write a line for the start of the fit, for each epoch and for the end, each at once.

    ``{"event": "fit", "settings": {...}}``, ``{"event": "epoch", "epoch": 1, "train_loss": ...}``
    and ``{"event": "end", "status": "finished", "reason": null}``; the status is ``"failed"`` after
    an error, ``"killed"`` after Ctrl-C. A number that is NaN or infinite is null, as JSON has
    neither.

    A place that cannot be written to is an error before the training; a disk that is full later is
    a warning, and the lines are written when there is room. A file that is there is begun anew at
    the first batch. A resumed fit keeps the lines up to its checkpoint, so that the file ends as
    that of a fit which was not stopped. A second fit with this object adds its lines.

    Args:
        path: the file; its folder is made if there is none.
        append: add to what another object wrote there, instead of starting anew.
        config: settings to keep with those that the fit has.

    Raises:
        CheckpointError: at the start of the fit, when the file cannot be written, or is to be added
            to and holds something else.
    """

    looks_on = True
    writes = True

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
        self._used = self._may_begin = self._begun = False
        self._end: dict[str, object] = {}

    @override
    def before_fit(self, state: State) -> None:
        self._end = {"status": "finished", "reason": None}
        self._may_begin = self._begun = False
        self._lines = 0
        self._file.check()
        if not self.path.exists():
            self._begin(state, after=[])
        elif self.append or self._used:
            self._begin(state, after=self._lines_there())
        # else it is left until it is known that the fit does not go on from a checkpoint
        self._used = self._may_begin = True

    @override
    def before_batch(self, state: State) -> None:
        if not self._begun:
            self._begin(state, after=[])

    @override
    def after_epoch(self, state: State) -> None:
        if not state.has_row:
            return
        if not self._begun:
            self._begin(state, after=[])
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
        if self._may_begin and not self._begun and self._end["status"] == "finished":
            self._begin(state, after=[])
        may_end, self._may_begin = self._may_begin and self._begun, False
        if not may_end:  # of a file that was refused, or is that of a fit before, nothing is ours
            return
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
        lines = int(state["lines"])
        if lines:
            self._keep(self._lines_there()[:lines])
        else:
            self._begun = False  # it was taken before the first line

    def _begin(self, state: State, *, after: list[str]) -> None:
        self._keep(after)
        settings = with_config(fit_settings(state), self.config)
        self._write({"event": "fit", "settings": settings})

    def _write(self, event: Mapping[str, object]) -> None:
        self._file.append(json.dumps(event, allow_nan=False) + "\n")
        self._lines += 1

    def _keep(self, lines: list[str]) -> None:
        self._lines, self._begun = len(lines), True
        self._file.restart(lines)

    def _lines_there(self) -> list[str]:
        """Return the whole lines of the file; a power cut may have left half a line at its end."""
        try:
            found = self.path.read_bytes().splitlines(keepends=True)
            if found and not found[0].startswith(b"{"):  # half a line begins like a whole one
                raise ValueError
            lines = [line.decode() for line in found if line.endswith(b"\n")]
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
