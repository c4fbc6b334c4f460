"""Checkpoints that were changed on the disk are never loaded without a word."""

import json
import os
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from benchmarks import faults_damage
from benchmarks.faults_damage import Damage, Tiny, tiny_learner
from learnkit.errors import CheckpointError
from learnkit.runs.checkpoints import Checkpoints
from learnkit.runs.folder import BEST, Mark, RunFolder

pytestmark = pytest.mark.usefixtures("no_flushing")


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path / "tiny")


def other(tiny: Tiny) -> Path:
    return tiny.runs.path / tiny.before


# ---------------------------------------------------------------- what is changed is noticed


@pytest.mark.parametrize("part", range(2))
def test_a_flipped_bit_in_any_byte_is_noticed(tiny: Tiny, part: int) -> None:
    flips = list(faults_damage.flip_of_each(tiny.checkpoint))
    size = sum(file.stat().st_size for file in tiny.checkpoint.iterdir())
    assert len(flips) == size
    assert [p for flip in flips[part::2] if (p := faults_damage.refuses(tiny, flip))] == []
    assert tiny.runs.read(tiny.newest)  # all was put back


def test_a_byte_that_is_another_one_costs_a_warning_and_the_checkpoint_before_is_taken(
    tiny: Tiny,
) -> None:
    flips = list(faults_damage.flips(tiny.checkpoint, (0xFF,)))[::10]
    assert len(flips) > 400
    assert [p for flip in flips if (p := faults_damage.passes_over(tiny, flip))] == []


def test_a_file_that_is_cut_off_at_any_of_fifty_places_is_noticed(tiny: Tiny) -> None:
    cuts = list(faults_damage.cuts(tiny.checkpoint))
    assert len(cuts) == 3 * faults_damage.CUTS
    assert [p for cut in cuts if (p := faults_damage.notices(tiny, cut))] == []


def test_files_that_are_deleted_made_longer_or_swapped_are_noticed(tiny: Tiny) -> None:
    changes = list(faults_damage.rearranged(tiny.checkpoint, other(tiny)))
    assert len(changes) == 24
    assert [p for change in changes if (p := faults_damage.notices(tiny, change))] == []


def test_a_file_that_was_added_is_not_read(tiny: Tiny) -> None:
    (tiny.checkpoint / "more.safetensors").write_bytes(b"not read")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = tiny.runs.newest()
    assert found is not None
    assert found.source == tiny.checkpoint


def chosen(tiny: Tiny) -> list[Damage]:
    changes = faults_damage.rearranged(tiny.checkpoint, other(tiny))
    flips = list(faults_damage.flip_of_each(tiny.checkpoint))
    return [*list(changes)[::6], *list(faults_damage.cuts(tiny.checkpoint))[::30], *flips[::1500]]


def test_a_fit_goes_on_from_the_checkpoint_before_to_the_same_bits(tiny: Tiny) -> None:
    assert len(chosen(tiny)) > 10
    assert [p for one in chosen(tiny) if (p := faults_damage.resumes(tiny, one))] == []


def test_without_damage_a_fit_goes_on_without_a_warning(tiny: Tiny) -> None:
    nothing: Damage = ("nothing", lambda folder: None)
    assert faults_damage.resumes(tiny, nothing) == "nothing: [] was said"
    assert faults_damage.notices(tiny, nothing) == f"nothing: {tiny.newest} was loaded"
    assert faults_damage.refuses(tiny, nothing) == "nothing: it was loaded"


def test_several_that_are_damaged_are_named_each(tiny: Tiny) -> None:
    *_, third, second, first = tiny.runs.names()
    for name in (first, second):
        (tiny.runs.path / name / "model.safetensors").unlink()
    with pytest.warns(UserWarning, match="The checkpoint before this one is taken instead") as told:
        found = tiny.runs.newest()
    assert found is not None
    assert found.source.name == third
    assert [name in str(one.message) for name, one in zip((first, second), told, strict=True)] == [
        True,
        True,
    ]


