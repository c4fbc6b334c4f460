"""Inputs given as arrays, as one tensor of numbers that a model can take."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from learnkit.errors import DataError

_IN_WORDS: Final = {"U": "texts", "S": "bytes", "O": "Python objects", "M": "dates", "m": "times"}


def input_numbers(x: Any) -> Tensor:
    """Return inputs as a tensor (N, ...).

    float64 becomes float32, which models compute in; whole numbers stay, as they may be codes or
    pixels: a model that wants floats gets them by ``x.astype("float32")``.

    Raises:
        DataError: for no rows, rows of different lengths, anything that is no number, and NaN or
            infinity (also where a float64 does not fit into float32), naming the first row and
            how many there are.
    """
    values = x if isinstance(x, Tensor) else _from_numpy(x)
    if values.ndim == 0:
        raise DataError("x must have one entry for each sample: found a single number.")
    if not len(values):
        raise DataError(f"x has no samples: its shape is {tuple(values.shape)}.")
    if not (values.is_floating_point() or values.is_complex()):
        return values
    narrow = values.float() if values.dtype == torch.float64 else values
    check_finite(narrow)
    return narrow


def check_finite(x: Tensor) -> None:
    """Raise DataError when x (N, ...) has NaN or infinity."""
    finite = torch.isfinite(x)
    if finite.all():
        return
    rows = torch.nonzero(~finite.reshape(len(x), -1).all(dim=1)).flatten()
    first = int(rows[0])
    value = x[first].flatten()[int((~finite[first].flatten()).nonzero()[0])].item()
    raise DataError(
        f"{len(rows)} of {len(x)} rows of x hold NaN or infinity, the first is row {first} "
        f"(counted from 0) with {value}. Fill them in, or remove those rows: a loss computed from "
        "them would be NaN."
    )


def _from_numpy(x: Any) -> Tensor:
    try:
        array: npt.NDArray[Any] = np.asarray(x)
    except ValueError:  # rows of different lengths
        lengths = sorted({len(row) for row in x if hasattr(row, "__len__")})
        raise DataError(
            f"The rows of x must have one shape: found lengths {', '.join(map(str, lengths[:4]))}."
            " Pad or cut them; texts and sequences have bunches of their own."
        ) from None
    if array.dtype.kind in "biufc":
        return torch.from_numpy(np.ascontiguousarray(array) if array.ndim else array)
    found = _IN_WORDS.get(array.dtype.kind, str(array.dtype))
    first = array.reshape(-1)[:1].tolist()[0] if array.size else None
    advice = (
        "TabularDataBunch.from_df takes tables of names and numbers, TextDataBunch texts."
        if array.dtype.kind in "US"
        else 'Make it an array of numbers, as by np.array(..., dtype="float32").'
    )
    raise DataError(f"x must be numbers: found {found}, such as {first!r}. {advice}")
