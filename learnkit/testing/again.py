"""One callback in two fits: the second begins anew."""

from collections.abc import Collection
from typing import Any, Final

from learnkit.callback import Callback
from learnkit.learner import Learner
from learnkit.names import checked_keywords
from learnkit.testing.compare import difference
from learnkit.testing.failure import broken
from learnkit.testing.runs import MakeCallback, MakeLearner, fresh, left_behind, run_whole
from learnkit.testing.tiny import tiny_learner

CHECK: Final = "check_second_fit"


@checked_keywords
def check_second_fit(
    make: MakeCallback, *, learner: MakeLearner = tiny_learner, ignore: Collection[str] = ()
) -> None:
    """Check that a callback that has been in a fit acts in the next as a fresh one would.

    It is used in the fit of one learner, then in two fits of another; weights, optimizer, history
    and its own state must equal, bit for bit, those with a fresh callback in each fit.

    Example:
        >>> from learnkit.callbacks import EarlyStopping
        >>> check_second_fit(EarlyStopping)

    Args:
        make: returns a new callback; a class will do.
        learner: returns a new learner, always the same one.
        ignore: columns that the callback adds, and keys of its state, that are no function of the
            seed and this fit alone: times, or what it goes on collecting over several fits.

    Raises:
        ContractError: when a fit differs.
    """
    used, learn, other = fresh(make), learner(), learner()
    run_whole(learner(), 2, [used], tested=used, check=CHECK)
    for number in ("second", "third"):
        found = _fit(learn, used, ignore)
        where = difference(_fit(other, fresh(make), ignore), found)
        if where is not None:
            raise broken(
                used,
                CHECK,
                expected="the same callback object in another fit acts as a fresh one, bit for bit",
                found=f"in its {number} fit, {where}",
                do="Begin anew in before_fit: set there all that __init__ sets and hooks change",
            )


def _fit(learn: Learner, callback: Callback, ignore: Collection[str]) -> dict[str, Any]:
    history = run_whole(learn, 2, [callback], tested=callback, check=CHECK)
    return left_behind(learn, history, callback, ignore=ignore)
