"""What a fit has left, as SHA-256 sums by name: equal sums mean equal bits."""

import csv
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.faults_recipes import Fit, Job
from learnkit.history import History
from learnkit.runs.folder import RunFolder


def digest(value: Any) -> str:
    """Return the SHA-256 of nested plain values and tensors; the order of a mapping is none."""
    sha = hashlib.sha256()
    _add(sha, value)
    return sha.hexdigest()


def _add(sha: Any, value: Any) -> None:
    if isinstance(value, Tensor):
        sha.update(f"{value.dtype} {tuple(value.shape)}\n".encode())
        flat = value.detach().cpu().contiguous().reshape(-1)
        sha.update(flat.view(torch.uint8).numpy().tobytes())
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            sha.update(f"{key!r}:".encode())
            _add(sha, value[key])
    elif isinstance(value, list | tuple):
        sha.update(f"{len(value)} values\n".encode())
        for one in value:
            _add(sha, one)
    else:
        sha.update(f"{value!r}\n".encode())


def outcome(fit: Fit, history: History, job: Job) -> dict[str, str]:
    """Return the sums of all that a finished fit has left, and of what another epoch makes of it.

    Where the fit was stopped and resumed they must be those of the fit that was not. How long an
    epoch took is left out. Of callbacks that only look on, such as a log, the files are compared.
    """
    learn = fit.learn
    left = {
        "weights": digest(learn.model.state_dict()),
        "optimizer": digest(learn.optimizer.state_dict()),
        "history": digest([_without_seconds(row) for row in history]),
        "stop reason": repr(history.stop_reason),
        "learner's history": digest([_without_seconds(row) for row in learn.history]),
        "recorder": digest(learn.recorder.state_dict()),
        "fingerprint": learn.fingerprint(),
        **{f"callback {c.name}": digest(_state(c)) for c in fit.callbacks if not c.looks_on},
        **_files(job.folder),
    }
    learn.fit(1, 1e-3, progress=False)
    left["another epoch"] = digest([learn.model.state_dict(), learn.optimizer.state_dict()])
    return left


def _state(callback: Any) -> Any:
    # what one that forgets would have told
    return getattr(callback, "average", None) or callback.state_dict()


def _without_seconds(row: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "seconds"}


def _files(folder: Path) -> dict[str, str]:
    found = {}
    best, log = folder / "best.safetensors", folder / "log.csv"
    if best.exists():
        found["best weights"] = hashlib.sha256(best.read_bytes()).hexdigest()
    if log.exists():
        with log.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row.pop("seconds")
        found["log"] = digest(rows)
    for run in sorted((folder / "runs").rglob("*-start")):
        found |= _of_run(folder, run.parent)
    return found


def _of_run(folder: Path, run: Path) -> dict[str, str]:
    """Tell of one folder of checkpoints: the last one, the best, and that each is whole."""
    name, reader = run.relative_to(folder).as_posix(), RunFolder(run)
    mark = reader.best()
    whole = [reader.read(checkpoint).source.name for checkpoint in reader.names()]
    found = {f"{name}: last": whole[-1], f"{name}: best": json.dumps(mark and vars(mark))}
    if mark is not None:
        found[f"{name}: best weights"] = digest(reader.read(mark.name).model)
    return found
