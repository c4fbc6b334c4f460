"""RunFolder: one folder that says all about a run."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from learnkit.callback import Callback
from learnkit.callbacks.logs.run_folder import RunFolder
from learnkit.learner import Learner


def config(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text())


def steps(folder: Path) -> list[int]:
    with (folder / "steps.csv").open() as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def test_a_run_leaves_settings_environment_history_and_plots(
    tmp_path: Path, make_learner: Callable[[], Learner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "a-secret-word")
    learn, log = make_learner(), RunFolder(tmp_path / "runs", config={"note": "first"})
    assert log.folder is None
    history = learn.fit(2, 0.1, callbacks=log, progress=False)
    folder = tmp_path / "runs" / "001"
    assert log.folder == folder
    assert sorted(file.name for file in folder.iterdir()) == [
        "config.json",
        "environment.txt",
        "history.csv",
        "history.json",
        "losses.png",
        "rates.png",
        "steps.csv",
    ]
    (part,) = config(folder)["parts"]
    assert (part["step"], part["end"], part["reason"]) == (0, "finished", None)
    assert part["settings"]["model"] == "Linear"
    assert part["settings"]["note"] == "first"
    rows = json.loads((folder / "history.json").read_text())
    assert rows == [{"step": 7 * n, "epoch": float(n), **row} for n, row in enumerate(history, 1)]
    with (folder / "history.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["7", "14"]
    assert steps(folder) == list(range(1, 15))
    assert (folder / "losses.png").read_bytes().startswith(b"\x89PNG")
    everything = b"".join(file.read_bytes() for file in folder.iterdir())
    assert b"a-secret-word" not in everything
    assert os.fsencode(tmp_path) not in everything


def test_each_object_gets_a_folder_and_one_object_stays_in_its_own(
    tmp_path: Path, make_learner: Callable[[], Learner]
) -> None:
    log = RunFolder(tmp_path, every=None)
    for _ in range(2):
        make_learner().fit(1, callbacks=log, progress=False)
    make_learner().fit(1, callbacks=RunFolder(tmp_path), progress=False)
    assert len(config(tmp_path / "001")["parts"]) == 2
    assert len(json.loads((tmp_path / "001" / "history.json").read_text())) == 2
    assert steps(tmp_path / "001") == []
    assert len(config(tmp_path / "002")["parts"]) == 1


@pytest.mark.parametrize(("every_steps", "after"), [(None, 3), (4, 5), (2, 9)])
def test_a_fit_that_goes_on_stays_in_its_folder_and_doubles_nothing(
    tmp_path: Path, fit_in_two_parts: Any, every_steps: int | None, after: int
) -> None:
    fit_in_two_parts(lambda: RunFolder(tmp_path / "runs"), after=after, every_steps=every_steps)
    (folder,) = (tmp_path / "runs").iterdir()
    assert steps(folder) == list(range(1, 15))
    rows = json.loads((folder / "history.json").read_text())
    assert [row["step"] for row in rows] == [7, 14]
    ends = [(part["end"], part["reason"]) for part in config(folder)["parts"]]
    assert ends == [("failed", "RuntimeError: the power went"), ("finished", None)]


def test_nan_is_null_in_json_and_comes_back(
    tmp_path: Path, make_learner: Callable[[], Learner]
) -> None:
    class Adds(Callback):
        def after_epoch(self, state: Any) -> None:
            state.metrics["odd"] = float("nan")

    log = RunFolder(tmp_path)
    for _ in range(2):
        make_learner().fit(1, callbacks=[Adds(), log], progress=False)
    rows = json.loads((tmp_path / "001" / "history.json").read_text())
    assert [row["odd"] for row in rows] == [None, None]


def test_ctrl_c_is_told_and_the_plots_are_drawn(
    tmp_path: Path, make_learner: Callable[[], Learner]
) -> None:
    class Fails(Callback):
        def after_step(self, state: Any) -> None:
            if state.progress.steps_done == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_learner().fit(1, callbacks=[RunFolder(tmp_path), Fails()], progress=False)
    assert config(tmp_path / "001")["parts"][0]["end"] == "killed"
    assert (tmp_path / "001" / "losses.png").exists()


def test_a_setting_of_the_users_does_not_hide_one_of_the_fits(
    tmp_path: Path, make_learner: Callable[[], Learner]
) -> None:
    log = RunFolder(tmp_path / "runs", config={"device": "my laptop", "note": "first"})
    make_learner().fit(1, callbacks=log, progress=False)
    settings = config(tmp_path / "runs" / "001")["parts"][0]["settings"]
    assert (settings["device"], settings["config.device"], settings["note"]) == (
        "cpu",
        "my laptop",
        "first",
    )
