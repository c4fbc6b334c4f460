"""What all checks share: a fresh callback, a quiet fit, and what the fit leaves behind."""

import contextlib
import io
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TypeAlias

from learnkit.callback import Callback
from learnkit.history import History
from learnkit.learner import Learner
from learnkit.testing.compare import flat
from learnkit.testing.failure import ContractError, broken

MakeCallback: TypeAlias = Callable[[], Callback]
MakeLearner: TypeAlias = Callable[[], Learner]

CLOCK = "seconds"  # the one column of a history that is no function of the seed


def fresh(make: MakeCallback) -> Callback:
    """Return a new callback.

    Raises:
        ContractError: when ``make`` gives something else.
    """
    callback = make()
    if not isinstance(callback, Callback):
        raise ContractError(
            f"make() must return a Callback; it returned {type(callback).__name__}. Pass a class, "
            "or a function without arguments: check_callback(lambda: MyCallback(0.5))."
        )
    return callback


def run_quietly(
    learn: Learner, epochs: int, callbacks: Sequence[Callback], **options: Any
) -> History:
    """Fit without a bar; what callbacks print or warn of is dropped."""
    with quiet():
        return learn.fit(epochs, 0.05, callbacks=callbacks, progress=False, **options)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop what is printed and warned of."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def run_whole(
    learn: Learner,
    epochs: int,
    callbacks: Sequence[Callback],
    *,
    tested: Callback,
    check: str,
    **options: Any,
) -> History:
    """Fit as `run_quietly`, where nothing may go wrong.

    Raises:
        ContractError: from what the callback raised.
    """
    try:
        return run_quietly(learn, epochs, callbacks, **options)
    except ContractError:
        raise
    except Exception as error:
        raise broken(
            tested,
            check,
            expected=f"a fit of {epochs} epochs with it ends without an error",
            found=f"{type(error).__name__}: {error}",
            do="If it needs other data, another model or a metric, pass a function that makes "
            "such a learner: learner=lambda: tiny_learner(kind='images')",
        ) from error


def left_behind(
    learn: Learner, history: History, *callbacks: Callback, ignore: Collection[str] = ()
) -> dict[str, Any]:
    """Return everything that a fit leaves behind, as text that compares bits.

    Args:
        learn: after the fit.
        history: of the fit.
        callbacks: whose states belong to it.
        ignore: columns of the table, and keys of states, that are left out.
    """
    left_out = {CLOCK, *ignore}
    rows = [{k: v for k, v in row.items() if k not in left_out} for row in history]
    states = [c.state_dict() or {} for c in callbacks]
    found: dict[str, Any] = flat(
        {
            "history": rows,
            "weights": dict(learn.model.state_dict()),
            "optimizer": learn.optimizer.state_dict(),
            "stop_reason": history.stop_reason,
            "state_dict": [{k: v for k, v in s.items() if k not in left_out} for s in states],
        }
    )
    return found
