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


@pytest.mark.parametrize("content", ["buy bread\n", "buy bread"])
def test_a_file_that_was_refused_gets_no_end_either(
    tmp_path: Path, make_learner: Callable[[], Learner], content: str
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(content)
    with pytest.raises(CheckpointError):
        make_learner().fit(1, callbacks=JSONLinesLog(path, append=True), progress=False)
    assert path.read_text() == content


def test_a_folder_is_refused_without_a_warning(
    tmp_path: Path, make_learner: Callable[[], Learner]
) -> None:
    with pytest.raises(CheckpointError) as caught:  # warnings are errors here
        make_learner().fit(1, callbacks=JSONLinesLog(tmp_path), progress=False)
    assert str(caught.value) == (
        f"JSONLinesLog cannot write {tmp_path}: it is a folder. Give a file in it, such as "
        f"{tmp_path / 'log.jsonl'}."
    )
    assert not getattr(caught.value, "__notes__", [])


def test_a_fine_tuning_that_goes_on_in_its_second_part_has_the_lines_of_the_first(
    tmp_path: Path, make_learner: Callable[[], Learner]
) -> None:
    class Fails(Callback):
        looks_on = True

        def after_batch(self, state: Any) -> None:
            if state.training and state.progress.batches_seen == 9:  # an epoch has 7
                raise ZeroDivisionError

    path = tmp_path / "run.jsonl"
    options: dict[str, Any] = {"checkpoint": "ck", "progress": False}
    with pytest.raises(ZeroDivisionError):
        make_learner().fine_tune(1, callbacks=[JSONLinesLog(path), Fails()], **options)
    make_learner().fine_tune(1, callbacks=JSONLinesLog(path), **options)
    assert [line["event"] for line in read(path)] == 2 * ["fit", "epoch", "end"]


def test_a_file_that_is_there_is_begun_anew_at_the_first_batch(
    tmp_path: Path, make_state: Any
) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text('{"event": "epoch"}\n')
    log, state = JSONLinesLog(path), make_state()
    log.before_fit(state)
    assert [line["event"] for line in read(path)] == ["epoch"]
    log.before_batch(state)
    assert [line["event"] for line in read(path)] == ["fit"]


def test_a_fit_that_fails_before_its_first_batch_leaves_the_file_as_it_was(
    tmp_path: Path, make_state: Any
) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text('{"event": "epoch"}\n')
    log, state = JSONLinesLog(path), make_state()
    log.before_fit(state)
    log.on_error(state, RuntimeError("no data"))
    log.after_fit(state)
    assert [line["event"] for line in read(path)] == ["epoch"]


def test_a_number_that_is_not_finite_is_no_setting() -> None:
    with pytest.raises(ValueError) as caught:
        JSONLinesLog("run.jsonl", config={"clip": [1.0, float("inf")]})
    assert str(caught.value) == (
        "JSONLinesLog(): config['clip'] must be finite, as JSON has no word for other numbers; "
        "found [1.0, inf]. Give a text or None."
    )
