"""A fit that is ended by an error or by Ctrl-C in any hook, beside the callback."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

from learnkit.callback import Callback
from learnkit.names import checked_keywords
from learnkit.state import Phase
from learnkit.testing.compare import difference, flat
from learnkit.testing.failure import ContractError, broken
from learnkit.testing.runs import MakeCallback, MakeLearner, fresh, run_quietly, run_whole
from learnkit.testing.spies import EVENTS, Event, Raising
from learnkit.testing.surroundings import Kept, changed, surroundings
from learnkit.testing.tiny import tiny_learner

Side: TypeAlias = Literal["before", "after"]

SIDES: Final[tuple[Side, ...]] = get_args(Side)
_BEFORE_THE_STEP: Final = ("before_batch", "after_forward", "after_loss", "before_step")


@checked_keywords
def check_errors(
    make: MakeCallback,
    *,
    learner: MakeLearner = tiny_learner,
    may_change: Collection[Kept] = (),
) -> None:
    """Check that an error of a neighbour in any hook leaves the learner as it should be.

    In each hook, of training and of validation, an error is raised once by a neighbour that runs
    before the callback and once by one that runs after it. The error must come out as it is; the
    callback's ``on_error`` and ``after_fit`` must not fail; modes, hooks, ``requires_grad`` and so
    on must be as they were; what the callback puts into the model for validation, or for the
    forward pass alone, must be out of it; and one more fit must run.

    Example:
        >>> from learnkit.callbacks import EarlyStopping
        >>> check_errors(EarlyStopping)

    Args:
        make: returns a new callback; a class will do.
        learner: returns a new learner, always the same one.
        may_change: as in `check_event_order`.

    Raises:
        ContractError: naming the hook after which something is wrong.
    """
    _Ends("check_errors", make, learner, may_change, _Stop).run()


@checked_keywords
def check_interrupts(
    make: MakeCallback,
    *,
    learner: MakeLearner = tiny_learner,
    may_change: Collection[Kept] = (),
) -> None:
    """Check as `check_errors` does, with KeyboardInterrupt in place of the error.

    A second Ctrl-C does not wait for the end of the batch, so it may come anywhere.

    Example:
        >>> from learnkit.callbacks import EarlyStopping
        >>> check_interrupts(EarlyStopping)

    Args:
        make: returns a new callback; a class will do.
        learner: returns a new learner, always the same one.
        may_change: as in `check_event_order`.

    Raises:
        ContractError: naming the hook after which something is wrong.
    """
    _Ends("check_interrupts", make, learner, may_change, KeyboardInterrupt).run()


class _Stop(Exception):
    """What a neighbour raises; nobody else does."""


@dataclass(frozen=True)
class _Ends:
    """One check: a fit for each hook and each side that the error may come from."""

    check: str
    make: MakeCallback
    learner: MakeLearner
    may_change: Collection[Kept]
    error: type[BaseException]
    weights: dict[tuple[Event, Side], Any] = field(default_factory=dict)

    def run(self) -> None:
        """End a fit everywhere; then compare the weights it was left with."""
        for event in EVENTS:
            for side in SIDES:
                # in the second epoch, where a callback has something to lose
                if not self.ended(event, side, epochs=1):
                    self.ended(event, side, epochs=0)
        self.compare_weights([e for e in EVENTS if e.phase is Phase.VALID], always=True)
        training = [e for e in EVENTS if e.hook in _BEFORE_THE_STEP and e.phase != Phase.VALID]
        self.compare_weights(training, always=False)

    def ended(self, event: Event, side: Side, *, epochs: int) -> bool:
        """End a fit at one place, and look at what is left; False when it was never reached."""
        callback, error = fresh(self.make), self.error("raised by a test")
        raising = Raising(event, error, epochs=epochs)
        learn = self.learner()
        learn.model.eval()
        before = surroundings(learn)
        given = [raising, callback] if side == "before" else [callback, raising]
        words = self.words(event, side)
        try:
            run_quietly(learn, 2, given)
        except BaseException as found:
            self.check_error(callback, found, error, words)
        else:
            if raising.raised:
                raise self.broken(callback, words, "the error ends the fit", "it was swallowed")
            return False
        left = changed(before, surroundings(learn), but=self.may_change)
        if left is not None:
            raise self.broken(callback, words, "all is as it was before the fit", left)
        parameters = dict(learn.model.named_parameters())
        self.weights[event, side] = flat({name: p.detach() for name, p in parameters.items()})
        if side == "after":  # once for each event
            run_whole(learn, 1, [callback], tested=callback, check=f"{self.check}, {words}")
        return True

    def check_error(
        self, callback: Callback, found: BaseException, error: BaseException, words: str
    ) -> None:
        """Compare what came out of the fit with what was raised in it."""
        mine = found is not error and isinstance(found, KeyboardInterrupt)
        if mine or isinstance(found, ContractError):  # who runs the check has pressed Ctrl-C
            raise found
        if found is not error:
            what = f"{type(found).__name__}: {found}"
            raise self.broken(callback, words, "that error comes out", what) from found
        notes = getattr(found, "__notes__", [])
        if notes:
            expected = "on_error and after_fit of the callback do not fail"
            raise self.broken(callback, words, expected, str(notes[0])) from found

    def compare_weights(self, events: list[Event], *, always: bool) -> None:
        """Check that within a span that trains nothing the place makes no difference.

        Args:
            events: of the span.
            always: False looks only if the span's first and last place left equal weights, that
                is, if the callback does not change them for good in between.
        """
        places = [(key, self.weights[key]) for key in self.places(events) if key in self.weights]
        if not places or (not always and places[0][1] != places[-1][1]):
            return
        first, expected = places[0]
        for (event, side), found in places:
            where = difference(expected, found)
            if where is not None:
                raise self.broken(
                    fresh(self.make),
                    self.words(event, side),
                    f"the same weights as after one in {first[0]}, as nothing was trained between",
                    where,
                )

    def words(self, event: Event, side: Side) -> str:
        """Say where the fit was ended."""
        what = "Ctrl-C" if self.error is KeyboardInterrupt else "an error"
        return f"after {what} in {event} from a neighbour that runs {side} it"

    def places(self, events: list[Event]) -> Iterator[tuple[Event, Side]]:
        """Give all places of a span, in the order in which the loop comes by."""
        for event in events:
            for side in SIDES:
                yield event, side

    def broken(self, callback: Callback, words: str, expected: str, found: str) -> ContractError:
        """Return the error that names the place."""
        return broken(
            callback,
            self.check,
            expected=f"{words}, {expected}",
            found=found,
            do="Put everything back in on_error or after_fit: both run if before_fit began, "
            "whatever hooks have run since",
        )
