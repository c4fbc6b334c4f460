"""Try out a fit on a few batches."""

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.names import checked_keywords
from learnkit.state import State


class ShortRun(Callback):
    """Run the first few batches of every phase, of one epoch: does all of it work?

    Everything else is as it will be: hooks, metrics, checkpoints; schedules run to their end.

    Args:
        batches: of training in an epoch, at least 1.
        valid_batches: of validation; as many by default.
        epochs: at most so many; None leaves them as they are.

    Raises:
        ValueError: when a number is none of at least 1.

    Example:
        ``learn.fit(50, callbacks=ShortRun(2))``
    """

    @checked_keywords
    def __init__(
        self, batches: int = 1, *, valid_batches: int | None = None, epochs: int | None = 1
    ) -> None:
        for name, n in (("batches", batches), ("valid_batches", valid_batches), ("epochs", epochs)):
            needed = name == "batches" or n is not None
            if needed and (not isinstance(n, int) or isinstance(n, bool) or n < 1):
                raise ValueError(
                    f"ShortRun(): {name} must be a whole number of at least 1, found {n!r}."
                )
        self.batches, self.epochs = batches, epochs
        self.valid_batches = batches if valid_batches is None else valid_batches

    @override
    def before_fit(self, state: State) -> None:
        progress = state.progress
        if self.epochs is not None:
            progress.epochs_planned = min(progress.epochs_planned, self.epochs)
        state.limit_batches(train=self.batches, valid=self.valid_batches)
