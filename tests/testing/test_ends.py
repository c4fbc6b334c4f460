"""Errors and Ctrl-C in every hook, beside callbacks that clean up and callbacks that do not."""

from collections.abc import Callable

import pytest

from learnkit.callback import HOOKS, Callback
from learnkit.state import State
from learnkit.testing import ContractError, check_errors, check_interrupts
from learnkit.testing.spies import EVENTS, Event, Neighbour, Raising
from learnkit.testing.tiny import tiny_learner
from tests.testing import broken

BOTH = pytest.mark.parametrize("check", [check_errors, check_interrupts])


@BOTH
@pytest.mark.parametrize("make", [Callback, broken.SwappedWell])
def test_a_callback_that_cleans_up_passes(check: Callable[..., None], make: type[Callback]) -> None:
    check(make)


@BOTH
@pytest.mark.parametrize(
    ("make", "found"),
    [
        (broken.Hooked, "hooks of the model, _forward_hooks was 0 and is 1"),
        (broken.Unfreezing, "requires_grad of 0.0.weight was True and is False"),
        (
            broken.Swallowed,
            "While handling this, a callback raised RuntimeError('the file is closed')",
        ),
    ],
)
def test_what_stays_behind_is_named(
    check: Callable[..., None], make: type[Callback], found: str
) -> None:
    with pytest.raises(ContractError) as caught:
        check(make)
    what = "an error" if check is check_errors else "Ctrl-C"
    text = str(caught.value)
    assert text.startswith(f"{make.__name__} fails {check.__name__}. Expected: after {what} in ")
    assert f" Found: {found}. Put everything back in on_error or after_fit: " in text


@BOTH
@pytest.mark.parametrize(
    ("make", "place"),
    [(broken.Swapped, "before_phase of validation"), (broken.Noisy, "before_batch of training")],
)
def test_weights_that_were_put_in_for_a_while_must_be_out(
    check: Callable[..., None], make: type[Callback], place: str
) -> None:
    with pytest.raises(ContractError) as caught:
        check(make)
    assert (
        f" in {place} from a neighbour that runs after it, the same weights as after one in "
        f"{place}, as nothing was trained between. Found: 0.0.weight is "
    ) in str(caught.value)


def test_an_error_that_becomes_another_is_told() -> None:
    class Unclosed(Callback):
        open = False

        def before_fit(self, state: State) -> None:
            if self.open:
                raise OSError("it is open")
            self.open = True

    with pytest.raises(ContractError, match="Found: OSError: it is open"):
        check_errors(Unclosed)


def test_a_callback_that_ends_the_fit_early_passes() -> None:
    class Once(Callback):
        def after_step(self, state: State) -> None:
            state.stop("once")

    check_errors(Once)


def test_every_hook_is_an_event_in_the_loops_order() -> None:
    assert {event.hook for event in EVENTS} == set(HOOKS)
    seen: list[str] = []

    def act(hook: str, state: State) -> None:
        phased = hook in ("before_phase", "before_batch", "after_forward", "after_loss",
                          "after_batch", "after_phase")  # fmt: skip
        word = str(Event(hook, state.phase if phased else None))
        if word not in seen:
            seen.append(word)

    tiny_learner().fit(1, callbacks=Neighbour(act), progress=False)
    assert seen == [str(event) for event in EVENTS]


def test_an_error_is_raised_in_each_of_them() -> None:
    for event in EVENTS:
        raising = Raising(event, KeyError("here"), epochs=1)
        with pytest.raises(KeyError):
            tiny_learner().fit(2, callbacks=raising, progress=False)
        assert raising.raised
