"""Profiler: a trace of the steps that were chosen, also when the fit ends early."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from learnkit.callback import Callback
from learnkit.callbacks.watch.profiler import Profiler
from learnkit.errors import CheckpointError
from learnkit.state import State
from learnkit.testing import tiny_learner


def backwards(path: Path) -> int:
    """Count the backward passes of a cross entropy in a trace."""
    events = json.loads(path.read_text())["traceEvents"]
    return sum(event.get("name") == "NllLossBackward0" for event in events)


@pytest.mark.parametrize("batches", [1, 3])
def test_the_trace_holds_the_chosen_batches(tmp_path: Path, batches: int) -> None:
    path = tmp_path / "new" / "trace.json"
    profiler = Profiler(path, first=2, batches=batches)
    tiny_learner().fit(2, callbacks=profiler, progress=False)
    assert backwards(path) == batches
    assert "AdamW.step" in profiler.table


def test_a_fit_that_ends_early_leaves_the_trace_of_what_ran(tmp_path: Path) -> None:
    class Fail(Callback):
        def after_loss(self, state: State) -> None:
            if state.progress.batches_done == 2:
                raise RuntimeError("broken")

    path = tmp_path / "trace.json"
    with pytest.raises(RuntimeError, match="broken"):
        tiny_learner().fit(1, callbacks=[Profiler(path, first=1), Fail()], progress=False)
    assert backwards(path) == 1
    with torch.profiler.profile():  # none is left running
        torch.ones(1)


def test_a_fit_that_is_too_short_leaves_no_file(tmp_path: Path) -> None:
    profiler = Profiler(tmp_path / "trace.json", first=100)
    tiny_learner().fit(1, callbacks=profiler, progress=False)
    assert not (tmp_path / "trace.json").exists()
    assert profiler.table == ""


def test_a_place_that_cannot_be_written_fails_before_the_first_batch(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    profiler = Profiler(tmp_path / "file" / "trace.json")
    with pytest.raises(CheckpointError, match="Profiler cannot write"):
        tiny_learner().fit(1, callbacks=profiler, progress=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first": -1}, "first must be a whole number of at least 0, found -1."),
        ({"batches": 0}, "batches must be a whole number of at least 1, found 0."),
        ({"batches": True}, "batches must be a whole number of at least 1, found True."),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="Profiler") as caught:
        Profiler("trace.json", **options)
    assert str(caught.value) == f"Profiler(): {message}"


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        tiny_learner().fit(1, callbacks=Profiler(tmp_path), progress=False)
    assert str(caught.value) == (
        f"Profiler cannot write {tmp_path}: it is a folder. Give a file in it, such as "
        f"{tmp_path / 'trace.json'}."
    )
