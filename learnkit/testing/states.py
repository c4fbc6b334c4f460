"""A callback's state: plain, the same again when it is loaded, and free of side effects."""

import json
from collections.abc import Collection
from typing import Any, Final

from torch import Tensor

from learnkit.callback import Callback
from learnkit.errors import CheckpointError
from learnkit.names import checked_keywords
from learnkit.packing import pack, unpack
from learnkit.state import State
from learnkit.testing.compare import difference, flat
from learnkit.testing.failure import ContractError, broken
from learnkit.testing.runs import MakeCallback, MakeLearner, fresh, run_whole
from learnkit.testing.spies import Neighbour
from learnkit.testing.tiny import tiny_learner

CHECK: Final = "check_state_round_trip"


@checked_keywords
def check_state_round_trip(
    make: MakeCallback, *, learner: MakeLearner = tiny_learner, ignore: Collection[str] = ()
) -> None:
    """Check that ``state_dict`` holds plain values and tensors, and that a fresh callback takes it.

    The state is taken before the fit, after each batch and epoch, and after the fit; it must go
    through JSON and safetensors. Each of a fit's states is given to a fresh callback, after
    ``before_fit``, ``before_epoch`` and ``before_phase`` as on resuming, and must come out again.

    Example:
        >>> from learnkit.callbacks import EarlyStopping
        >>> check_state_round_trip(EarlyStopping)

    Args:
        make: returns a new callback; a class will do.
        learner: returns a new learner, always the same one.
        ignore: keys of the state that depend on more than what is loaded, such as on a file.

    Raises:
        ContractError: when a state cannot be saved, or is another one after loading.
    """
    callback, other = fresh(make), fresh(make)
    _check_name(callback, other)
    taken = [_taken(callback)]

    def take(hook: str, state: State) -> None:
        if hook in ("after_batch", "after_epoch"):
            taken.append(_taken(callback))

    run_whole(learner(), 2, [callback, Neighbour(take)], tested=callback, check=CHECK)
    taken.append(_taken(callback))
    _load_all(make, [saved for saved in taken if saved], learner, ignore)


def _check_name(callback: Callback, other: Callback) -> None:
    name: object = callback.name
    if not isinstance(name, str) or not name or name != other.name:
        raise broken(
            callback,
            CHECK,
            expected="`name`, its key in checkpoints, is the same text for each callback of make()",
            found=f"{name!r} and {other.name!r}",
            do="Leave `name` as it is, or return one fixed text",
        )
    if callback is other:
        raise ContractError(
            "make() must return a new callback each time; it returned one "
            f"{type(callback).__name__} twice. Pass the class, or lambda: MyCallback(...)."
        )


def _taken(callback: Callback) -> dict[str, Any]:
    """Return the state as it comes back from a file."""
    state: object = callback.state_dict()
    if not isinstance(state, dict):
        raise broken(
            callback,
            CHECK,
            expected="state_dict() returns a dict",
            found=type(state).__name__,
            do="Return {} where there is nothing to remember",
        )
    tensors: dict[str, Tensor] = {}
    try:
        text = json.dumps(pack(state, tensors, "state_dict"))
    except CheckpointError as error:
        raise broken(
            callback,
            CHECK,
            expected="state_dict() holds plain values and tensors only",
            found=str(error),
            do="Turn it into such values, and back in load_state_dict",
        ) from error
    kept = {name: value.detach().clone() for name, value in tensors.items()}
    loaded: dict[str, Any] = unpack(json.loads(text), kept)
    where = difference(flat(loaded), flat(callback.state_dict()), "state_dict")
    if where is not None:
        raise broken(
            callback,
            CHECK,
            expected="state_dict() called twice gives the same values twice",
            found=where,
            do="state_dict may be called at any time and must change nothing",
        )
    return loaded


def _load_all(
    make: MakeCallback,
    states: list[dict[str, Any]],
    learner: MakeLearner,
    ignore: Collection[str],
) -> None:
    """Give each state to a callback, in the first training phase of a fit that ends there."""
    if not states:
        return
    target = fresh(make)

    def load(hook: str, state: State) -> None:
        if hook == "before_phase" and state.training:
            for saved in states:
                target.load_state_dict(saved)
                _compare(target, saved, ignore)
            state.stop("all is seen")

    run_whole(learner(), 1, [target, Neighbour(load)], tested=target, check=CHECK)


def _compare(callback: Callback, saved: dict[str, Any], ignore: Collection[str]) -> None:
    again = callback.state_dict()
    kept, found = (
        {key: value for key, value in state.items() if key not in ignore}
        for state in (saved, again)
    )
    where = difference(flat(kept), flat(found), "state_dict")
    if where is not None:
        raise broken(
            callback,
            CHECK,
            expected="load_state_dict takes what state_dict returned, all of it",
            found=f"after loading, {where}",
            do="Set every key of state_dict in load_state_dict, and change none of the values",
        )
