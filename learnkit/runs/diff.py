"""Where two runs part: the settings that differ, and the first step whose loss does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from learnkit.errors import CheckpointError
from learnkit.runs.folder import RunFolder
from learnkit.runs.identity import differences
from learnkit.runs.moment import Moment

_RECORDER = "Recorder"


@dataclass(frozen=True)
class RunDiff:
    """What is not the same in two runs.

    Attributes:
        settings: a line for each setting that is another one.
        step: the first optimizer step, from 0, with another loss or rate; None if all that both
            have are the same bit for bit.
        epoch: of that step, from 1; None likewise.
        losses: of that step, in both runs; None likewise.
        compared: how many steps both runs have.
        weights: the tensors of the newest checkpoints that are not the same, where both are after
            the same number of batches; None where they are not.
        rates: the learning rates of that step, in both runs; None where they are the same.
    """

    settings: tuple[str, ...]
    step: int | None
    epoch: int | None
    losses: tuple[float, float] | None
    compared: int
    weights: tuple[str, ...] | None
    rates: tuple[float, float] | None = None

    @property
    def same(self) -> bool:
        """Whether nothing differs, as far as both runs go."""
        return not self.settings and self.step is None and not self.weights

    def __str__(self) -> str:
        lines = [f"setting {line}" for line in self.settings]
        if self.step is None or self.losses is None:
            lines.append(f"the losses of all {self.compared} steps that both have are the same")
        else:
            a, b = self.losses
            line = f"they part at step {self.step}, in epoch {self.epoch}: loss {a!r}, {b!r}"
            rates = "" if self.rates is None else "; learning rate {!r}, {!r}".format(*self.rates)
            lines.append(line + rates)
        if self.weights:
            first, *more = self.weights
            lines.append(
                f"the tensor {first} differs" + (f", and {len(more)} more" if more else "")
            )
        return "\n".join(lines)


def diff_runs(a: Path, b: Path) -> RunDiff:
    """Compare the newest checkpoints of two runs.

    Raises:
        CheckpointError: when a folder holds no checkpoint that is whole.
    """
    one, other = _newest(a), _newest(b)
    records = [_record(moment) for moment in (one, other)]
    compared = min(len(record) for record in records)
    pairs = zip(records[0], records[1], strict=False)
    step = next((i for i, (x, y) in enumerate(pairs) if not _same(x, y)), None)
    losses = rates = None
    if step is not None:
        (loss, rate), (loss_there, rate_there) = (record[step] for record in records)
        losses, rates = (loss, loss_there), None if rate == rate_there else (rate, rate_there)
    return RunDiff(
        settings=tuple(differences(one.head.get("identity", {}), other.head.get("identity", {}))),
        step=step,
        epoch=None if step is None else _epoch_of(step, one),
        losses=losses,
        compared=compared,
        weights=_weights(one, other),
        rates=rates,
    )


def _newest(path: Path) -> Moment:
    found = RunFolder(path).newest()
    if found is None:
        raise CheckpointError(f"{path} holds no checkpoint. Give a folder of fit(checkpoint=...).")
    return found


def _record(moment: Moment) -> list[tuple[float, float]]:
    """Return the loss and the rate of each step."""
    states: dict[str, Any] = dict(moment.saved["callbacks"])
    recorder = states.get(_RECORDER, {})
    if not recorder:
        return []
    return list(zip(recorder["losses"].tolist(), recorder["lrs"].tolist(), strict=True))


def _same(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(x == y or (math.isnan(x) and math.isnan(y)) for x, y in pairs)


def _epoch_of(step: int, moment: Moment) -> int:
    progress = moment.progress
    return step * progress.epochs_planned // max(1, progress.steps_planned) + 1


def _weights(one: Moment, other: Moment) -> tuple[str, ...] | None:
    if one.progress.batches_seen != other.progress.batches_seen or one.stage != other.stage:
        return None
    names = dict.fromkeys([*one.model, *other.model])
    return tuple(name for name in names if not _equal(one, other, name))


def _equal(one: Moment, other: Moment, name: str) -> bool:
    a, b = one.model.get(name), other.model.get(name)
    if a is None or b is None or a.shape != b.shape or a.dtype != b.dtype:
        return False
    return bool(((a == b) | (a.isnan() & b.isnan())).all())
