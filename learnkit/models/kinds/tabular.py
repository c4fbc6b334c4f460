"""A network for tables."""

import itertools
from collections.abc import Callable
from typing import Final

from torch import nn

from learnkit.models.kinds.kind import Kind, Values, check_size
from learnkit.models.spec_fields import (
    MAX_LAYERS,
    Check,
    be_fraction,
    be_range,
    be_width,
    refusal,
)
from learnkit.models.tabular import tabular

MAX_COLUMNS: Final = 10_000
MAX_CODES: Final = 100_000_000
MAX_PIECES: Final = 1_000_000


def be_numbers(*, at_most: int, low: int, high: int) -> Check:
    """Return a check for a list of whole numbers, which may be empty."""

    def check(where: str, value: object) -> None:
        right: Callable[[object], bool] = lambda item: (  # noqa: E731
            isinstance(item, int) and not isinstance(item, bool) and low <= item <= high
        )
        if not isinstance(value, list) or len(value) > at_most or not all(map(right, value)):
            expected = f"a list of at most {at_most} whole numbers from {low} to {high}"
            raise refusal(where, expected, value)

    return check


def _be_fractions(where: str, value: object) -> None:
    if not isinstance(value, list) or len(value) > MAX_LAYERS:
        raise refusal(where, f"a list of at most {MAX_LAYERS} numbers in [0, 1)", value)
    for item in value:
        be_fraction(where, item)


def _be_count(where: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_COLUMNS:
        raise refusal(where, f"a whole number from 0 to {MAX_COLUMNS}", value)


def _check(values: Values) -> None:
    codes, widths = values["category_sizes"], values["embedding_sizes"]
    if len(widths) != len(codes):
        raise refusal("tabular.embedding_sizes", f"a list of {len(codes)} numbers", widths)
    if not codes and not values["n_numbers"]:
        raise refusal("tabular.n_numbers", "at least 1 where there are no categories", 0)
    if values["pieces"] and len(values["pieces"]) != values["n_numbers"]:
        expected = f"a list of {values['n_numbers']} numbers, or none"
        raise refusal("tabular.pieces", expected, values["pieces"])
    if sum(values["pieces"]) > MAX_PIECES:
        raise refusal("tabular.pieces", f"at most {MAX_PIECES} together", sum(values["pieces"]))
    if len(values["dropout"]) != len(values["layers"]):
        expected = f"a list of {len(values['layers'])} numbers"
        raise refusal("tabular.dropout", expected, values["dropout"])
    tables = sum(n * width for n, width in zip(codes, widths, strict=True))
    n_values = sum(values["pieces"]) or values["n_numbers"]
    sizes = [sum(widths) + n_values, *values["layers"], values["n_outputs"]]
    check_size("tabular.layers", tables + sum(a * b for a, b in itertools.pairwise(sizes)))


def _build(values: Values) -> nn.Module:
    given = dict(values)
    sizes, n_numbers = given.pop("category_sizes"), given.pop("n_numbers")
    return tabular(sizes, n_numbers, given.pop("n_outputs"), **given)


KIND: Final = Kind(
    fields={
        "category_sizes": be_numbers(at_most=MAX_COLUMNS, low=1, high=MAX_CODES),
        "embedding_sizes": be_numbers(at_most=MAX_COLUMNS, low=1, high=100_000),
        "n_numbers": _be_count,
        "n_outputs": be_width,
        "layers": be_numbers(at_most=MAX_LAYERS, low=1, high=100_000),
        "dropout": _be_fractions,
        "embedding_dropout": be_fraction,
        "pieces": be_numbers(at_most=MAX_COLUMNS, low=1, high=10_000),
        "y_range": be_range,
    },
    check=_check,
    build=_build,
    n_outputs=lambda values: int(values["n_outputs"]),
)
