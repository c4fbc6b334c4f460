"""Write the table to a CSV file while it grows."""

import csv
import io
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from time import monotonic
from typing import Any

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.errors import CheckpointError
from learnkit.names import checked_keywords
from learnkit.state import State
from learnkit.tracking.line_file import LineFile


class CSVLog(Callback):
    """Write one row per epoch, at once: ``epoch``, the table's columns, ``seconds``.

    A place that cannot be written to is an error before the training. A disk that is full later is
    a warning: the training goes on, and the row is written when there is room. A file that is there
    is begun anew at the first batch. A resumed fit keeps the rows up to its checkpoint and goes on
    after them. A second fit with this object, such as the second part of ``fine_tune``, adds its
    rows too. What is added to must have the same columns; half a row that a power cut left at its
    end is dropped.

    Args:
        path: the file; its folder is made if there is none.
        append: add to what another object wrote there, instead of starting anew.

    Raises:
        CheckpointError: at the start of the fit, when the file cannot be written, or is to be
            added to and holds other columns or no table.
    """

    looks_on = True
    writes = True

    @checked_keywords
    def __init__(self, path: str | PathLike[str], *, append: bool = False) -> None:
        self.path = Path(path)
        self.append = append
        self._file = LineFile(self.path, owner="CSVLog", example="log.csv")
        self._columns: list[str] = []
        self._rows = 0
        self._used = self._begun = False
        self._epoch_began = 0.0

    @override
    def before_fit(self, state: State) -> None:
        self._columns, self._rows = ["epoch", *state.metric_names, "seconds"], 0
        self._begun = False
        self._file.check()
        if not self.path.exists():
            self._keep([])
        elif self.append or self._used:
            self._keep(self._rows_there())
        # else it is left until it is known that the fit does not go on from a checkpoint
        self._used = True

    @override
    def before_epoch(self, state: State) -> None:
        self._epoch_began = monotonic()

    @override
    def before_batch(self, state: State) -> None:
        self._begin()

    @override
    def after_epoch(self, state: State) -> None:
        if not state.has_row:
            return
        self._begin()
        values: dict[str, object] = {"seconds": round(monotonic() - self._epoch_began, 3)}
        values |= state.metrics
        values["epoch"] = state.progress.epochs_done + 1
        self._file.append(_as_csv([str(values.get(column, "")) for column in self._columns]))
        self._rows += 1

    @override
    def after_fit(self, state: State) -> None:
        self._file.close()

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"rows": self._rows}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        # rows after the checkpoint belong to epochs that are about to run again
        rows = int(state["rows"])
        self._keep(self._rows_there()[:rows] if rows else [])

    def _begin(self) -> None:
        if not self._begun:
            self._keep([])

    def _keep(self, rows: list[list[str]]) -> None:
        self._rows, self._begun = len(rows), True
        self._file.restart([_as_csv(row) for row in (self._columns, *rows)])

    def _rows_there(self) -> list[list[str]]:
        """Return the whole rows of the file; a power cut may have left half a row at its end."""
        try:
            lines = self.path.read_bytes().splitlines(keepends=True)
            whole = [*lines[:1], *(line for line in lines[1:] if line.endswith(b"\n"))]
            header, *rows = list(csv.reader([line.decode() for line in whole])) or [self._columns]
        except (UnicodeDecodeError, csv.Error):
            raise CheckpointError(
                f"CSVLog cannot append to {self.path}: it holds something else than a table. "
                f"{self._instead}"
            ) from None
        if header != self._columns:
            raise CheckpointError(
                f"CSVLog cannot append to {self.path}: it has the columns {', '.join(header)}; "
                f"this fit writes {', '.join(self._columns)}. {self._instead}"
            )
        return rows

    @property
    def _instead(self) -> str:
        if self.append:
            return "Give another file, or append=False."
        return "Give this fit a CSVLog of its own, with another file."


def _as_csv(row: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue()
