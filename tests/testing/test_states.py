"""A state must be plain, must come back, and must not change when it is read."""

import pytest

from learnkit.callback import Callback
from learnkit.testing import ContractError, check_state_round_trip
from tests.testing import broken


@pytest.mark.parametrize("make", [Callback, broken.Steps])
def test_a_state_that_comes_back_passes(make: type[Callback]) -> None:
    check_state_round_trip(make)


@pytest.mark.parametrize(
    ("make", "expected", "found"),
    [
        (broken.Nothing, "state_dict() returns a dict", "NoneType"),
        (
            broken.Opaque,
            "state_dict() holds plain values and tensors only",
            "cannot save state_dict.device: it is a device; a state may hold None, bool, int, "
            "float, str, Tensor, and lists, tuples and dicts of them, with keys that are str, int, "
            "float, bool or None",
        ),
        (
            broken.Counting,
            "state_dict() called twice gives the same values twice",
            "state_dict.steps is 2 and should be 1",
        ),
        (
            broken.HalfLoaded,
            "load_state_dict takes what state_dict returned, all of it",
            "after loading, state_dict.steps is 0 and should be 1",
        ),
    ],
)
def test_a_state_that_does_not_is_told(make: type[Callback], expected: str, found: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_state_round_trip(make)
    start = f"{make.__name__} fails check_state_round_trip. Expected: {expected}. Found: {found}. "
    assert str(caught.value).startswith(start)


def test_keys_may_be_left_out_of_the_comparison() -> None:
    check_state_round_trip(broken.HalfLoaded, ignore=["steps"])


def test_the_name_must_be_the_same_each_time() -> None:
    with pytest.raises(
        ContractError, match="Expected: `name`, its key in checkpoints, is the same"
    ):
        check_state_round_trip(broken.Named)


def test_one_object_for_all_fits_is_refused() -> None:
    one = Callback()
    with pytest.raises(ContractError) as caught:
        check_state_round_trip(lambda: one)
    assert str(caught.value) == (
        "make() must return a new callback each time; it returned one Callback twice. Pass the "
        "class, or lambda: MyCallback(...)."
    )
