"""Say in one line what a fit would else pass over in silence."""

import math
from collections.abc import Sequence
from typing import Any, Final

from torch import Tensor
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.data.batch import Normalize
from learnkit.data.warn import warn_user
from learnkit.errors import NonFiniteLossError, StateError
from learnkit.names import checked_keywords
from learnkit.sanity.gradients import GradientWatch
from learnkit.sanity.inputs import misfit
from learnkit.sanity.kept import KeptLosses
from learnkit.sanity.losses import SpikeWatch
from learnkit.sanity.metrics import not_finite
from learnkit.sanity.names import CheckName, Mute, check_mute, line_of
from learnkit.sanity.parameters import FrozenWeights, missing_weights
from learnkit.sanity.seen import SeenData
from learnkit.state import State

__all__ = ["CheckName", "Mute", "SanityChecks", "check_mute"]

READ_EVERY: Final = 1024  # batches of which losses and labels are kept on the device


class SanityChecks(Callback):
    """Warns of what looks like a mistake: one line a finding, each check at most once a fit.

    What each check looks at is on the page ``docs/checks.md``. No step waits for the device:
    losses, labels and gradient norms stay there until a phase ends. Keep one object for a learner,
    so that the next fit does not look at the same data again.

    Args:
        mute: names of checks that are turned off.
        quiet: names of checks that the task turns off, as what they look at says nothing there.
        turns: batches until each part of a model had its turn, see `GradientWatch`.
        classes: the classes' names, for the lines.
        pretrained: the normalisation that the model's weights were pretrained with; None where
            they were not, and the check ``normalize`` is off.

    Raises:
        ValueError: for a name that no check has.
    """

    looks_on = True

    @checked_keywords
    def __init__(
        self,
        *,
        mute: Mute = (),
        quiet: Mute = (),
        turns: int = 1,
        classes: Sequence[str] = (),
        pretrained: Normalize | None = None,
    ) -> None:
        self.mute, self.turns = check_mute(mute) | check_mute(quiet), turns
        self.classes, self.pretrained = tuple(classes), pretrained
        self._said: set[CheckName] = set()
        self._losses = KeptLosses(on_host=True)
        guessing = math.log(len(self.classes)) if self.classes else 0.0
        self._spikes, self._gradients = SpikeWatch(floor=guessing), GradientWatch(turns=turns)
        self._seen = SeenData(self.classes)
        self._labels = self._seen.labels
        self._frozen: FrozenWeights | None = None

    @override
    def before_fit(self, state: State) -> None:
        self._said, self._gradients = set(), GradientWatch(turns=self.turns)
        self._losses = KeptLosses(on_host=state.device.type == "cpu")
        self._frozen, self._next_look = None, 0.0  # what is loaded to go on with comes after this
        self._inputs_due = self.pretrained is not None and "normalize" not in self.mute
        self._looks = True  # at the batches themselves, in the first epoch
        self._counts = not {"constant_labels", "unseen_class"} <= self.mute
        self._seen.begin(state.train_dl, state.valid_dl)
        self._labels = self._seen.labels
        self._partial = 0  # which batch is a last one of fewer samples, whose loss varies more
        if state.train_dl is not None:
            batches, size = len(state.train_dl), state.train_dl.batch_size
            self._spikes.batch_size = size
            self._partial = batches if state.train_dl.n_samples < batches * size else 0
        self._spikes.new_fit()

    @override
    def before_step(self, state: State) -> None:
        step = state.progress.steps_done + 1
        if step < self._next_look:
            return
        model, optimizer = state.model, state.optimizer
        if not self._next_look and "optimizer" not in self.mute:
            self._frozen = FrozenWeights(model, optimizer)
            self._say("optimizer", missing_weights(model, optimizer))
        if step >= self._gradients.due and "zero_gradient" not in self.mute:
            self._gradients.look(step, model, optimizer, state.loss)
        muted = "zero_gradient" in self.mute
        self._next_look = math.inf if muted else self._gradients.due

    @override
    def after_batch(self, state: State) -> None:
        try:
            loss = state.loss
        except StateError:  # a hook skipped the batch
            return
        progress, kept = state.progress, 0
        if state.training:
            number = progress.batches_seen - 1
            if progress.batches_done != self._partial:
                kept = self._losses.add(number, loss)
        else:
            number = progress.batches_done - 1
            kept = self._losses.add(number, loss, state.indices)
        if self._looks:
            self._look_at(state, number)
        if kept >= READ_EVERY:
            self._read()

    def _look_at(self, state: State, number: int) -> None:
        batch = state.batch
        x: object = batch.x  # a loader of the user's may give a dict or a tuple
        y: object = batch.y
        if self._inputs_due and self.pretrained is not None and isinstance(x, Tensor):
            self._say("normalize", misfit(x, self.pretrained.mean, self.pretrained.std))
        self._inputs_due = False
        self._looks = self._counts and not self._labels.is_settled
        if self._looks and isinstance(y, Tensor):
            self._labels.add(number, y, state.preds, state.indices)

    def _read(self) -> None:
        """Take in what was kept of the phase so far; this waits for the device."""
        in_validation = self._losses.have_indices
        numbers, losses = self._losses.read()
        if not in_validation:
            self._spikes.feed(numbers, losses)
        self._labels.fold(train=not in_validation)

    @override
    def after_phase(self, state: State) -> None:
        self._read()
        if state.training:
            self._after_training(state)
        elif not self._labels.is_settled:
            self._say("unseen_class", self._labels.unseen())
        if state.valid_dl is None or not state.training:
            self._labels.end_epoch()
        self._look_at_numbers(state)

    def _look_at_numbers(self, state: State) -> None:
        bad, self._losses.first_bad = self._losses.first_bad, None
        if state.loss_so_far is not None:  # else there was no batch, and there are no numbers
            training, epoch = state.training, state.progress.epochs_done + 1
            new = {n: v for n, v in state.metrics.items() if (n == "train_loss") is training}
            self._say("non_finite", not_finite(new, epoch, bad=bad, loader=state.valid_dl))

    def _after_training(self, state: State) -> None:
        self._say("loss_spike", self._spikes.finding())
        self._say("zero_gradient", self._gradients.finding(state.model, state.optimizer))
        # a loader may put samples of similar length together, and those are often of one class
        alike = getattr(state.train_dl, "groups_alike", False)
        if not self._labels.is_settled and not alike:
            self._say("constant_labels", self._labels.constant())
        if self._frozen is not None:
            self._say("optimizer", self._frozen.finding())
            self._frozen = None

    @override
    def after_epoch(self, state: State) -> None:
        # who wants to stop does not want to wait
        if state.stop_reason is None and "same_images" not in self.mute:
            self._say("same_images", self._seen.same_images())

    @override
    def on_error(self, state: State, error: BaseException) -> None:
        if isinstance(error, NonFiniteLossError):  # what led to it
            self._read()
            self._say("loss_spike", self._spikes.finding())

    @override
    def after_fit(self, state: State) -> None:
        self._frozen = None
        self._losses = KeptLosses(on_host=True)
        self._labels.let_go()

    def _say(self, name: CheckName, found: str | None) -> None:
        if found is not None and name not in self.mute and name not in self._said:
            self._said.add(name)
            warn_user(line_of(name, found))

    @override
    def state_dict(self) -> dict[str, Any]:
        self._read()
        return {
            "said": sorted(self._said),
            "losses": self._spikes.state_dict(),
            "gradients": self._gradients.state_dict(),
            "data": self._seen.state_dict(),
        }

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._said = set(state["said"])
        self._spikes.load_state_dict(state["losses"])
        self._gradients.load_state_dict(state["gradients"])
        self._seen.load_state_dict(state["data"])
