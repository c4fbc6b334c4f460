"""A fit that is stopped and goes on from its checkpoint, with a fresh callback."""

import signal
import tempfile
import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from learnkit.callback import Callback
from learnkit.history import History
from learnkit.learner import Learner
from learnkit.names import checked_keywords
from learnkit.runs.checkpoints import Checkpoints
from learnkit.state import Phase, State
from learnkit.testing.compare import difference
from learnkit.testing.failure import ContractError, broken
from learnkit.testing.runs import MakeCallback, MakeLearner, fresh, left_behind, run_whole
from learnkit.testing.spies import Neighbour
from learnkit.testing.tiny import tiny_learner

CHECK: Final = "check_resume"
EPOCHS: Final = 3


class _Crash(Exception):
    """What stops a fit."""


@dataclass(frozen=True)
class _Stop:
    """Where a fit is stopped, how, and how often it was saved until then."""

    words: str
    hook: str
    phase: Phase | None = None
    epoch: int = 1  # epochs that are done
    batch: int = 0  # batches that are done in the phase
    every_steps: int | None = None
    by_ctrl_c: bool = False

    def crash(self, hook: str, state: State) -> None:
        """End the fit, if this is the place."""
        done = state.progress
        if hook != self.hook or done.epochs_done != self.epoch:
            return
        if self.phase is None or (state.phase is self.phase and done.batches_done == self.batch):
            if self.by_ctrl_c and _is_heard():
                signal.raise_signal(signal.SIGINT)
            else:
                raise _Crash


def _is_heard() -> bool:
    """Whether the loop waits for Ctrl-C, which it does in the place of Python's own handler."""
    mine = threading.current_thread() is threading.main_thread()
    return mine and getattr(signal.getsignal(signal.SIGINT), "__self__", None) is not None


STOPS: Final = (
    # two batches are lost and computed again
    _Stop("in an epoch", "after_batch", Phase.TRAIN, batch=4, every_steps=2),
    _Stop("in validation", "after_batch", Phase.VALID, batch=1, by_ctrl_c=True),
    _Stop("between two epochs", "before_epoch", epoch=2),
)


@checked_keywords
def check_resume(
    make: MakeCallback, *, learner: MakeLearner = tiny_learner, ignore: Collection[str] = ()
) -> None:
    """Check that a fit that was stopped goes on to the same bits as one that was not.

    Three epochs run in one go. Then, for a stop inside the second epoch, in its validation and
    between two epochs: a fit with checkpoints is ended there, by an error or by Ctrl-C, and a fresh
    learner with a fresh callback goes on. Weights, optimizer, history and the callback's state must
    be equal.

    Example:
        >>> from learnkit.callbacks import EarlyStopping
        >>> check_resume(EarlyStopping)

    Args:
        make: returns a new callback; a class will do.
        learner: returns a new learner, always the same one.
        ignore: columns that the callback adds, and keys of its state, that are no function of the
            seed and this fit alone: times, or what it goes on collecting over several fits.

    Raises:
        ContractError: naming what differs first.
    """
    callback, learn = fresh(make), learner()
    history = run_whole(learn, EPOCHS, [callback], tested=callback, check=CHECK)
    expected = left_behind(learn, history, callback, ignore=ignore)
    for stop in STOPS:
        with tempfile.TemporaryDirectory(prefix="learnkit-") as folder:
            crashed = _crashed(learner(), fresh(make), stop, Path(folder))
            other, again = learner(), fresh(make)
            found = left_behind(
                other, _resumed(other, again, stop, Path(folder)), again, ignore=ignore
            )
        if not crashed:  # it was finished before, and a finished fit is not run again
            found["state_dict"] = expected["state_dict"]
        _compare(again, expected, found, stop)


def _crashed(learn: Learner, callback: Callback, stop: _Stop, folder: Path) -> bool:
    """Run a fit until it is stopped; False when it ended before that."""
    given, saving = [callback, Neighbour(stop.crash)], _saving(stop, folder)
    try:
        run_whole(learn, EPOCHS, given, tested=callback, check=CHECK, **saving)
    except KeyboardInterrupt:
        return True
    except ContractError as error:
        if isinstance(error.__cause__, _Crash):
            return True
        raise
    return False


def _resumed(learn: Learner, callback: Callback, stop: _Stop, folder: Path) -> History:
    saving = _saving(stop, folder) | {"every_steps": None}
    return run_whole(learn, EPOCHS, [callback], tested=callback, check=CHECK, **saving)


def _saving(stop: _Stop, folder: Path) -> dict[str, Any]:
    return {
        "checkpoint": Checkpoints(folder.resolve() / "run", keep=1, background=False),
        "every_steps": stop.every_steps,
    }


def _compare(
    callback: Callback, expected: dict[str, Any], found: dict[str, Any], stop: _Stop
) -> None:
    where = difference(expected, found)
    if where is not None:
        raise broken(
            callback,
            CHECK,
            expected=f"a fit that was stopped {stop.words} goes on to the same bits",
            found=where,
            do="state_dict must hold all that hooks change and later hooks read; what is drawn "
            "must come from torch's default generator, which the loop seeds",
        )
