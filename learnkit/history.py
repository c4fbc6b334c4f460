"""What a fit leaves behind: one row of numbers per epoch."""

import json
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, overload

from learnkit.extras import require
from learnkit.figures import finish, new_figure

Row = dict[str, float]


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
        metrics = [c for c in self.columns if c not in ("train_loss", "valid_loss", "seconds")]
        figure = new_figure((9 if metrics else 5, 3.2), path=path, purpose="History.plot")
        axes = figure.subplots(1, 2 if metrics else 1, squeeze=False)
        epochs = range(1, len(self) + 1)
        for name in ("train_loss", "valid_loss"):
            if name in self.columns:
                axes[0, 0].plot(epochs, self.column(name), marker="o", label=name)
        for name in metrics:
            axes[0, 1].plot(epochs, self.column(name), marker="o", label=name)
        for axis in axes.flat:
            axis.set_xlabel("epoch")
            axis.xaxis.get_major_locator().set_params(integer=True)  # there is no epoch 1.25
            axis.grid(alpha=0.3)
            if axis.has_data():
                axis.legend()
        finish(figure, path=path, purpose="History.plot")

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
