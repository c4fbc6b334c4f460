"""What a description of a network for ratings may say."""

import pytest

from learnkit.errors import ExportError
from learnkit.models.collab import collab
from learnkit.models.spec import check_spec, outline_from_spec

SPEC = collab(5, 3, n_factors=4, layers=(8,)).spec


def test_a_description_of_ours_is_taken_and_outlined_without_memory():
    check_spec(SPEC)
    outline = outline_from_spec({**SPEC, "n_users": 100_000_000})
    assert all(p.device.type == "meta" for p in outline.parameters())


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"n_users": 0}, "collab.n_users must be a whole number from 1 to 100000000; found 0."),
        ({"n_items": True}, "collab.n_items must be a whole number from 1 to 100000000"),
        ({"n_users": 10**8, "n_factors": 100}, "parameters in collab.n_users; at most 1000000000"),
        ({"y_range": [0]}, "collab.y_range must be null, or two numbers, the lower first"),
        ({"layers": [0]}, "collab.layers must be a list of at most 64 whole numbers from 1"),
    ],
)
def test_a_description_that_is_wrong_or_too_large_is_refused(changed, expected):
    with pytest.raises(ExportError) as caught:
        check_spec({**SPEC, **changed})
    assert expected in str(caught.value)
