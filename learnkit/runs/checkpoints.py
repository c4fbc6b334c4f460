"""Where the checkpoints of a fit go, and which of them stay."""

from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Final, Literal, TypeAlias

from learnkit.monitor import Mode, check_mode
from learnkit.names import did_you_mean

Resume: TypeAlias = Literal["auto", "never"]
FINE_TUNE_PARTS: Final = ("frozen", "unfrozen")  # folders in that of a fine_tune
_RESUME: Final = ("auto", "never")


@dataclass(frozen=True)
class Checkpoints:
    """A folder for the checkpoints of one fit, for ``fit(checkpoint=...)``.

    A path alone means ``Checkpoints(path)``. The first checkpoint, the best epoch's and the last
    ``keep`` stay; older ones are deleted once a newer one is whole on the disk.

    Attributes:
        folder: made where it is missing; relative to the learner's ``path``.
        keep: how many of the last checkpoints stay, at least 1; None keeps all.
        monitor: a column of the table; the checkpoint of its best epoch stays.
        mode: ``"min"`` or ``"max"``; None follows the metric's own direction.
        background: write in a thread, from a copy in memory, while the fit goes on.

    Raises:
        ValueError: when ``keep`` is below 1.
        MonitorError: when ``mode`` is none of these; at the start of the fit, when it does not
            compute ``monitor``.
    """

    folder: str | PathLike[str]
    keep: int | None = 3
    monitor: str | None = None
    mode: Mode | None = None
    background: bool = True

    def __post_init__(self) -> None:
        whole = isinstance(self.keep, int) and not isinstance(self.keep, bool)
        if self.keep is not None and not (whole and self.keep >= 1):
            raise ValueError(
                f"keep must be None or a whole number of at least 1; got {self.keep!r}."
            )
        check_mode(self.mode, owner="Checkpoints")


@dataclass(frozen=True, kw_only=True)
class SavePlan:
    """How one fit is saved.

    Attributes:
        where: the folder, and what stays in it.
        resume: ``"auto"`` goes on with what is there, ``"never"`` starts anew.
        every_minutes: between two checkpoints inside an epoch; None saves at epoch ends alone.
        every_steps: optimizer steps between two checkpoints.

    Raises:
        TypeError, ValueError: naming the option and what it was given.
    """

    where: Checkpoints
    resume: Resume = "auto"
    every_minutes: float | None = 5.0
    every_steps: int | None = None

    def __post_init__(self) -> None:
        if self.resume not in _RESUME:
            raise ValueError(
                f"resume must be one of {', '.join(_RESUME)}; got {self.resume!r}."
                f"{did_you_mean(str(self.resume), _RESUME)}"
            )
        minutes, steps = self.every_minutes, self.every_steps
        if minutes is not None and not (_is_number(minutes) and minutes > 0):
            raise ValueError(f"every_minutes must be None or a number above 0; got {minutes!r}.")
        if steps is not None and not (isinstance(steps, int) and _is_number(steps) and steps >= 1):
            raise ValueError(
                f"every_steps must be None or a whole number of at least 1; got {steps!r}."
            )


def save_plan(
    checkpoint: str | PathLike[str] | Checkpoints | None,
    *,
    resume: Resume,
    every_minutes: float | None,
    every_steps: int | None,
    below: str = "",
) -> SavePlan | None:
    """Return what the options of a fit say, or None without a folder.

    Args:
        checkpoint: the folder.
        resume: see `SavePlan`.
        every_minutes: see `SavePlan`.
        every_steps: see `SavePlan`.
        below: a folder in it, for one part of several.
    """
    if checkpoint is None:
        return None
    given = checkpoint if isinstance(checkpoint, Checkpoints) else Checkpoints(checkpoint)
    where = replace(given, folder=Path(given.folder) / below)
    return SavePlan(
        where=where, resume=resume, every_minutes=every_minutes, every_steps=every_steps
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
