"""Make one optimizer step of several batches."""

from collections.abc import Mapping

from typing_extensions import override

from learnkit.callback import Callback
from learnkit.names import checked_keywords
from learnkit.state import State


class GradientAccumulation(Callback):
    """Average gradients over several batches before each step, also by a plan over the epochs.

    Equal to batches so many times as large, for models without BatchNorm: each group is averaged
    by its own number of samples, the last and smaller one too. ``fit(accumulate=n)`` is the same
    for a fixed number.

    Args:
        batches: a step, at least 1; or from which epoch on how many: ``{0: 8, 4: 2}`` takes 8 in
            the first four epochs and 2 from then on. Epochs are counted from 0; before the first
            that is named, a step is of one batch.

    Raises:
        ValueError: when ``batches`` is neither.

    Example:
        ``learn.fit(8, callbacks=GradientAccumulation({0: 8, 4: 2}))``
    """

    @checked_keywords
    def __init__(self, batches: int | Mapping[int, int]) -> None:
        plan = dict(batches) if isinstance(batches, Mapping) else {0: batches}
        pairs = [*plan.items()]
        if not pairs or not all(_whole(e, 0) and _whole(n, 1) for e, n in pairs):
            raise ValueError(
                "GradientAccumulation() takes a number of batches, whole and at least 1, or a "
                f"dict from epochs (0 is the first) to such numbers; found {batches!r}."
            )
        self.plan = dict(sorted(plan.items()))

    @override
    def before_fit(self, state: State) -> None:
        self._plan_steps(state)

    @override
    def before_epoch(self, state: State) -> None:
        self._plan_steps(state)  # a later callback may have limited the batches

    def at(self, epoch: int) -> int:
        """Return how many batches a step has in an epoch, counted from 0."""
        begun = [batches for first, batches in self.plan.items() if first <= epoch]
        return begun[-1] if begun else 1

    def _plan_steps(self, state: State) -> None:
        """Set what the next epoch does, and count the steps of all that follow by their own."""
        progress = state.progress
        left = range(progress.epochs_done, progress.epochs_planned)
        state.accumulate_over(1)
        batches = (progress.steps_planned - progress.steps_done) // max(1, len(left))
        state.accumulate_over(self.at(progress.epochs_done))
        steps = sum(-(-batches // self.at(epoch)) for epoch in left)
        progress.steps_planned = progress.steps_done + steps


def _whole(number: object, least: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= least
