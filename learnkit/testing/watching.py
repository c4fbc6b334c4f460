"""Whether a callback that says that it only looks on does."""

from typing import Any, Final

from learnkit.callback import Callback
from learnkit.learner import Learner
from learnkit.names import checked_keywords
from learnkit.state import State
from learnkit.testing.compare import difference, flat
from learnkit.testing.failure import broken
from learnkit.testing.runs import MakeCallback, MakeLearner, fresh, run_whole
from learnkit.testing.spies import Neighbour
from learnkit.testing.tiny import tiny_learner

CHECK: Final = "check_looks_on"


@checked_keywords
def check_looks_on(make: MakeCallback, *, learner: MakeLearner = tiny_learner) -> None:
    """Check that a callback with ``looks_on = True`` changes nothing that is trained.

    Weights and optimizer after every step of a fit, and the loop's own columns, must equal those
    of a fit without it, bit for bit. After the fit it may have put back weights that the fit had
    at the end of one of its epochs, as `SaveBest` does. Other callbacks are not looked at.

    Example:
        >>> from learnkit.callbacks import SaveBest
        >>> check_looks_on(lambda: SaveBest("best.safetensors"))

    Args:
        make: returns a new callback; a class will do.
        learner: returns a new learner, always the same one.

    Raises:
        ContractError: naming what differs first.
    """
    callback = fresh(make)
    if not callback.looks_on:
        return
    learn, plain = learner(), learner()
    without = _watched(plain, [], callback)
    found = _watched(learn, [callback], callback)
    where = difference(without, found)
    if where is None and flat(learn.model.state_dict()) not in found["weights at the end of epoch"]:
        where = "after the fit the model has weights that it had at the end of no epoch"
    if where is not None:
        raise broken(
            callback,
            CHECK,
            expected="looks_on = True says that it changes nothing that is trained",
            found=where,
            do="Leave model, batch, loss, gradients and optimizer as they are, and do not stop the "
            "fit; or leave looks_on out, so that it takes part in resuming and replays",
        )


def _watched(learn: Learner, callbacks: list[Callback], tested: Callback) -> dict[str, Any]:
    """Return what a neighbour sees of a fit."""
    steps: list[Any] = []
    ends: list[Any] = []

    def look(hook: str, state: State) -> None:
        if hook == "after_batch" and state.training:
            parts = {"weights": state.model.state_dict(), "optimizer": state.optimizer.state_dict()}
            steps.append(flat({**parts, "loss": state.loss}))
        elif hook == "after_epoch":
            ends.append(flat(state.model.state_dict()))

    history = run_whole(learn, 2, [*callbacks, Neighbour(look)], tested=tested, check=CHECK)
    columns = [name for name in ("train_loss", "valid_loss") if history and name in history[0]]
    rows = [{name: row[name] for name in columns} for row in history]
    return {"step": steps, "weights at the end of epoch": ends, "history": flat(rows)}
