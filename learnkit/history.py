"""What a fit leaves behind: one row of numbers per epoch."""

import json
import math
from collections.abc import Iterator, Sequence
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any, Final, overload

from learnkit.curves import Line, draw_lines
from learnkit.extras import require
from learnkit.figures import finish, new_figure

Row = dict[str, float]

_LOSSES: Final = ("train_loss", "valid_loss")


class History(Sequence[Row]):
    """A row per epoch: ``train_loss valid_loss <metrics> seconds``.

    ``history[-1]["valid_loss"]`` is the last epoch's; ``history.column("accuracy")`` a list over
    epochs. Numbers are Python floats.
    """

    def __init__(self, rows: Sequence[Row] = (), *, stop_reason: str | None = None) -> None:
        self._rows = [dict(row) for row in rows]
        self.stop_reason = stop_reason

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        return self._rows[index]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and self._rows == other._rows

    def append(self, row: Row) -> None:
        """Add one epoch; NumPy numbers and tensors of one element become Python floats.

        Raises:
            TypeError: naming the column, when a value is no number.
        """
        self._rows.append({name: _number(name, value) for name, value in row.items()})

    def restart(self, rows: Sequence[Row]) -> None:
        """Take the rows that a fit which goes on has already; those that are here are dropped."""
        self._rows = [dict(row) for row in rows]

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names, in the order they first appeared."""
        return tuple(dict.fromkeys(name for row in self._rows for name in row))

    def column(self, name: str) -> list[float]:
        """Return one column over the epochs; NaN where an epoch lacks it."""
        if name not in self.columns:
            raise KeyError(f"no column {name!r}; there are: {', '.join(self.columns)}")
        return [row.get(name, float("nan")) for row in self._rows]

    def to_json(self, path: str | PathLike[str]) -> Path:
        """Write the rows as a JSON list and return the path."""
        target = Path(path)
        target.write_text(json.dumps(self._rows, indent=1) + "\n")
        return target

    def to_df(self) -> Any:
        """Return a pandas DataFrame indexed by epoch, from 1."""
        pandas = require("pandas", extra="tables", purpose="History.to_df")
        frame = pandas.DataFrame(self._rows, index=range(1, len(self) + 1))
        frame.index.name = "epoch"
        return frame

    def plot(self, path: str | PathLike[str] | None = None) -> None:
        """Draw losses and metrics over epochs; save to ``path`` if given, else show."""
        metrics = self._metrics()
        figure = new_figure((9 if metrics else 5, 3.2), path=path, purpose="History.plot")
        axes = figure.subplots(1, 2 if metrics else 1, squeeze=False)
        for axis, names in zip(axes.flat, (_LOSSES, metrics), strict=False):
            draw_lines(axis, self._lines(names), x="epoch", y="", whole=True)
        finish(figure, path=path, purpose="History.plot")

    def plot_losses(self, path: str | PathLike[str] | None = None) -> None:
        """Draw both losses over epochs; save to ``path`` if given, else show."""
        self._plot(_LOSSES, "loss", path, "History.plot_losses")

    def plot_metrics(self, path: str | PathLike[str] | None = None) -> None:
        """Draw each metric over epochs; save to ``path`` if given, else show."""
        self._plot(self._metrics(), "", path, "History.plot_metrics")

    def _plot(
        self, names: Sequence[str], y: str, path: str | PathLike[str] | None, purpose: str
    ) -> None:
        figure = new_figure((6, 3.5), path=path, purpose=purpose)
        draw_lines(figure.subplots(), self._lines(names), x="epoch", y=y, whole=True)
        finish(figure, path=path, purpose=purpose)

    def _metrics(self) -> list[str]:
        return [name for name in self.columns if name not in (*_LOSSES, "seconds")]

    def _lines(self, names: Sequence[str]) -> list[Line]:
        epochs, there = range(1, len(self) + 1), [n for n in names if n in self.columns]
        return [Line(name=name, x=epochs, y=self.column(name), marked=True) for name in there]

    def _repr_html_(self) -> str:
        """One line for a notebook: the table stands above it already, or was not asked for."""
        words = [f"<b>History</b>: {len(self)} epoch{'s' if len(self) != 1 else ''}"]
        losses = {
            e: row["valid_loss"] for e, row in enumerate(self._rows, 1) if "valid_loss" in row
        }
        finite = {epoch: loss for epoch, loss in losses.items() if math.isfinite(loss)}
        if finite:
            best = min(finite, key=finite.__getitem__)
            row = {name: v for name, v in self._rows[best - 1].items() if name != "seconds"}
            numbers = ", ".join(f"{escape(name)} {value:.4g}" for name, value in row.items())
            words.append(f"lowest valid_loss in epoch {best}: {numbers}")
        if self.stop_reason is not None:
            words.append(f"stopped: {escape(self.stop_reason)}")
        return f"<p>{'; '.join(words)}</p>"

    def __repr__(self) -> str:
        """One line: the bar above a notebook cell's result has shown the table already."""
        last = ", ".join(f"{name} {value:.4g}" for name, value in (self or [{}])[-1].items())
        return f"History({len(self)} epochs" + (f", the last: {last})" if last else ")")

    def __str__(self) -> str:
        """The table, a row per epoch."""
        lines = ["  ".join(["epoch", *(f"{c:>10}" for c in self.columns)])]
        for epoch, row in enumerate(self._rows, 1):
            cells = (f"{row.get(c, float('nan')):>{max(10, len(c))}.4g}" for c in self.columns)
            lines.append("  ".join([f"{epoch:>5}", *cells]))
        return "\n".join(lines)


def _number(name: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # refused below when it is no number
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(
            f"state.metrics[{name!r}] must be a number at the end of an epoch; "
            f"got {type(value).__name__}."
        ) from None
