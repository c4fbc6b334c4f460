"""The order of events, as neighbours see it, and what a good fit leaves behind."""

import pytest

from learnkit.callback import Callback
from learnkit.state import SkipBatch, State
from learnkit.testing import ContractError, check_event_order
from learnkit.testing.order import first_wrong
from tests.testing import broken


def test_skipping_and_stopping_are_in_order() -> None:
    class Skips(Callback):
        def after_loss(self, state: State) -> None:
            if state.progress.batches_done == 1:
                raise SkipBatch

    class Stops(Callback):
        def before_step(self, state: State) -> None:
            state.stop("seen enough")

    check_event_order(Skips)
    check_event_order(Stops)


def test_a_whole_fit_is_in_order() -> None:
    batch = "bolstB"
    assert first_wrong(list(f"fep{batch}{batch}PpbolBPEep{batch}PEF")) is None
    assert first_wrong(list("fF")) is None


@pytest.mark.parametrize(
    ("letters", "events"),
    [
        ("fepbolstBPE", "after_loss before_step after_step after_batch after_phase after_epoch"),
        ("feoB", "before_fit before_epoch after_forward"),
        (
            "fepbB!F",
            "before_fit before_epoch before_phase before_batch after_batch on_error",
        ),
        (
            "fepPpPpPEF",
            "before_epoch before_phase after_phase before_phase after_phase before_phase",
        ),
        ("fFF", "before_fit after_fit after_fit"),
    ],
)
def test_the_first_event_that_is_out_of_order_is_the_last_one_shown(
    letters: str, events: str
) -> None:
    assert first_wrong(list(letters)) == f"the events {', '.join(events.split())}"


def test_no_event_is_wrong_too() -> None:
    assert first_wrong([]) == "no event at all"


def test_events_out_of_order_fail() -> None:
    class Pulls(Callback):
        """Calls a neighbour's hook behind the loop's back."""

        def after_epoch(self, state: State) -> None:
            import gc

            from learnkit.testing.spies import Recording

            for thing in gc.get_objects():
                if isinstance(thing, Recording) and thing.letters:
                    thing.letters.append("s")

    with pytest.raises(ContractError) as caught:
        check_event_order(Pulls)
    assert str(caught.value) == (
        "Pulls fails check_event_order. Expected: a neighbour that runs before it sees the events "
        "of the loop's grammar. Found: the events after_forward, after_loss, after_batch, "
        "after_phase, after_epoch, before_step. A hook must not call other hooks; raise SkipBatch "
        "only in before_batch, after_forward, after_loss or before_step, and end a fit by "
        "state.stop(reason)."
    )


def test_what_is_left_behind_is_named() -> None:
    with pytest.raises(ContractError) as caught:
        check_event_order(broken.Undropped)
    assert str(caught.value) == (
        "Undropped fails check_event_order. Expected: after the fit all is as it was. Found: "
        "attribute of 1.0.p was 0.2 and is 0.0. Put back in after_fit what the callback changed; "
        "it runs after errors too."
    )


def test_an_error_of_the_callback_itself_is_told_with_what_it_says() -> None:
    with pytest.raises(ContractError) as caught:
        check_event_order(broken.Failing)
    assert str(caught.value) == (
        "Failing fails check_event_order. Expected: a fit of 2 epochs with it ends without an "
        "error. Found: ValueError: no metric 'f1'. If it needs other data, another model or a "
        "metric, pass a function that makes such a learner: learner=lambda: "
        "tiny_learner(kind='images')."
    )
    assert isinstance(caught.value.__cause__, ValueError)
