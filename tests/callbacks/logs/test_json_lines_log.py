"""JSONLinesLog: a line at the start, after each epoch and at the end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from learnkit.callback import Callback
from learnkit.callbacks.logs.json_lines_log import JSONLinesLog
from learnkit.errors import CheckpointError
from learnkit.learner import Learner


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_fit_is_a_start_its_epochs_and_an_end(
    tmp_path: Path, make_learner: Callable[[], Learner]
) -> None:
    path = tmp_path / "logs" / "run.jsonl"
    log = JSONLinesLog(path, config={"note": "first"})
    history = make_learner().fit(2, 0.1, callbacks=log, progress=False)
    start, *epochs, end = read(path)
    assert start["event"] == "fit"
    settings = start["settings"]
    assert (settings["model"], settings["optimizer"], settings["lr"]) == (
        "Linear",
        "AdamW",
        [0.1, 0.1],
    )
    assert (settings["batch_size"], settings["train_samples"], settings["note"]) == (6, 40, "first")
    assert epochs == [
        {"event": "epoch", "epoch": n, "steps": 7 * n, **row} for n, row in enumerate(history, 1)
    ]
    assert end == {"event": "end", "status": "finished", "reason": None}


@pytest.mark.parametrize(("every_steps", "after"), [(None, 3), (4, 5), (2, 9)])
def test_a_fit_that_goes_on_leaves_the_file_of_one_that_was_not_stopped(
    tmp_path: Path, fit_in_two_parts: Any, every_steps: int | None, after: int
) -> None:
    path = tmp_path / "run.jsonl"
    fit_in_two_parts(lambda: JSONLinesLog(path), after=after, every_steps=every_steps)
    found = [(line["event"], line.get("epoch")) for line in read(path)]
    assert found == [("fit", None), ("epoch", 1), ("epoch", 2), ("end", None)]


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (KeyboardInterrupt(), "killed", "KeyboardInterrupt"),
        (RuntimeError("it broke"), "failed", "RuntimeError: it broke"),
    ],
)
def test_an_early_end_says_why(
    tmp_path: Path,
    make_learner: Callable[[], Learner],
    error: BaseException,
    status: str,
    reason: str,
) -> None:
    class Fails(Callback):
        def after_forward(self, state: Any) -> None:
            raise error

    path = tmp_path / "run.jsonl"
    with pytest.raises(type(error)):
        make_learner().fit(1, callbacks=[JSONLinesLog(path), Fails()], progress=False)
    assert read(path)[-1] == {"event": "end", "status": status, "reason": reason}


def test_the_reason_of_a_stop_is_told(tmp_path: Path, make_state: Any) -> None:
    state, log = make_state(), JSONLinesLog(tmp_path / "run.jsonl")
    log.before_fit(state)
    state.stop("it is enough")
    log.after_fit(state)
    assert read(log.path)[-1]["reason"] == "it is enough"


def test_a_number_that_json_does_not_have_is_null(
    tmp_path: Path, make_state: Any, run_epochs: Any
) -> None:
    state, log = make_state(), JSONLinesLog(tmp_path / "run.jsonl")
    log.before_fit(state)
    run_epochs(log, state, [{"train_loss": float("nan"), "valid_loss": float("inf")}])
    row = read(log.path)[-1]
    assert (row["train_loss"], row["valid_loss"]) == (None, None)


def test_a_second_fit_with_one_object_or_append_adds_lines(
    tmp_path: Path, make_learner: Callable[[], Learner]
) -> None:
    path = tmp_path / "run.jsonl"
    log = JSONLinesLog(path)
    for count in (3, 6):
        make_learner().fit(1, callbacks=log, progress=False)
        assert len(read(path)) == count
    make_learner().fit(1, callbacks=JSONLinesLog(path, append=True), progress=False)
    assert len(read(path)) == 9
    make_learner().fit(1, callbacks=JSONLinesLog(path), progress=False)
    assert len(read(path)) == 3


def test_half_a_line_that_a_power_cut_left_is_dropped(tmp_path: Path, make_state: Any) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text('{"event": "epoch"}\n{"event": "ep')
    JSONLinesLog(path, append=True).before_fit(make_state())
    assert [line["event"] for line in read(path)] == ["epoch", "fit"]


def test_another_file_is_not_appended_to(tmp_path: Path, make_state: Any) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("buy bread\n")
    with pytest.raises(CheckpointError) as caught:
        JSONLinesLog(path, append=True).before_fit(make_state())
    assert str(caught.value) == (
        f"JSONLinesLog cannot append to {path}: it holds something else than JSON lines. "
        "Give another file, or append=False."
    )
    assert path.read_text() == "buy bread\n"
