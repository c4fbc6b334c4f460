"""Checks of the numbers that losses take."""

import math


def check_number(
    title: str, value: object, *, low: float, high: float = math.inf, open_end: bool = False
) -> None:
    """Look at one option.

    Args:
        title: for the message, such as ``LabelSmoothing(eps)``.
        value: what was given.
        low: the least that is allowed.
        high: the most that is allowed.
        open_end: whether ``high`` itself is too much.

    Raises:
        TypeError: for what is no number.
        ValueError: for a number out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{title} is a number; got {value!r}.")
    inside = low <= value < high if open_end or high == math.inf else low <= value <= high
    if not inside:  # NaN is nowhere inside
        upper = "" if high == math.inf else f" and {'below' if open_end else 'at most'} {high:g}"
        raise ValueError(f"{title} is at least {low:g}{upper}; got {value!r}.")
