"""Rows that are to be predicted: dicts, Series or a DataFrame, as a table of the right columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from learnkit.data.table import Table, as_table
from learnkit.data.tabular.process import with_text_names
from learnkit.errors import DataError
from learnkit.names import did_you_mean


def table_of_rows(items: Any, *, needed: Sequence[str], ignored: Sequence[str]) -> Table:
    """Return rows as a table of the columns ``needed``.

    Args:
        items: a DataFrame, or one mapping, Series or named tuple for each row.
        needed: the columns that every row must have.
        ignored: those that a row may have besides: of the training table, but not used.

    Raises:
        DataError: naming the row that is none, lacks a column, or has one that is not known.
    """
    if hasattr(items, "columns"):
        table = with_text_names(as_table(items))
        _check_row("The table", table.columns, needed, ignored)
        return table._replace(columns={name: table.columns[name] for name in needed})
    rows = [_as_dict(item, place) for place, item in enumerate(items)]
    titles = [f"row {place} (counted from 0)" for place in range(len(rows))]
    for row, title in zip(rows, titles, strict=True):
        _check_row(title, row, needed, ignored)
    columns = {name: [row[name] for row in rows] for name in needed}
    return Table("The rows to predict", columns, titles)


def _as_dict(item: Any, place: int) -> dict[str, Any]:
    if hasattr(item, "_asdict"):  # a named tuple, such as pandas' itertuples() gives
        item = item._asdict()
        item.pop("Index", None)
    if isinstance(item, Mapping) or (hasattr(item, "keys") and hasattr(item, "iloc")):
        return {str(name): item[name] for name in item.keys()}  # noqa: SIM118  # a Series too
    raise DataError(
        f"A row to predict is a dict or a Series of values by column; row {place} (counted from "
        f'0) is {item!r:.60}. Of a DataFrame: df.to_dict("records").'
    )


def _check_row(
    title: str, row: Mapping[Any, Any], needed: Sequence[str], ignored: Sequence[str]
) -> None:
    missing = next((name for name in needed if name not in row), None)
    if missing is not None:
        raise DataError(
            f"{title} has no column {missing!r}, which the model was trained on."
            f"{did_you_mean(missing, map(str, row))} Give None where its value is not known."
        )
    known = {*needed, *ignored}
    strange = next((name for name in row if name not in known), None)
    if strange is not None:
        raise DataError(
            f"{title} has the column {strange!r}, which the training table did not have."
            f"{did_you_mean(str(strange), needed)} The model takes: {', '.join(needed)}."
        )
