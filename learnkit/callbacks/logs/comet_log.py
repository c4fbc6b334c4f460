"""Log a fit's numbers to Comet, or keep them for it."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from learnkit.extras import require
from learnkit.files import check_writable
from learnkit.names import checked_keywords
from learnkit.tracking.service import Status
from learnkit.tracking.service_log import ServiceLog
from learnkit.tracking.settings import Settings


class CometLog(ServiceLog):
    """Log to an experiment of Comet.

    ``loss`` and ``lr`` every ``every`` steps, each epoch's row under ``epoch/``, the settings as
    parameters. What Comet would gather by itself (source code, git patch, host, printed output) is
    off. A resumed fit goes on in its experiment; points between its checkpoint and the moment it
    was killed are sent a second time, with equal steps.

    Args:
        project: the project's name.
        name: the experiment's name; None lets Comet find one.
        workspace: user or team; None takes the account's own.
        offline: write archives for ``comet upload`` and never ask the network.
        path: where archives go.
        every: steps between two points; None sends rows only.
        config: settings to keep with the run, besides those that the fit has.

    Raises:
        MissingExtraError: when the package comet_ml is not installed.
        CheckpointError: at the first batch, when the folder cannot be written.
    """

    @checked_keywords
    def __init__(
        self,
        project: str,
        *,
        name: str | None = None,
        workspace: str | None = None,
        offline: bool = False,
        path: str | PathLike[str] = "comet",
        every: int | None = 10,
        config: Mapping[str, object] | None = None,
    ) -> None:
        module = require("comet_ml", extra="comet", purpose="CometLog")
        where = {"project_name": project, "workspace": workspace}
        super().__init__(
            _Experiment(module, where, name, Path(path) if offline else None),
            every=every,
            config=config,
        )


class _Experiment:
    """One experiment of Comet at a time."""

    purges = False

    def __init__(
        self, module: Any, where: Mapping[str, str | None], name: str | None, path: Path | None
    ) -> None:
        self._comet, self._where, self._name, self._path = module, where, name, path
        self._experiment: Any = None

    def open(self, key: str, *, goes_on: bool, settings: Settings, step: int) -> str:
        options: dict[str, Any] = {
            "display_summary_level": 0,
            "auto_output_logging": False,
            "auto_param_logging": False,
            "auto_metric_logging": False,
        }
        for name in ("code", "graph", "git_metadata", "git_patch", "env_details"):
            options[f"log_{name}"] = False
        if self._path is not None:
            check_writable(self._path, purpose="CometLog")
        config = self._comet.ExperimentConfig(
            **options,
            parse_args=False,
            name=self._name,
            offline_directory=None if self._path is None else str(self._path),
        )
        self._experiment = self._comet.start(
            **self._where,
            experiment_key=key,
            mode="get_or_create",
            online=self._path is None,
            experiment_config=config,
        )
        self._experiment.log_parameters(dict(settings))
        return str(self._experiment.get_key())

    def send(self, step: int, numbers: Mapping[str, float]) -> None:
        prefix = "epoch/" if "epoch" in numbers else ""
        named = {f"{prefix}{name}": value for name, value in numbers.items()}
        self._experiment.log_metrics(named, step=step)

    def close(self, status: Status, reason: str) -> None:
        experiment, self._experiment = self._experiment, None
        try:
            experiment.log_other("end", f"{status} {reason}".strip())
        finally:
            experiment.end()