def test_when_none_is_whole_the_fit_does_not_begin(tiny: Tiny) -> None:
    names = tiny.runs.names()
    for name in names:
        (tiny.runs.path / name / "snapshot.json").write_bytes(b"{")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(CheckpointError) as told:
            tiny.fit(Checkpoints(tiny.runs.path))
    assert str(told.value) == (
        f"none of the {len(names)} checkpoints in {tiny.runs.path} is whole. resume='never' "
        "starts anew and deletes them; another folder leaves them as they are."
    )


def test_a_checkpoint_under_another_name_is_noticed(tiny: Tiny) -> None:
    shutil.copytree(other(tiny), tiny.runs.path / "step-00000099")
    with pytest.raises(CheckpointError) as told:
        tiny.runs.read("step-00000099")
    assert str(told.value) == (
        f"{tiny.runs.path / 'step-00000099'} is another one: it was written as {tiny.before}."
    )


# ---------------------------------------------------------------- which one is the best


def test_a_mark_of_the_best_epoch_that_was_changed_is_no_mark(tmp_path: Path) -> None:
    runs, mark = RunFolder(tmp_path), Mark("step-00000006-epoch-002", "valid_loss", 0.25)
    runs.mark_best(mark)
    assert runs.best() == mark
    whole = (tmp_path / BEST).read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        (tmp_path / BEST).write_bytes(changed)
        assert runs.best() is None, place
        (tmp_path / BEST).write_bytes(whole[:place])
        assert runs.best() is None, place


@pytest.mark.parametrize("left", ["", "{}", '{"checkpoint": "step-00000099-epoch-009"}'])
def test_a_mark_that_was_lost_is_made_again(tmp_path: Path, left: str) -> None:
    """As after a kill between a checkpoint and its mark."""
    learn, runs = tiny_learner(), Checkpoints(tmp_path, monitor="valid_loss")
    learn.fit(3, 0.1, checkpoint=runs, progress=False)
    mark = RunFolder(tmp_path).best()
    assert mark is not None
    shutil.rmtree(tmp_path / RunFolder(tmp_path).names()[-1])  # it had not finished
    (tmp_path / BEST).write_text(left)
    tiny_learner().fit(3, 0.1, checkpoint=runs, progress=False)
    assert RunFolder(tmp_path).best() == mark
    assert json.loads((tmp_path / BEST).read_text())["monitor"] == "valid_loss"


# ---------------------------------------------------------------- what a killed process leaves


def test_what_a_killed_process_has_left_is_removed(tiny: Tiny) -> None:
    for name in (".step-00000050.4711.tmp", ".step-00000009.previous"):
        shutil.copytree(tiny.checkpoint, tiny.runs.path / name)
    before = tiny.runs.names()
    with tiny.runs:
        hidden = sorted(p.name for p in tiny.runs.path.iterdir() if p.name.startswith("."))
    assert hidden == [".lock"]
    assert tiny.runs.names() == before


def test_a_checkpoint_that_was_about_to_be_replaced_comes_back(tiny: Tiny) -> None:
    tiny.checkpoint.rename(tiny.runs.path / f".{tiny.newest}.previous")
    assert tiny.newest not in tiny.runs.names()
    with tiny.runs:
        assert tiny.newest in tiny.runs.names()
    assert tiny.runs.read(tiny.newest)


HOLDS = """
import os, sys, time
from pathlib import Path
from learnkit.runs.folder import RunFolder
with RunFolder(Path(sys.argv[1])):
    if not os.fork():
        time.sleep(60)  # as a worker of a DataLoader, which outlives a process that is killed
        os._exit(0)
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is forked here")
def test_a_folder_has_one_writer_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(tmp_path / "runs")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(CheckpointError) as told:
                tiny_learner().fit(1, checkpoint=tmp_path / "runs", progress=False)
            assert str(told.value) == (
                f"another fit is writing checkpoints into {tmp_path / 'runs'}. Wait for it, or "
                "give this one a folder of its own."
            )
            holder.kill()
            holder.wait()
            again = tiny_learner().fit(1, checkpoint=tmp_path / "runs", progress=False)
            assert len(again) == 1
        finally:
            os.killpg(holder.pid, signal.SIGKILL)  # it, and what it had forked
