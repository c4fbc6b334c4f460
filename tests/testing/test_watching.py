"""A callback that says that it only looks on."""

import pytest

from learnkit.callback import Callback
from learnkit.state import State
from learnkit.testing import ContractError, check_looks_on
from tests.testing import broken


class Looks(Callback):
    looks_on = True

    def after_loss(self, state: State) -> None:
        float(state.loss)


@pytest.mark.parametrize("make", [Looks, broken.Noisy])
def test_one_that_does_and_one_that_does_not_say_so_pass(make: type[Callback]) -> None:
    check_looks_on(make)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (broken.Meddling, "step.0.weights.0.0.bias is"),
        (broken.Parting, "after the fit the model has weights that it had at the end of no epoch."),
    ],
)
def test_one_that_changes_something_is_told(make: type[Callback], found: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_looks_on(make)
    start = (
        f"{make.__name__} fails check_looks_on. Expected: looks_on = True says that it changes "
        "nothing that is trained. Found: "
    )
    assert str(caught.value).startswith(start)


def test_one_that_stops_the_fit_is_told() -> None:
    class Stops(Looks):
        def after_epoch(self, state: State) -> None:
            state.stop("enough")

    with pytest.raises(ContractError, match="Stops fails check_looks_on"):
        check_looks_on(Stops)
