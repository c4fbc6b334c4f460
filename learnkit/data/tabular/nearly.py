"""A column of numbers or dates but for a few cells, which is not to become one of words unseen."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from learnkit.data.labels import is_missing
from learnkit.data.tabular.cells import Cells, as_number

_FEW: Final = 0.05  # of the cells


def is_number(value: Any) -> bool:
    """Whether a cell is a number, or a text that is one."""
    try:
        as_number(value)
    except ValueError:
        return False
    return True


def check_nearly(
    cells: Cells, different: Sequence[Any], fits: Callable[[Any], bool], noun: str, option: str
) -> None:
    """Refuse a column of which all cells but a few fit.

    Args:
        cells: the column.
        different: its values, each at least once, without missing ones.
        fits: whether a cell is what the others are.
        noun: what they are: numbers.
        option: by which the user says that they are no such thing.

    Raises:
        DataError: naming the first cell that does not fit, where 95 in 100 do.
    """
    right = [value for value in different if fits(value)]
    if not right or len(right) == len(different):
        return
    there = [place for place, value in enumerate(cells.values) if not is_missing(value)]
    wrong = [place for place in there if not fits(cells.values[place])]
    if len(wrong) <= _FEW * len(there):
        raise cells.wrong(
            wrong[0],
            f"where {len(there) - len(wrong):,} of {len(there):,} cells are {noun}. Correct it, or "
            "leave it empty (na_values of from_csv reads a word as such); a column that is meant "
            f"so goes into {option} or drop_cols.",
        )
