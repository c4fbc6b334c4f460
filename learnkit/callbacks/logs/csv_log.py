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

    The header is written before the first epoch, so a place that cannot be written to is an error
    before the training. A disk that is full later is a warning: the training goes on, and the row
    is written when there is room. A resumed fit keeps the rows up to its checkpoint and goes on
    after them. A second fit with this object, such as the second part of ``fine_tune``, adds its
    rows too.

    Args:
        path: the file; its folder is made if there is none.
        append: add to what another object wrote there, instead of starting anew.

    Raises:
        CheckpointError: at the start of the fit, when the file cannot be written, or holds other
            columns and is to be appended to.
    """

    looks_on = True

    @checked_keywords
    def __init__(self, path: str | PathLike[str], *, append: bool = False) -> None:
        self.path = Path(path)
        self.append = append
        self._file = LineFile(self.path, owner="CSVLog", example="log.csv")
        self._columns: list[str] = []
        self._rows = 0
        self._epoch_began = 0.0

    @override
    def before_fit(self, state: State) -> None:
        columns = ["epoch", *state.metric_names, "seconds"]
        used_before, self._columns = self._columns == columns, columns
        self._file.check()
        goes_on = state.progress.steps_done > 0
        kept: list[list[str]] = []
        if (self.append or goes_on or used_before) and self.path.exists():
            kept = self._rows_there()
        self._keep(kept)

    @override
    def before_epoch(self, state: State) -> None:
        self._epoch_began = monotonic()

    @override
    def after_epoch(self, state: State) -> None:
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
        self._keep(self._rows_there()[: int(state["rows"])])

    def _keep(self, rows: list[list[str]]) -> None:
        self._rows = len(rows)
        self._file.restart([_as_csv(row) for row in (self._columns, *rows)])

    def _rows_there(self) -> list[list[str]]:
        with self.path.open(encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file)) or [self._columns]
        if header != self._columns:
            raise CheckpointError(
                f"CSVLog cannot append to {self.path}: it has the columns {', '.join(header)}; "
                f"this fit writes {', '.join(self._columns)}. Give another file, or append=False."
            )
        return rows


def _as_csv(row: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue()
