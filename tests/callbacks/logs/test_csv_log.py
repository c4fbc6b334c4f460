"""CSVLog: a row per epoch, at once, and no surprise after the training."""

import csv
from pathlib import Path
from typing import Any

import pytest

from learnkit.callbacks.logs.csv_log import CSVLog
from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.errors import CheckpointError
from learnkit.state import State
from learnkit.testing import tiny_learner

ROWS = [
    {"train_loss": 1.5, "valid_loss": 0.5, "accuracy": 0.1 + 0.2, "seconds": 2.5},
    {"train_loss": 1.0, "valid_loss": 0.25, "accuracy": 0.75, "seconds": 2.0},
]
HEADER = "epoch,train_loss,valid_loss,accuracy,seconds\n"
FIRST = "1,1.5,0.5,0.30000000000000004,2.5\n"
SECOND = "2,1.0,0.25,0.75,2.0\n"


def test_the_header_is_there_before_the_training_and_each_row_after_its_epoch(
    tmp_path: Path, make_state: Any, run_epochs: Any
) -> None:
    path, state = tmp_path / "logs" / "run.csv", make_state()
    log = CSVLog(path)
    log.before_fit(state)
    assert path.read_text() == HEADER
    run_epochs(log, state, ROWS[:1])
    assert path.read_text() == HEADER + FIRST
    run_epochs(log, state, ROWS[1:])
    assert path.read_text() == HEADER + FIRST + SECOND


def test_a_number_that_is_missing_is_an_empty_cell_and_seconds_are_measured(
    tmp_path: Path, make_state: Any, run_epochs: Any
) -> None:
    log, state = CSVLog(tmp_path / "run.csv"), make_state()
    log.before_fit(state)
    run_epochs(log, state, [{"train_loss": 1.0, "unknown": 3.0}])
    with log.path.open() as file:
        (row,) = csv.DictReader(file)
    assert (row["train_loss"], row["valid_loss"]) == ("1.0", "")
    assert 0 <= float(row["seconds"]) < 1
    assert "unknown" not in row


def test_a_second_fit_starts_anew_or_appends(
    tmp_path: Path, make_state: Any, run_epochs: Any
) -> None:
    for append, expected in ((False, HEADER + FIRST), (True, HEADER + FIRST + FIRST)):
        log, state = CSVLog(tmp_path / "run.csv", append=append), make_state()
        log.before_fit(state)
        run_epochs(log, state, ROWS[:1])
        log.after_fit(state)
        assert log.path.read_text() == expected


def test_a_second_fit_with_one_object_adds_its_rows(
    tmp_path: Path, make_state: Any, run_epochs: Any
) -> None:
    log = CSVLog(tmp_path / "run.csv")
    for expected in (HEADER + FIRST, HEADER + FIRST + FIRST):  # as fine_tune does
        state = make_state()
        log.before_fit(state)
        run_epochs(log, state, ROWS[:1])
        log.after_fit(state)
        assert log.path.read_text() == expected


def test_appending_to_other_columns_is_an_error_before_training(
    tmp_path: Path, make_state: Any
) -> None:
    path = tmp_path / "run.csv"
    path.write_text("epoch,loss\n1,0.5\n")
    with pytest.raises(CheckpointError) as caught:
        CSVLog(path, append=True).before_fit(make_state())
    assert str(caught.value) == (
        f"CSVLog cannot append to {path}: it has the columns epoch, loss; this fit writes epoch, "
        "train_loss, valid_loss, accuracy, seconds. Give another file, or append=False."
    )
    assert path.read_text() == "epoch,loss\n1,0.5\n"


def test_appending_to_an_empty_file_writes_the_header(tmp_path: Path, make_state: Any) -> None:
    path = tmp_path / "run.csv"
    path.touch()
    CSVLog(path, append=True).before_fit(make_state())
    assert path.read_text() == HEADER


@pytest.mark.parametrize("append", [False, True])
def test_a_resumed_fit_keeps_the_rows_up_to_its_checkpoint(
    tmp_path: Path, make_state: Any, run_epochs: Any, append: bool
) -> None:
    log, state = CSVLog(tmp_path / "run.csv"), make_state()
    log.before_fit(state)
    run_epochs(log, state, ROWS[:1])
    saved = log.state_dict()
    run_epochs(log, state, ROWS[1:])  # then it was killed

    log, state = CSVLog(tmp_path / "run.csv", append=append), make_state()
    state.progress.epochs_done, state.progress.steps_done = 1, 4
    log.before_fit(state)
    log.load_state_dict(saved)  # comes after before_fit
    assert log.path.read_text() == HEADER + FIRST
    run_epochs(log, state, ROWS[1:])
    assert log.path.read_text() == HEADER + FIRST + SECOND
    log.after_fit(state)
    log.before_fit(make_state())  # the next fit is no resumed one, and takes no row away
    assert log.path.read_text() == HEADER + FIRST + SECOND


