"""The order of events, with the callback alone and between two neighbours."""

import re
from collections.abc import Collection
from typing import Final

from learnkit.names import checked_keywords
from learnkit.testing.failure import broken
from learnkit.testing.runs import MakeCallback, MakeLearner, fresh, run_whole
from learnkit.testing.spies import LETTERS, Recording
from learnkit.testing.surroundings import Kept, changed, surroundings
from learnkit.testing.tiny import tiny_learner

CHECK: Final = "check_event_order"

# f before_fit, e before_epoch, p before_phase, b before_batch, o after_forward, l after_loss,
# s before_step, t after_step, B after_batch, P after_phase, E after_epoch, F after_fit; a batch
# may be skipped from any of its hooks on, and a batch in parts has o and l for each;
# one that is computed again has them after s too
_BATCH: Final = "b(?:ol)*o?(?:s(?:ol)*t?)?B"
_PHASE: Final = f"p(?:{_BATCH})*P"
GRAMMAR: Final = re.compile(f"f(?:e(?:{_PHASE}){{0,2}}E)*F")
_NAMES: Final = {letter: hook for hook, letter in LETTERS.items()} | {"!": "on_error"}
_AROUND: Final = 6  # events shown before the one that is wrong


@checked_keywords
def check_event_order(
    make: MakeCallback,
    *,
    learner: MakeLearner = tiny_learner,
    may_change: Collection[Kept] = (),
) -> None:
    """Check that the loop keeps its grammar with the callback in it, and that nothing stays behind.

    A fit of two epochs runs with the callback alone, and one with it between two neighbours that
    write down their events: both must see ``before_fit``, whole epochs of whole phases of whole
    batches, and ``after_fit`` once. Afterwards the modes of modules, their hooks, ``requires_grad``
    and so on are as they were.

    Example:
        >>> from learnkit.callbacks import EarlyStopping
        >>> check_event_order(EarlyStopping)

    Args:
        make: returns a new callback; a class will do.
        learner: returns a new learner, always the same one.
        may_change: what the callback changes for good, on purpose: ``"requires_grad"`` of one
            that unfreezes layers.

    Raises:
        ContractError: when the order, or what is left behind, is wrong.
    """
    alone, learn = fresh(make), learner()
    learn.model.eval()
    before = surroundings(learn)
    run_whole(learn, 2, [alone], tested=alone, check=CHECK)
    left = changed(before, surroundings(learn), but=may_change)
    if left is not None:
        raise broken(
            alone,
            CHECK,
            expected="after the fit all is as it was",
            found=left,
            do="Put back in after_fit what the callback changed; it runs after errors too",
        )
    callback, first, last = fresh(make), Recording(), Recording()
    run_whole(learner(), 2, [first, callback, last], tested=callback, check=CHECK)
    for where, neighbour in (("before", first), ("after", last)):
        wrong = first_wrong(neighbour.letters)
        if wrong is not None:
            raise broken(
                callback,
                CHECK,
                expected=f"a neighbour that runs {where} it sees the events of the loop's grammar",
                found=wrong,
                do="A hook must not call other hooks; raise SkipBatch only in before_batch, "
                "after_forward, after_loss or before_step, and end a fit by state.stop(reason)",
            )


def first_wrong(letters: list[str]) -> str | None:
    """Return the events up to the first that the grammar does not have there, or None."""
    text = "".join(letters)
    if GRAMMAR.fullmatch(text):
        return None
    end = next((n for n in range(1, len(text) + 1) if not _may_begin(text[:n])), len(text))
    shown = [_NAMES[letter] for letter in text[max(0, end - _AROUND) : end]]
    return f"the events {', '.join(shown)}" if shown else "no event at all"


def _may_begin(text: str) -> bool:
    """Whether some whole sequence of events begins so: no more than a batch, ... is open."""
    endings = ("", "B", "oB", "lB")
    return any(
        GRAMMAR.fullmatch(f"{text}{batch}{phase}{epoch}{fit}")
        for batch in endings
        for phase in ("", "P")
        for epoch in ("", "E")
        for fit in ("", "F")
    )
