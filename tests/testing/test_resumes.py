"""Stopped and gone on with: callbacks whose state is whole, and whose is not."""

import pytest

from learnkit.callback import Callback
from learnkit.state import State
from learnkit.testing import ContractError, check_resume
from tests.testing import broken

pytestmark = pytest.mark.usefixtures("no_flushing")


@pytest.mark.parametrize("make", [Callback, broken.Steps])
def test_a_callback_with_a_whole_state_passes(make: type[Callback]) -> None:
    check_resume(make)


@pytest.mark.parametrize("make", [broken.Forgetful, broken.HalfLoaded, broken.Random])
def test_a_state_that_lacks_something_is_told(make: type[Callback]) -> None:
    with pytest.raises(ContractError) as caught:
        check_resume(make)
    assert str(caught.value).startswith(
        f"{make.__name__} fails check_resume. Expected: a fit that was stopped in an epoch "
        "goes on to the same bits. Found: history.1.train_loss is "
    )


def test_what_matters_between_epochs_alone_is_found_there() -> None:
    class Epochs(Callback):
        """A column that counts from 0 in each process."""

        def before_fit(self, state: State) -> None:
            self.count = 0

        def before_epoch(self, state: State) -> None:
            self.count += 1

        def after_epoch(self, state: State) -> None:
            state.metrics["count"] = self.count

    with pytest.raises(ContractError) as caught:
        check_resume(Epochs)
    assert (
        "stopped in an epoch goes on to the same bits. Found: history.1.count is 1.0 and "
        in str(caught.value)
    )


def test_a_fit_is_stopped_and_goes_on_at_each_place() -> None:
    counts: list[int] = []

    class Counts(Callback):
        def before_fit(self, state: State) -> None:
            counts.append(state.progress.batches_seen)

    check_resume(Counts)
    # whole; then for each stop from the start, and from its checkpoint: in an epoch, before its
    # validation, and at its end
    assert counts == [0, 0, 4, 0, 4, 0, 8]


def test_a_column_of_times_is_left_out() -> None:
    class Clock(Callback):
        ticks = 0

        def after_epoch(self, state: State) -> None:
            Clock.ticks += 1
            state.metrics["ticks"] = Clock.ticks

    with pytest.raises(ContractError, match=r"history\.0\.ticks"):
        check_resume(Clock)
    check_resume(Clock, ignore=["ticks"])


def test_a_fit_that_ends_before_it_is_stopped_is_not_run_again() -> None:
    class Once(Callback):
        def after_step(self, state: State) -> None:
            state.stop("once")

    check_resume(Once)
