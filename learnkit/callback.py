"""The base class of all callbacks, and the check that catches a misspelt hook.

To extend the loop, subclass `Callback`, override the hooks you need (``typing.override`` lets a
type checker help) and pass an instance: nothing is registered.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from learnkit.errors import UnknownHookError
from learnkit.names import nearest
from learnkit.state import State

HOOKS: Final = (
    "before_fit",
    "before_epoch",
    "before_phase",
    "before_batch",
    "after_forward",
    "after_loss",
    "before_step",
    "after_step",
    "after_batch",
    "after_phase",
    "after_epoch",
    "after_fit",
)
_LOOKS_LIKE_A_HOOK: Final = ("before_", "after_", "on_")


class Callback:
    """Base of all callbacks: every hook is a typed no-op; override what you need.

    Hooks of one event run in list order: the learner's callbacks, then this fit's.

    Raises:
        UnknownHookError: at class creation, when a public method is named ``before_*``,
            ``after_*`` or ``on_*`` but is no hook; it names the nearest one.

    Attributes:
        looks_on: True for one that only looks on, such as a bar or a log: it changes nothing that
            is trained, takes no part in a replay, and may come or go when a fit is resumed.
        writes: True for one that writes files or tells a service: a trial such as
            ``learn.costs()`` leaves it out.
    """

    looks_on: bool = False
    writes: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, value in vars(cls).items():
            looks_like = name.startswith(_LOOKS_LIKE_A_HOOK) and callable(value)
            if looks_like and name not in HOOKS and name != "on_error":
                closest = nearest(name, (*HOOKS, "on_error"), cutoff=0.5)
                hint = f"did you mean {closest!r}?" if closest else f"hooks: {', '.join(HOOKS)}."
                raise UnknownHookError(f"{cls.__name__}.{name} is not a hook; {hint}")

    def before_fit(self, state: State) -> None:
        """Run once, before the first epoch; ``state.metric_names`` is known."""

    def before_epoch(self, state: State) -> None:
        """Run before the TRAIN phase of each epoch; ``state.metrics`` is empty."""

    def before_phase(self, state: State) -> None:
        """Run before the first batch of TRAIN or VALID; read ``state.phase``."""

    def before_batch(self, state: State) -> None:
        """Run with the batch on the device, augmented and normalised; may assign it."""

    def after_forward(self, state: State) -> None:
        """Run when ``state.preds`` is there; may assign it."""

    def after_loss(self, state: State) -> None:
        """Run when ``state.loss`` is there; may assign it."""

    def before_step(self, state: State) -> None:
        """Run with gradients complete and unscaled: clip here."""

    def after_step(self, state: State) -> None:
        """Run after the optimizer moved the weights."""

    def after_batch(self, state: State) -> None:
        """Run at the end of every batch, a skipped one too."""

    def after_phase(self, state: State) -> None:
        """Run when the phase's numbers are in ``state.metrics``; may add keys."""

    def after_epoch(self, state: State) -> None:
        """Run when the epoch's row is complete in ``state.metrics``; may add keys."""

    def after_fit(self, state: State) -> None:
        """Run exactly once if ``before_fit`` began, on errors too: release things here."""

    def on_error(self, state: State, error: BaseException) -> None:
        """Run before ``after_fit`` when the fit fails; the error is raised again afterwards."""

    @property
    def name(self) -> str:
        """Key in checkpoints; the class name unless overridden."""
        return type(self).__name__

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed fit needs, as plain types and tensors; nothing by default."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned.

        Called after ``before_fit``, and inside an epoch after ``before_epoch`` and
        ``before_phase``, so that what these hooks begin anew is not lost.
        """


def overriders(callbacks: Iterable[Callback], hook: str) -> list[Callable[[State], None]]:
    """Return the bound hooks of those callbacks that override ``hook``, in list order.

    A hook that nobody overrides is an empty list and costs nothing per step.
    """
    base = getattr(Callback, hook)
    return [
        getattr(callback, hook)
        for callback in callbacks
        if getattr(type(callback), hook) is not base or hook in vars(callback)
    ]
