"""Send a fit's numbers to Weights & Biases, or keep them for it."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from learnkit.extras import require
from learnkit.files import check_writable
from learnkit.names import checked_keywords, did_you_mean
from learnkit.tracking.service import Status
from learnkit.tracking.service_log import ServiceLog
from learnkit.tracking.settings import Settings

WandbMode: TypeAlias = Literal["online", "offline"]
_MODES: Final = ("online", "offline")


class WandbLog(ServiceLog):
    """Log to a run of Weights & Biases.

    ``loss`` and ``lr`` every ``every`` steps, each epoch's row under ``epoch/``, the settings as
    the run's config. A run that ends by an error or Ctrl-C is marked as failed. A resumed fit goes
    on in the run of the same id; points that it computes again have the steps they had, and the
    service takes each step once. With ``mode="offline"`` each process leaves a folder of its own
    for ``wandb sync``; those of one run carry the same id.

    Args:
        project: the project's name.
        name: the run's name; None lets the service find one.
        entity: user or team; None takes the account's own.
        mode: ``"offline"`` writes files and never asks the network.
        path: where the folder ``wandb`` goes.
        every: steps between two points; None sends rows only.
        config: settings to keep with the run, besides those that the fit has.

    Raises:
        MissingExtraError: when the package wandb is not installed.
        CheckpointError: at the first batch, when the folder cannot be written.
    """

    @checked_keywords
    def __init__(
        self,
        project: str,
        *,
        name: str | None = None,
        entity: str | None = None,
        mode: WandbMode = "online",
        path: str | PathLike[str] = ".",
        every: int | None = 10,
        config: Mapping[str, object] | None = None,
    ) -> None:
        if mode not in _MODES:
            raise ValueError(
                f"WandbLog(): mode must be one of {', '.join(_MODES)}, found {mode!r}."
                f"{did_you_mean(str(mode), _MODES)}"
            )
        module = require("wandb", extra="wandb", purpose="WandbLog")
        options = {"project": project, "name": name, "entity": entity, "mode": mode}
        super().__init__(_Run(module, Path(path), options), every=every, config=config)


class _Run:
    """One run of wandb at a time."""

    purges = False

    def __init__(self, module: Any, path: Path, options: Mapping[str, Any]) -> None:
        self._wandb, self._path, self._options = module, path, dict(options)
        self._run: Any = None

    def open(self, key: str, *, goes_on: bool, settings: Settings, step: int) -> str:
        check_writable(self._path / "wandb", purpose="WandbLog")
        # offline there is nothing to ask, and wandb says so: the id alone joins the parts
        resume = {"resume": "allow"} if self._options["mode"] == "online" else {}
        # the bar is the fit's own: wandb must neither catch what is printed nor print itself
        quiet = self._wandb.Settings(silent=True, console="off", save_code=False)
        self._run = self._wandb.init(
            **self._options,
            **resume,
            id=key,
            dir=str(self._path),
            config=dict(settings),
            allow_val_change=True,
            settings=quiet,
            reinit="create_new",
        )
        return str(self._run.id)

    def send(self, step: int, numbers: Mapping[str, float]) -> None:
        prefix = "epoch/" if "epoch" in numbers else ""
        self._run.log({f"{prefix}{name}": v for name, v in numbers.items()}, step=step)

    def close(self, status: Status, reason: str) -> None:
        run, self._run = self._run, None
        try:
            run.summary["end"] = f"{status} {reason}".strip()
        finally:
            run.finish(exit_code=0 if status == "finished" else 1)
