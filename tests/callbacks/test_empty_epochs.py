"""An epoch that is stopped before its first batch leaves no row, in no log."""

import json
from pathlib import Path

import pytest

from learnkit.callback import Callback
from learnkit.callbacks import CSVLog, JSONLinesLog, RunFolder
from learnkit.state import State
from learnkit.testing import tiny_learner


class StopInTheSecond(Callback):
    def before_epoch(self, state: State) -> None:
        if state.progress.epochs_done:
            state.stop("enough")


def test_no_log_has_a_row_of_an_epoch_without_a_batch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learn, folder = tiny_learner(), RunFolder(tmp_path / "runs")
    logs = [CSVLog(tmp_path / "log.csv"), JSONLinesLog(tmp_path / "log.jsonl"), folder]
    history = learn.fit(3, callbacks=[*logs, StopInTheSecond()])
    shown = [line for line in capsys.readouterr().out.splitlines() if line.lstrip()[:1].isdigit()]
    assert [line.split()[0] for line in shown[1:]] == ["1"]  # the first line is the plan
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 2
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert events == ["fit", "epoch", "end"]
    assert folder.folder is not None
    assert len((folder.folder / "history.csv").read_text().splitlines()) == 2
    assert len(learn.recorder.rows) == len(history) == 1
