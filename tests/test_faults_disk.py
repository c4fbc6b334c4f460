"""A disk that is full at some point of a save: the fit goes on, and the older checkpoints load."""

import errno
import os
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.faults_damage import tiny_learner
from benchmarks.faults_disk import mounted
from benchmarks.faults_outcome import digest
from benchmarks.faults_points import watched
from learnkit.errors import CheckpointError
from learnkit.learner import Learner
from learnkit.runs.checkpoints import Checkpoints
from learnkit.runs.folder import RunFolder

NO_SPACE = os.strerror(errno.ENOSPC)
BEFORE_TRAINING = ("probe", "lock", "start")  # of a fit that cannot be saved at all


pytestmark = pytest.mark.usefixtures("no_flushing")


def fit(learn: Learner, runs: Path, *, background: bool = True) -> list[str]:
    """Run the fit, or what is left of it; return its warnings."""
    checkpoint = Checkpoints(runs, monitor="valid_loss", background=background)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        learn.fit(2, 0.1, checkpoint=checkpoint, every_steps=1, progress=False)
    return [str(one.message) for one in told]


def bits(learn: Learner) -> str:
    return digest([learn.model.state_dict(), learn.optimizer.state_dict()])


def full_at(point: str, *calls: int) -> Callable[[str], None]:
    """Return what makes the calls of one kind fail that are counted in ``calls``."""
    met = Counter[str]()

    def listen(now: str) -> None:
        met[now] += 1
        if now == point and met[now] in calls:
            raise OSError(errno.ENOSPC, NO_SPACE)

    return listen


def newest(runs: Path) -> str:
    """Return the newest checkpoint; a warning of one that is not whole would be an error."""
    found = RunFolder(runs).newest()
    return "" if found is None else found.source.name


def points_of(folder: Path) -> dict[str, int]:
    points: list[str] = []
    with watched(folder, points.append):
        assert fit(tiny_learner(), folder / "runs") == []
    return Counter(points)


@pytest.mark.parametrize("background", [True, False])
def test_a_disk_that_is_full_at_any_point_of_a_save_costs_at_most_a_warning(
    tmp_path: Path, background: bool
) -> None:
    whole = tiny_learner()
    fit(whole, tmp_path / "whole")
    points = {
        point: count
        for point, count in points_of(tmp_path / "points").items()
        if point.partition(" ")[2].startswith("runs")
        and point != "mkdir runs"  # which is there
        and not any(word in point for word in BEFORE_TRAINING)
    }
    assert len(points) > 25
    warned = 0
    for number, (point, count) in enumerate(sorted(points.items())):
        runs, learn = tmp_path / str(number) / "runs", tiny_learner()
        with watched(runs.parent, full_at(point, (count + 1) // 2)):
            told = fit(learn, runs, background=background)
        assert bits(learn) == bits(whole), point
        assert len(told) <= 1, point
        warned += len(told)
        assert newest(runs), point
        again = tiny_learner()
        assert fit(again, runs) == [], point
        assert bits(again) == bits(whole), point
    # what fails while older checkpoints are deleted is tried again at the next save
    silent = [
        p for p in points if p.startswith(("unlink", "rmdir")) or p == "rename runs/checkpoint"
    ]
    assert warned == len(points) - len(silent)


def test_the_warning_says_why_and_which_checkpoint_is_the_last(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with watched(tmp_path, full_at("write half of runs/checkpoint.tmp/state.safetensors", 2)):
        told = fit(tiny_learner(), runs)
    assert told == [
        f"The fit goes on without a new checkpoint: cannot write {runs / 'step-00000002'}: "
        f"{NO_SPACE}. Give a folder that you may write to. The last one that is whole is "
        "step-00000001."
    ]


def test_a_fit_that_cannot_be_saved_at_all_does_not_begin(tmp_path: Path) -> None:
    whole = tiny_learner()
    fit(whole, tmp_path / "whole")
    points = [p for p in points_of(tmp_path / "points") if any(w in p for w in BEFORE_TRAINING)]
    assert len(points) == 15
    for number, point in enumerate(points):
        runs, learn = tmp_path / str(number) / "runs", tiny_learner()
        begun = digest(learn.model.state_dict())
        with watched(runs.parent, full_at(point, 1)), pytest.raises(CheckpointError) as told:
            fit(learn, runs)
        assert NO_SPACE in str(told.value), point
        assert digest(learn.model.state_dict()) == begun, point
        assert fit(learn, runs) == []
        assert bits(learn) == bits(whole), point


def test_a_disk_that_stays_full_costs_a_warning_each_time_and_no_checkpoint(tmp_path: Path) -> None:
    whole, learn, runs = tiny_learner(), tiny_learner(), tmp_path / "here" / "runs"
    fit(whole, tmp_path / "whole")
    with watched(runs.parent, full_at("mkdir runs/checkpoint.tmp", *range(3, 100))):
        told = fit(learn, runs)
    assert bits(learn) == bits(whole)
    assert {line.rpartition(" The ")[2] for line in told} == {
        "last one that is whole is step-00000002."
    }
    assert len(told) == 6


def test_a_small_disk_that_is_really_full_loses_nothing(tmp_path: Path) -> None:
    whole, runs = tiny_learner(), tmp_path / "runs"
    fit(whole, tmp_path / "whole")
    runs.mkdir()
    with mounted(runs, room=256 << 10) as problem:
        if problem:
            pytest.skip(f"needs a small disk: {problem}")
        learn, filler = tiny_learner(), runs / "filler"
        with filler.open("wb", buffering=0) as file:
            room = os.statvfs(runs)
            file.write(bytes(room.f_bavail * room.f_frsize - (60 << 10)))  # three checkpoints
        told = fit(learn, runs)
        assert told
        assert all(NO_SPACE in line for line in told)
        assert bits(learn) == bits(whole)
        assert newest(runs)
        filler.unlink()
        again = tiny_learner()
        assert fit(again, runs) == []
        assert bits(again) == bits(whole)
