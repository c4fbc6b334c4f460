"""WandbLog: what wandb writes offline, read record by record."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from learnkit.callback import Callback
from learnkit.callbacks.logs.wandb_log import WandbLog
from learnkit.learner import Learner

wandb = pytest.importorskip("wandb", reason="needs the extra wandb")

BLOCK = 32768  # LevelDB's log format: blocks of records with 7 bytes of head


@pytest.fixture(autouse=True)
def service(no_threads_left: None) -> Iterator[None]:
    """The process that wandb starts goes with the test."""
    yield
    wandb.teardown()


def payloads(data: bytes) -> Iterator[bytes]:
    at, whole = 7, b""  # wandb's own head
    while at + 7 <= len(data):
        left = BLOCK - at % BLOCK
        if left < 7:
            at += left
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + 7])
        whole += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # a whole record, or the last part of one
            yield whole
            whole = b""


def records(folder: Path) -> dict[str, list[Any]]:
    """The records of each kind, of all parts in the order they were written."""
    from wandb.proto import wandb_internal_pb2

    wandb.teardown()  # all is written when its process has ended
    found: dict[str, list[Any]] = {"run": [], "history": [], "exit": [], "summary": []}
    files = sorted(folder.glob("wandb/offline-run-*/*.wandb"), key=lambda f: f.stat().st_mtime_ns)
    for file in files:
        for payload in payloads(file.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(payload)
            kind = record.WhichOneof("record_type")
            if kind in found:
                found[kind].append(getattr(record, kind))
    return found


def points(found: dict[str, list[Any]], name: str) -> list[tuple[int, float]]:
    result = []
    for history in found["history"]:
        items = {(i.key or ".".join(i.nested_key)): i.value_json for i in history.item}
        if name in items:
            result.append((int(history.step.num), float(items[name])))
    return result


def test_steps_rows_and_settings_are_written(
    tmp_path: Path, make_learner: Callable[[], Learner], capfd: pytest.CaptureFixture[str]
) -> None:
    learn = make_learner()
    log = WandbLog("flowers", name="one", mode="offline", path=tmp_path, every=5)
    rows = learn.fit(2, 0.1, callbacks=log, progress=False)
    found = records(tmp_path)
    (run,) = found["run"]
    assert (run.run_id, run.project, run.display_name) == (log.run, "flowers", "one")
    config = {update.key: update.value_json for update in run.config.update}
    assert config["model"] == '"Linear"'
    losses = [(step, learn.recorder.losses[step - 1]) for step in (5, 10)]
    assert points(found, "loss") == losses
    assert points(found, "epoch/valid_loss") == [
        (7, rows[0]["valid_loss"]),
        (14, rows[1]["valid_loss"]),
    ]
    assert [part.exit_code for part in found["exit"]] == [0]
    assert capfd.readouterr() == ("", "")
    assert wandb.run is None


def test_a_fit_that_goes_on_has_the_id_it_had_and_the_same_numbers_at_its_steps(
    tmp_path: Path, fit_in_two_parts: Any
) -> None:
    fit_in_two_parts(lambda: WandbLog("flowers", mode="offline", path=tmp_path, every=1), after=5)
    found = records(tmp_path)
    assert len(found["run"]) == 2
    assert len({run.run_id for run in found["run"]}) == 1
    losses = points(found, "loss")
    # what was computed again has its steps and its values: the service takes a step once
    assert [step for step, _ in losses] == [1, 2, 3, 4, 5, *range(5, 15)]
    assert sorted(dict(losses)) == list(range(1, 15))
    assert len(set(losses)) == 14
    assert [part.exit_code for part in found["exit"]] == [1, 0]


def test_ctrl_c_marks_the_run(tmp_path: Path, make_learner: Callable[[], Learner]) -> None:
    class Fails(Callback):
        def after_forward(self, state: Any) -> None:
            raise KeyboardInterrupt

    log = WandbLog("flowers", mode="offline", path=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        make_learner().fit(1, callbacks=[log, Fails()], progress=False)
    assert [part.exit_code for part in records(tmp_path)["exit"]] == [1]


def test_an_unknown_mode_names_the_nearest_one() -> None:
    with pytest.raises(ValueError) as caught:
        WandbLog("flowers", mode="ofline")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "WandbLog(): mode must be one of online, offline, found 'ofline'. Did you mean 'offline'?"
    )