def test_a_fit_that_goes_on_from_its_very_start_begins_the_file_anew(
    tmp_path: Path, make_state: Any, run_epochs: Any
) -> None:
    log, state = CSVLog(tmp_path / "run.csv"), make_state()
    log.before_fit(state)
    saved = log.state_dict()
    run_epochs(log, state, ROWS[:1])  # then it was killed, with the first checkpoint alone
    log, state = CSVLog(tmp_path / "run.csv"), make_state()
    log.before_fit(state)
    log.load_state_dict(saved)
    assert log.path.read_text() == HEADER


def test_a_folder_in_place_of_the_file_is_an_error_before_training(
    tmp_path: Path, make_state: Any
) -> None:
    with pytest.raises(CheckpointError) as caught:
        CSVLog(tmp_path).before_fit(make_state())
    assert str(caught.value) == (
        f"CSVLog cannot write {tmp_path}: it is a folder. "
        f"Give a file in it, such as {tmp_path / 'log.csv'}."
    )


def test_a_place_that_cannot_be_written_is_an_error_before_training(
    tmp_path: Path, make_state: Any
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError) as caught:
        CSVLog(tmp_path / "file" / "logs" / "run.csv").before_fit(make_state())
    assert str(caught.value) == (
        f"CSVLog cannot write {tmp_path / 'file' / 'logs'}: "
        f"{tmp_path / 'file'} is a file, not a folder. "
        "Give a folder that you may write to."
    )


@pytest.mark.parametrize("at", [5, 6])
def test_a_fine_tuning_that_goes_on_in_its_second_part_has_the_rows_of_the_first(
    tmp_path: Path, at: int
) -> None:
    path = tmp_path / "run.csv"
    fails = LambdaCallback(after_batch=fail_in_batch(at), looks_on=True)
    with pytest.raises(ZeroDivisionError):
        tiny_learner().fine_tune(
            1, callbacks=[CSVLog(path), fails], checkpoint=tmp_path / "ck", progress=False
        )
    tiny_learner().fine_tune(1, callbacks=CSVLog(path), checkpoint=tmp_path / "ck", progress=False)
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["epoch", "1", "1"]


def fail_in_batch(number: int) -> Any:
    def fail(state: State) -> None:
        if state.training and state.progress.batches_seen == number:
            raise ZeroDivisionError

    return fail


def test_a_file_that_is_there_is_begun_anew_at_the_first_batch(
    tmp_path: Path, make_state: Any
) -> None:
    path = tmp_path / "run.csv"
    path.write_text(HEADER + FIRST)
    log, state = CSVLog(path), make_state()
    log.before_fit(state)
    assert path.read_text() == HEADER + FIRST
    log.before_batch(state)
    assert path.read_text() == HEADER


def test_a_used_object_adds_no_rows_of_other_columns(
    tmp_path: Path, make_state: Any, run_epochs: Any
) -> None:
    log, state = CSVLog(tmp_path / "run.csv"), make_state()
    log.before_fit(state)
    run_epochs(log, state, ROWS[:1])
    with pytest.raises(CheckpointError) as caught:
        log.before_fit(make_state(directions={"train_loss": False}))
    assert str(caught.value) == (
        f"CSVLog cannot append to {log.path}: it has the columns epoch, train_loss, valid_loss, "
        "accuracy, seconds; this fit writes epoch, train_loss, seconds. Give this fit a CSVLog of "
        "its own, with another file."
    )
    log.after_fit(state)
    assert log.path.read_text() == HEADER + FIRST


def test_half_a_row_that_a_power_cut_left_is_dropped(tmp_path: Path, make_state: Any) -> None:
    path = tmp_path / "run.csv"
    path.write_text(HEADER + FIRST + "2,1.0,0.")
    CSVLog(path, append=True).before_fit(make_state())
    assert path.read_text() == HEADER + FIRST


@pytest.mark.parametrize("content", [b"\xff\xfe\x00bad\n", b"\xff\xfe"])
def test_what_is_no_text_is_not_appended_to(
    tmp_path: Path, make_state: Any, content: bytes
) -> None:
    path = tmp_path / "run.csv"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        CSVLog(path, append=True).before_fit(make_state())
    assert str(caught.value) == (
        f"CSVLog cannot append to {path}: it holds something else than a table. Give another "
        "file, or append=False."
    )
    assert path.read_bytes() == content
