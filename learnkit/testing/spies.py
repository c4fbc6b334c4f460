"""The neighbours of the callback that is tested: one writes down events, others act in one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from learnkit.callback import HOOKS, Callback
from learnkit.state import Phase, State

# one letter an event, so that the loop's grammar is a regular expression
LETTERS: Final = dict(zip(HOOKS, "fepbolstBPEF", strict=True))
IN_BOTH_PHASES: Final = (
    "before_phase",
    "before_batch",
    "after_forward",
    "after_loss",
    "after_batch",
    "after_phase",
)


@dataclass(frozen=True)
class Event:
    """A hook, and for those that run in both phases the phase."""

    hook: str
    phase: Phase | None = None

    def __str__(self) -> str:
        where = {Phase.TRAIN: " of training", Phase.VALID: " of validation", None: ""}
        return f"{self.hook}{where[self.phase]}"


def _events() -> tuple[Event, ...]:
    before = ("before_fit", "before_epoch")
    training, valid = (
        [Event(hook, phase) for hook in IN_BOTH_PHASES] for phase in (Phase.TRAIN, Phase.VALID)
    )
    steps = [Event("before_step"), Event("after_step")]
    opening = [Event(hook) for hook in before]
    closing = [Event("after_epoch"), Event("after_fit")]
    return (*opening, *training[:4], *steps, *training[4:], *valid, *closing)


EVENTS: Final = _events()


class Neighbour(Callback):
    """Calls ``act(hook, state)`` in every hook; takes no part in the training."""

    looks_on = True

    def __init__(self, act: Callable[[str, State], None]) -> None:
        self._act = act


def _hook(name: str) -> Callable[[Neighbour, State], None]:
    def run(self: Neighbour, state: State) -> None:
        self._act(name, state)

    return run


for _name in HOOKS:
    setattr(Neighbour, _name, _hook(_name))


class Recording(Neighbour):
    """Writes down the letter of every event, and "!" for an error."""

    def __init__(self) -> None:
        super().__init__(lambda hook, state: self.letters.append(LETTERS[hook]))
        self.letters: list[str] = []

    @override
    def on_error(self, state: State, error: BaseException) -> None:
        self.letters.append("!")


class Raising(Neighbour):
    """Raises ``error`` in an event, once ``epochs`` epochs are done.

    Attributes:
        raised: whether it has.
    """

    def __init__(self, event: Event, error: BaseException, *, epochs: int) -> None:
        super().__init__(self._raise)
        self._event, self._error, self._epochs = event, error, epochs
        self.raised = False

    def _raise(self, hook: str, state: State) -> None:
        if hook != self._event.hook or self.raised:
            return
        if self._event.phase is not None and state.phase is not self._event.phase:
            return
        if hook == "before_fit" or state.progress.epochs_done >= self._epochs:
            self.raised = True
            raise self._error
