"""The files of a run: settings, revision, environment, history, steps, plots."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import torch

from learnkit.curves import Line, draw_lines
from learnkit.figures import new_figure
from learnkit.files import check_writable, write_file
from learnkit.tracking.environment import environment_text, git_revision
from learnkit.tracking.line_file import LineFile
from learnkit.tracking.service import Status
from learnkit.tracking.settings import Settings

_STEPS: Final = ("step", "loss", "lr")
_NO_METRICS: Final = ("step", "epoch", "train_loss", "valid_loss", "seconds")


class RunFiles:
    """The files of one run at a time, each run in a numbered folder of its own; a `Service`.

    Args:
        path: the folder of folders.
    """

    purges = True

    def __init__(self, path: Path) -> None:
        self._path = self._folder = path
        self._config: dict[str, Any] = {}
        self._rows: list[dict[str, float]] = []
        self._points: list[list[float]] = []
        self._steps = LineFile(path, owner="RunFolder", example="steps.csv")

    def open(self, key: str, *, goes_on: bool, settings: Settings, step: int) -> str:
        """Make a folder, or find the one with this key and keep what it has before ``step``."""
        check_writable(self._path, purpose="RunFolder")
        found = _folder_of(key, self._path) if goes_on else None
        self._folder = found or _new_folder(self._path)
        self._steps = LineFile(self._folder / "steps.csv", owner="RunFolder", example="")
        self._config, self._rows, self._points = {"key": key, "parts": []}, [], []
        if found is not None:
            self._config = json.loads((found / "config.json").read_text())
            self._rows = [row for row in _rows_in(found) if row["step"] < step]
            self._points = [point for point in _points_in(found) if point[0] < step]
        self._begin_part(settings, step)
        self._steps.restart([_as_csv(row) for row in (_STEPS, *self._points)])
        self._write_rows(self._rows)
        return str(self._folder)

    def send(self, step: int, numbers: Mapping[str, float]) -> None:
        """Add a row, or a step's loss and rate."""
        if "epoch" in numbers:
            rows = [*self._rows, {"step": step, **numbers}]
            self._write_rows(rows)
            self._rows = rows
        else:
            point = [step, numbers["loss"], numbers["lr"]]
            self._steps.append(_as_csv(point))
            self._points.append(point)

    def close(self, status: Status, reason: str) -> None:
        """Note how it ended, and draw the plots."""
        self._config["parts"][-1] |= {"end": status, "reason": reason or None}
        self._steps.close()
        self._write("config.json", _as_json(self._config))
        if find_spec("matplotlib") is not None:
            for name, lines in self._pictures().items():
                self._draw(name, lines)

    def _begin_part(self, settings: Settings, step: int) -> None:
        began = datetime.now(UTC).isoformat(timespec="seconds")
        part = {"began": began, "step": step, "settings": settings, "git": git_revision(Path.cwd())}
        self._config["parts"].append(part)
        self._write("config.json", _as_json(self._config))
        device = torch.device(str(settings["device"]))
        self._write("environment.txt", environment_text(device))

    def _write(self, name: str, text: str) -> None:
        write_file(self._folder / name, text.encode())

    def _write_rows(self, rows: Sequence[Mapping[str, float]]) -> None:
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = [_as_csv(names), *(_as_csv([row.get(n, "") for n in names]) for row in rows)]
        self._write("history.csv", "".join(table) if rows else "")
        self._write("history.json", _as_json([_without_nan(row) for row in rows]))

    def _pictures(self) -> dict[str, list[Line]]:
        steps, losses, lrs = ([point[i] for point in self._points] for i in range(3))
        names = dict.fromkeys(name for row in self._rows for name in row if name not in _NO_METRICS)
        return {
            "losses": [
                Line(name="loss", x=steps, y=losses, faint=True),
                *(self._over_epochs(name) for name in ("train_loss", "valid_loss")),
            ],
            "rates": [Line(name="lr", x=steps, y=lrs)],
            "metrics": [self._over_epochs(name) for name in names],
        }

    def _over_epochs(self, name: str) -> Line:
        rows = [row for row in self._rows if name in row]
        y = [row[name] for row in rows]
        return Line(name=name, x=[row["step"] for row in rows], y=y, marked=True)

    def _draw(self, name: str, lines: Sequence[Line]) -> None:
        if not any(len(line.y) for line in lines):
            return
        # any path keeps the figure out of pyplot, which would show it in a notebook
        figure = new_figure((6, 3.5), path=name, purpose="RunFolder")
        draw_lines(figure.subplots(), lines, x="step", y=name)
        image = io.BytesIO()
        figure.savefig(image, format="png", dpi=100)
        write_file(self._folder / f"{name}.png", image.getvalue())


def _new_folder(path: Path) -> Path:
    numbers = [int(entry.name) for entry in path.iterdir() if entry.name.isdecimal()]
    number = max(numbers, default=0) + 1
    while True:
        folder = path / f"{number:03d}"
        try:
            folder.mkdir()
        except FileExistsError:  # another process was faster
            number += 1
        else:
            return folder


def _folder_of(key: str, path: Path) -> Path | None:
    """Return the folder of the run with this key, if it is there and whole."""
    for file in sorted(path.glob("*/config.json")):
        try:
            found = json.loads(file.read_text())
        except (OSError, ValueError):  # somebody else's
            continue
        if isinstance(found, dict) and found.get("key") == key:
            return file.parent
    return None


def _rows_in(folder: Path) -> list[dict[str, float]]:
    file = folder / "history.json"
    rows = json.loads(file.read_text()) if file.exists() else []
    return [{name: math.nan if v is None else v for name, v in row.items()} for row in rows]


def _points_in(folder: Path) -> list[list[float]]:
    file = folder / "steps.csv"
    if not file.exists():
        return []
    _, *rows = csv.reader(io.StringIO(file.read_text()))
    return [[int(row[0]), float(row[1]), float(row[2])] for row in rows]


def _without_nan(row: Mapping[str, float]) -> dict[str, float | None]:
    """Return a row for JSON, which has no NaN."""
    return {name: value if math.isfinite(value) else None for name, value in row.items()}


def _as_csv(row: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue()


def _as_json(value: object) -> str:
    return json.dumps(value, indent=1) + "\n"
