"""What a description of a network for tables may say."""

import pytest

from learnkit.errors import ExportError
from learnkit.models.spec import check_spec, outline_from_spec
from learnkit.models.tabular import tabular

SPEC = tabular([5, 3], 2, 2, layers=(8,), pieces=[3, 4], y_range=(0, 1)).spec


def test_a_description_of_ours_is_taken_and_outlined_without_memory():
    check_spec(SPEC)
    huge = {**SPEC, "category_sizes": [10_000_000, 3], "embedding_sizes": [90, 2]}
    outline = outline_from_spec(huge)
    assert all(p.device.type == "meta" for p in outline.parameters())


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"category_sizes": [0, 3]}, "a list of at most 10000 whole numbers from 1 to 100000000"),
        ({"category_sizes": [True, 3]}, "a list of at most 10000 whole numbers"),
        ({"embedding_sizes": [2]}, "tabular.embedding_sizes must be a list of 2 numbers"),
        ({"n_numbers": -1}, "tabular.n_numbers must be a whole number from 0 to 10000"),
        ({"n_numbers": True}, "tabular.n_numbers must be a whole number from 0 to 10000"),
        ({"n_numbers": 3}, "tabular.pieces must be a list of 3 numbers, or none"),
        ({"pieces": [10_000] * 101, "n_numbers": 101}, "tabular.pieces must be at most 1000000"),
        ({"dropout": []}, "tabular.dropout must be a list of 1 numbers"),
        ({"dropout": [1.0]}, "tabular.dropout must be a number in [0, 1)"),
        ({"dropout": 0.5}, "tabular.dropout must be a list of at most 64 numbers in [0, 1)"),
        ({"y_range": [1, 0]}, "tabular.y_range must be null, or two numbers, the lower first"),
        ({"y_range": ["0", 1]}, "tabular.y_range must be null, or two numbers"),
        ({"layers": [100_000] * 2, "dropout": [0, 0]}, "parameters in tabular.layers; at most 10"),
        (
            {"category_sizes": [], "embedding_sizes": [], "n_numbers": 0, "pieces": []},
            "tabular.n_numbers must be at least 1 where there are no categories",
        ),
    ],
)
def test_a_description_that_is_wrong_or_too_large_is_refused(changed, expected):
    with pytest.raises(ExportError) as caught:
        check_spec({**SPEC, **changed})
    assert expected in str(caught.value)
