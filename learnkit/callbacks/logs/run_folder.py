"""Keep all that belongs to a run in one folder: settings, revision, environment, history, plots."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from learnkit.names import checked_keywords
from learnkit.tracking.run_files import RunFiles
from learnkit.tracking.service_log import ServiceLog


class RunFolder(ServiceLog):
    """Keep a folder per run in ``path``: ``001``, ``002`` and so on; an old one is never touched.

    - ``config.json``: for each part of the run (a fit, or a resumed one) its settings, the git
      revision of the working folder, and how it ended
    - ``environment.txt``: versions, machine, installed packages; no environment variables
    - ``history.csv``, ``history.json``: a row per epoch; ``steps.csv``: loss and rate of steps
    - ``losses.png``, ``rates.png``, ``metrics.png``, where matplotlib is installed

    One object is one run: a second fit with it, and a resumed fit, go on in its folder.

    Args:
        path: the folder of folders; made if there is none.
        every: steps between two rows of ``steps.csv``; None leaves it empty.
        config: settings to keep, besides those that the fit has.

    Raises:
        CheckpointError: at the first batch, when the folder cannot be written.
    """

    @checked_keywords
    def __init__(
        self,
        path: str | PathLike[str] = "runs",
        *,
        every: int | None = 1,
        config: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(RunFiles(Path(path)), every=every, config=config)

    @property
    def folder(self) -> Path | None:
        """The run's folder, None before the first batch."""
        return None if self.run is None else Path(self.run)
