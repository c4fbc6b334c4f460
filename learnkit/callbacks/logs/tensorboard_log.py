"""Write a fit's numbers for TensorBoard."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from time import sleep, time
from typing import Any

from learnkit.extras import require
from learnkit.files import check_writable
from learnkit.names import checked_keywords
from learnkit.tracking.service import Status
from learnkit.tracking.service_log import ServiceLog
from learnkit.tracking.settings import Settings


class TensorBoardLog(ServiceLog):
    """Write scalars that ``tensorboard --logdir`` shows while the fit runs.

    ``loss`` and ``lr`` every ``every`` steps, each epoch's row under ``epoch/``, the settings and
    the end of the run as texts. A fit that goes on in a run marks the points after its checkpoint
    as gone, in TensorBoard's own way (``purge_step``).

    Args:
        path: the folder; each run is one in it.
        name: how the run's folder in ``path`` begins; some digits of its own follow.
        every: steps between two points; None writes rows only.
        config: settings to keep with the run, besides those that the fit has.

    Raises:
        MissingExtraError: when the package tensorboard is not installed.
        CheckpointError: at the first batch, when the folder cannot be written.
    """

    @checked_keywords
    def __init__(
        self,
        path: str | PathLike[str] = "runs",
        *,
        name: str = "run",
        every: int | None = 10,
        config: Mapping[str, object] | None = None,
    ) -> None:
        require("tensorboard", extra="tensorboard", purpose="TensorBoardLog")
        super().__init__(_Writer(Path(path), name), every=every, config=config)


class _Writer:
    """torch's SummaryWriter, a folder a run."""

    purges = True

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self._writer: Any = None

    def open(self, key: str, *, goes_on: bool, settings: Settings, step: int) -> str:
        folder = self.path / f"{self.name}-{key[:8]}"
        check_writable(folder, purpose="TensorBoardLog")
        module = require("torch.utils.tensorboard", extra="tensorboard", purpose="TensorBoardLog")
        purge: dict[str, int] = {}
        if goes_on:
            purge = {"purge_step": step}
            _wait_for_a_later_name(folder)
        self._writer = module.SummaryWriter(str(folder), **purge)
        rows = "\n".join(f"| {name} | {value} |" for name, value in settings.items())
        self._writer.add_text("settings", f"| setting | value |\n|---|---|\n{rows}", step)
        return str(folder)

    def send(self, step: int, numbers: Mapping[str, float]) -> None:
        row = "epoch" in numbers
        for name, value in numbers.items():
            self._writer.add_scalar(f"epoch/{name}" if row else name, value, step)
        if row:
            self._writer.flush()

    def close(self, status: Status, reason: str) -> None:
        writer, self._writer = self._writer, None
        try:
            writer.add_text("end", f"{status} {reason}".strip())
        finally:
            writer.close()


def _wait_for_a_later_name(folder: Path) -> None:
    """Wait until this second's file is read after those that are there.

    They are read in the order of their names, ``events.out.tfevents.<second>.<...>``, and the mark
    for what is gone must come last. A fit that goes on within the second is a tiny one.
    """
    names = [file.name.split(".") for file in folder.glob("events.out.tfevents.*")]
    seconds = [int(parts[3]) for parts in names if parts[3].isdecimal()]
    left = max(seconds, default=0) + 1 - time()
    if 0 < left <= 1:  # a clock that was set back is no reason to wait for long
        sleep(left)
