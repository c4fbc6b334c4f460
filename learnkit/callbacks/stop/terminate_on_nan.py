"""End a fit whose gradients, weights or numbers are no longer finite."""

import math
from collections.abc import Iterable, Sequence
from typing import Final, Literal, NoReturn, TypeAlias

import torch
from torch import Tensor
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.errors import NonFiniteLossError
from learnkit.names import checked_keywords, did_you_mean
from learnkit.state import State

Place: TypeAlias = Literal["gradients", "weights", "metrics"]
_PLACES: Final = ("gradients", "weights", "metrics")


class TerminateOnNaN(Callback):
    """Raise when a gradient, a weight or a number of the table is NaN or infinite; say which.

    The training loss needs no callback: every fit looks at it before the weights move, and
    ``Learner(nonfinite=...)`` says what is done. This one looks further. Gradients are seen before
    the step, so the weights are still good; those of fp16 are left to the loss scaler, for which
    an infinite one is nothing unusual.

    Args:
        look_at: any of "gradients", "weights", "metrics" (the epoch's row).
        every: optimizer steps between two looks at gradients and weights. Each look waits for the
            device, so on a GPU every step would cost more than on a CPU. Weights are looked at
            at the end of each epoch too.

    Raises:
        ValueError: when an option is out of range.
        NonFiniteLossError: in the fit, naming tensors, epoch and step; ``nonfinite="rollback"``
            goes back to the last checkpoint on it.

    Example:
        ``learn.fit(5, callbacks=TerminateOnNaN(every=10))``
    """

    looks_on = True

    @checked_keywords
    def __init__(self, look_at: Sequence[Place] = _PLACES, *, every: int = 50) -> None:
        given: Sequence[str] = [look_at] if isinstance(look_at, str) else list(look_at)
        unknown = next((place for place in given if place not in _PLACES), None)
        if unknown is not None or not given:
            raise ValueError(
                f"TerminateOnNaN(): look_at takes any of {', '.join(_PLACES)}; found {look_at!r}."
                f"{did_you_mean(str(unknown), _PLACES)} The loss is looked at anyway."
            )
        if not isinstance(every, int) or isinstance(every, bool) or every < 1:
            raise ValueError(
                "TerminateOnNaN(): every must be a whole number of steps of at least 1, "
                f"found {every!r}."
            )
        self.look_at, self.every = tuple(given), every
        self._empty: set[str] = set()  # losses of phases without a batch, which are NaN

    @override
    def before_epoch(self, state: State) -> None:
        self._empty = set()

    @override
    def before_step(self, state: State) -> None:
        due = (state.progress.steps_done + 1) % self.every == 0
        if due and "gradients" in self.look_at and state.precision != "fp16":
            parameters = state.model.named_parameters()
            bad = _not_finite((n, p.grad) for n, p in parameters if p.grad is not None)
            if bad:
                _fail("the gradient", bad, state)

    @override
    def after_step(self, state: State) -> None:
        if state.progress.steps_done % self.every == 0:
            self._look_at_weights(state)

    @override
    def after_phase(self, state: State) -> None:
        if not state.progress.batches_done:  # it was stopped before
            self._empty.add("train_loss" if state.training else "valid_loss")

    @override
    def after_epoch(self, state: State) -> None:
        self._look_at_weights(state)
        if "metrics" in self.look_at:
            numbers = [pair for pair in state.metrics.items() if pair[0] not in self._empty]
            bad = [name for name, value in numbers if not math.isfinite(value)]
            if bad:
                _fail("the epoch's number", bad, state)

    def _look_at_weights(self, state: State) -> None:
        if "weights" in self.look_at:
            bad = _not_finite((n, p.detach()) for n, p in state.model.named_parameters())
            if bad:
                _fail("the weight", bad, state)


def _not_finite(tensors: Iterable[tuple[str, Tensor]]) -> list[str]:
    """Return the names of those with a NaN or an infinity; waits for the device once."""
    named = list(tensors)
    if not named:
        return []
    finite = torch.stack([tensor.isfinite().all() for _, tensor in named]).tolist()
    return [name for (name, _), whole in zip(named, finite, strict=True) if not whole]


def _fail(what: str, names: Sequence[str], state: State) -> NoReturn:
    progress = state.progress
    more = f" and of {len(names) - 1} more" if len(names) > 1 else ""
    error = NonFiniteLossError(
        f"TerminateOnNaN: {what} {names[0]}{more} is NaN or infinite in epoch "
        f"{progress.epochs_done + 1}, step {progress.steps_done}, at lr {state.lr:.3g}. Try a "
        "lower learning rate, callbacks=GradientClip(1.0) or precision='fp32'."
    )
    error.step = max(0, progress.batches_seen - 1)
    raise error
