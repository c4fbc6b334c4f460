from collections.abc import Callable

import pytest

from learnkit.errors import ExportError
from learnkit.models.spec_fields import be_fraction, be_name, be_one_of, be_width, be_widths

WIDTH = "a whole number from 1 to 100000"


@pytest.mark.parametrize(
    ("check", "right", "wrong", "expected"),
    [
        (be_width, [1, 100_000], [0, -1, 100_001, 1.0, True, None, "1", [1], 10**100], WIDTH),
        (
            be_widths,
            [[1], [3, 4], [1] * 64],
            [[], [0], [1] * 65, 3, "34", [True], [[1]], {"a": 1}],
            "a list of 1 to 64 whole numbers from 1 to 100000",
        ),
        (
            be_fraction,
            [0, 0.5, 0.999],
            [1, -0.1, float("nan"), "0", None, True],
            "a number in [0, 1)",
        ),
        (be_name, ["", "x" * 200], ["x" * 201, 3, None, ["x"]], "a name"),
        (be_one_of(18, "plain"), [18, "plain"], [True, 19, [18], {}, None], "one of 18, 'plain'"),
    ],
)
def test_a_field_must_be_what_it_is_for(
    check: Callable[[str, object], None], right: list[object], wrong: list[object], expected: str
) -> None:
    for value in right:
        check("mlp.sizes", value)
    for value in wrong:
        with pytest.raises(ExportError) as caught:
            check("mlp.sizes", value)
        found = str(caught.value)
        assert found.startswith(f"In the model description mlp.sizes must be {expected}; found ")
        assert len(found) < 200
