"""Log a fit's numbers to MLflow."""

import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from time import time
from typing import Any, Final

from learnkit.extras import require
from learnkit.files import check_writable
from learnkit.names import checked_keywords
from learnkit.tracking.service import Status
from learnkit.tracking.service_log import ServiceLog
from learnkit.tracking.settings import Settings

_STATUS: Final = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
_LONGEST: Final = 500  # characters of a parameter, in the strictest of MLflow's stores
_TAG: Final = "learnkit_run"
_ALLOW: Final = "MLFLOW_ALLOW_FILE_STORE"


class MLflowLog(ServiceLog):
    """Log to a run of MLflow: a folder of files, or a server.

    ``loss`` and ``lr`` every ``every`` steps, each epoch's row under ``epoch/``, the settings as
    parameters. A run that ends by an error is FAILED, by Ctrl-C KILLED. A resumed fit goes on in
    its run and leaves out the points that are there. MLflow's own active run is not touched.

    Args:
        project: the experiment's name; it is made if there is none.
        name: the run's name; None lets MLflow find one.
        path: the folder of MLflow's file store.
        uri: a tracking server or database, in place of ``path``.
        every: steps between two points; None sends rows only.
        config: settings to keep with the run, besides those that the fit has.

    Raises:
        MissingExtraError: when the package mlflow is not installed.
        CheckpointError: at the first batch, when the folder cannot be written.
    """

    @checked_keywords
    def __init__(
        self,
        project: str = "learnkit",
        *,
        name: str | None = None,
        path: str | PathLike[str] = "mlruns",
        uri: str | None = None,
        every: int | None = 10,
        config: Mapping[str, object] | None = None,
    ) -> None:
        require("mlflow", extra="mlflow", purpose="MLflowLog")
        super().__init__(_Run(project, name, Path(path), uri), every=every, config=config)


class _Run:
    """One run of MLflow at a time, by its client alone."""

    purges = False

    def __init__(self, project: str, name: str | None, path: Path, uri: str | None) -> None:
        self._project, self._name, self._path, self._uri = project, name, path, uri
        self._entities: Any = None
        self._client: Any = None
        self._run = ""
        self._there: dict[str, float] | None = None  # the last step of each metric, if it goes on

    def open(self, key: str, *, goes_on: bool, settings: Settings, step: int) -> str:
        self._entities = require("mlflow.entities", extra="mlflow", purpose="MLflowLog")
        self._client = self._connected()
        found = self._client.get_experiment_by_name(self._project)
        number = found.experiment_id if found else self._client.create_experiment(self._project)
        runs = self._client.search_runs([number], f"tags.{_TAG} = '{key}'") if goes_on else []
        self._there = {} if runs else None
        if runs:
            self._run = str(runs[0].info.run_id)
            self._client.update_run(self._run, status="RUNNING")
        else:
            made = self._client.create_run(number, run_name=self._name, tags={_TAG: key})
            self._run = str(made.info.run_id)
            self._log_settings(settings)
        return self._run

    def _log_settings(self, settings: Settings) -> None:
        words = {_key(name): str(value)[:_LONGEST] for name, value in settings.items()}
        params = [self._entities.Param(name, value) for name, value in words.items()]
        self._client.log_batch(self._run, params=params)

    def send(self, step: int, numbers: Mapping[str, float]) -> None:
        prefix = "epoch/" if "epoch" in numbers else ""
        named = {_key(f"{prefix}{name}"): value for name, value in numbers.items()}
        now = int(time() * 1000)
        metrics = [
            self._entities.Metric(key, value, now, step)
            for key, value in named.items()
            if step > self._last_step(key)
        ]
        if metrics:
            self._client.log_batch(self._run, metrics=metrics)

    def close(self, status: Status, reason: str) -> None:
        try:
            if reason:
                self._client.set_tag(self._run, "end", reason)
        finally:
            self._client.set_terminated(self._run, _STATUS[status])

    def _connected(self) -> Any:
        client = require("mlflow", extra="mlflow", purpose="MLflowLog").MlflowClient
        if self._uri is not None:
            return client(tracking_uri=self._uri)
        check_writable(self._path, purpose="MLflowLog")
        with _files_allowed():
            return client(tracking_uri=self._path.resolve().as_uri())

    def _last_step(self, key: str) -> float:
        """Return the last step of a metric that an earlier part of the run has logged."""
        if self._there is None:
            return -math.inf
        if key not in self._there:
            history = self._client.get_metric_history(self._run, key)
            self._there[key] = max((point.step for point in history), default=-math.inf)
        return self._there[key]


@contextmanager
def _files_allowed() -> Iterator[None]:
    """Tell MLflow, which from 3.7 on asks for a word, that a folder of files is wanted."""
    before = os.environ.get(_ALLOW)
    os.environ[_ALLOW] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_ALLOW]
        else:
            os.environ[_ALLOW] = before


def _key(name: str) -> str:
    """Return a name that MLflow takes."""
    return re.sub(r"[^\w\-. :/]", "_", name)
