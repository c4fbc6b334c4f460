"""A network for ratings."""

import itertools
from typing import Final

from torch import nn

from learnkit.models.collab import collab
from learnkit.models.kinds.kind import Kind, Values, check_size
from learnkit.models.kinds.tabular import MAX_CODES, be_numbers
from learnkit.models.spec_fields import MAX_LAYERS, be_fraction, be_range, be_width, refusal


def _be_codes(where: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_CODES:
        raise refusal(where, f"a whole number from 1 to {MAX_CODES}", value)


def _check(values: Values) -> None:
    tables = (values["n_users"] + values["n_items"]) * (values["n_factors"] + 1)
    sizes = [2 * values["n_factors"], *values["layers"], 1]
    check_size("collab.n_users", tables + sum(a * b for a, b in itertools.pairwise(sizes)))


def _build(values: Values) -> nn.Module:
    given = dict(values)
    return collab(given.pop("n_users"), given.pop("n_items"), **given)


KIND: Final = Kind(
    fields={
        "n_users": _be_codes,
        "n_items": _be_codes,
        "n_factors": be_width,
        "layers": be_numbers(at_most=MAX_LAYERS, low=1, high=100_000),
        "dropout": be_fraction,
        "y_range": be_range,
    },
    check=_check,
    build=_build,
)
