"""All that the loop's contract asks of a callback, in one call."""

from collections.abc import Collection

from learnkit.names import checked_keywords
from learnkit.testing.again import check_second_fit
from learnkit.testing.ends import check_errors, check_interrupts
from learnkit.testing.order import check_event_order
from learnkit.testing.resumes import check_resume
from learnkit.testing.runs import MakeCallback, MakeLearner
from learnkit.testing.states import check_state_round_trip
from learnkit.testing.surroundings import Kept
from learnkit.testing.tiny import tiny_learner
from learnkit.testing.watching import check_looks_on


@checked_keywords
def check_callback(
    make: MakeCallback,
    *,
    learner: MakeLearner = tiny_learner,
    may_change: Collection[Kept] = (),
    ignore: Collection[str] = (),
) -> None:
    """Check a callback against the whole contract, in about a second on one core.

    Runs `check_event_order`, `check_state_round_trip`, `check_second_fit`, `check_errors`,
    `check_interrupts`, `check_resume` and `check_looks_on`, in this order, up to the first that
    fails. What the callback prints or warns of is dropped.

    Example:
        >>> from learnkit.callbacks import GradientClip
        >>> check_callback(lambda: GradientClip(1.0))

    Args:
        make: returns a new callback each time; a class will do.
        learner: returns a new learner each time, always the same one, with two training batches
            or more: `tiny_learner`, or ``lambda: tiny_learner(kind="images")``.
        may_change: what the callback changes for good, on purpose: ``"requires_grad"`` of one
            that unfreezes layers.
        ignore: columns that the callback adds, and keys of its state, that are no function of the
            seed and this fit alone: times, or what it goes on collecting over several fits.

    Raises:
        ContractError: an AssertionError that says what was expected, what was found, and what to
            do.
    """
    check_event_order(make, learner=learner, may_change=may_change)
    check_state_round_trip(make, learner=learner, ignore=ignore)
    check_second_fit(make, learner=learner, ignore=ignore)
    check_errors(make, learner=learner, may_change=may_change)
    check_interrupts(make, learner=learner, may_change=may_change)
    check_resume(make, learner=learner, ignore=ignore)
    check_looks_on(make, learner=learner)
