"""A callback made of functions."""

from collections.abc import Callable
from typing import TypeAlias

from learnkit.callback import Callback
from learnkit.names import checked_keywords
from learnkit.state import State

Hook: TypeAlias = Callable[[State], object]


class LambdaCallback(Callback):
    """Call functions in the loop's hooks, where a class of its own would be too much.

    Each function gets the `State`; ``on_error`` gets the error too. What they return is dropped.
    Hooks that are not given cost nothing. What a function remembers is not in checkpoints: a
    callback with a memory is a class with ``state_dict``.

    Args:
        before_fit: and the others: functions, named after the hook in which they run.
        looks_on: say so if they change nothing that is trained.

    Raises:
        TypeError: when a name is no hook, naming the nearest, or a value is no function.

    Example:
        ``learn.fit(5, callbacks=LambdaCallback(after_epoch=lambda state: print(state.metrics)))``
    """

    @checked_keywords
    def __init__(
        self,
        *,
        before_fit: Hook | None = None,
        before_epoch: Hook | None = None,
        before_phase: Hook | None = None,
        before_batch: Hook | None = None,
        after_forward: Hook | None = None,
        after_loss: Hook | None = None,
        before_step: Hook | None = None,
        after_step: Hook | None = None,
        after_batch: Hook | None = None,
        after_phase: Hook | None = None,
        after_epoch: Hook | None = None,
        after_fit: Hook | None = None,
        on_error: Callable[[State, BaseException], object] | None = None,
        looks_on: bool = False,
    ) -> None:
        given = {
            name: value for name, value in locals().items() if name not in ("self", "looks_on")
        }
        for name, function in given.items():
            if function is None:
                continue
            if not callable(function):
                raise TypeError(
                    f"LambdaCallback(): {name} must be a function of the state, found {function!r}."
                )
            setattr(self, name, function)  # the loop asks a callback's own attributes too
        self.looks_on = looks_on
