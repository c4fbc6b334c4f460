"""How far a fit is: counts of what is done and of what is planned."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields


@dataclass(slots=True)
class Progress:
    """Completed counts only, so there is no off-by-one to remember.

    Attributes:
        epochs_done: epochs finished in this fit.
        steps_done: optimizer steps taken in this fit.
        batches_done: batches finished in the current phase.
        epochs_planned: epochs this fit was asked for.
        steps_planned: optimizer steps this fit will take if nothing stops it.
        batches_planned: batches in the current phase.
        epochs_before: epochs this learner trained in earlier fits; random choices go on from there.
        batches_seen: training batches since the learner was made, over all fits.
    """

    epochs_done: int = 0
    steps_done: int = 0
    batches_done: int = 0
    epochs_planned: int = 0
    steps_planned: int = 0
    batches_planned: int = 0
    epochs_before: int = 0
    batches_seen: int = 0

    @property
    def fraction(self) -> float:
        """How much of the fit is done, in steps, in [0, 1]."""
        return min(1.0, self.steps_done / self.steps_planned) if self.steps_planned else 0.0

    @property
    def epoch_key(self) -> int:
        """The epoch that this one's random choices depend on."""
        return self.epochs_before + self.epochs_done

    def state_dict(self) -> dict[str, int]:
        """Return every count, for a checkpoint."""
        return asdict(self)

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Take every count from a checkpoint."""
        for field in fields(self):
            setattr(self, field.name, int(state[field.name]))
