"""Files go aside by the list, and nothing is lost whatever happens."""

import errno
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from learnkit.data.doctor import quarantine
from learnkit.data.doctor.folders import check_folder
from learnkit.data.doctor.manifest import read_manifest
from learnkit.data.doctor.options import CheckOptions
from learnkit.data.doctor.quarantine import FOLDER, Moved, move_aside
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import DataError

NO_NEAR = CheckOptions(near=None)
BAD = ["train/cat/copy.png", "train/cat/empty.jpg", "train/dog/dog_9.png"]


@pytest.fixture
def bad(photos):
    """``photos`` with a leak, an empty file and a photo that is twice in its class."""
    shutil.copy(photos / "valid/cat/cat_0.png", photos / BAD[0])
    (photos / BAD[1]).write_bytes(b"")
    shutil.copy(photos / "train/dog/dog_1.png", photos / BAD[2])
    return photos


def contents(root):
    """Return the SHA-256 of every file below, by its name in the data, wherever it lies."""
    found = {}
    for path in root.rglob("*"):
        if path.is_file() and path.name != "manifest.json":
            name = path.relative_to(root).as_posix()
            if name.startswith(FOLDER):
                name = name.split("/files/", 1)[1]
            assert name not in found
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def check(root):
    return check_folder(root, options=NO_NEAR)


def the_run(root):
    (run,) = (root / FOLDER).iterdir()
    return run


def test_bad_files_go_and_the_rest_stays(bad):
    before = contents(bad)
    moved = move_aside(check(bad))
    assert (moved.folder, sorted(moved.done), moved.left) == (the_run(bad), sorted(BAD), ())
    assert contents(bad) == before
    assert not any((bad / name).exists() for name in BAD)
    assert all((the_run(bad) / "files" / name).exists() for name in BAD)


def test_afterwards_nothing_is_left_to_fix_and_training_takes_the_rest(bad):
    move_aside(check(bad))
    assert check(bad).findings == ()
    assert move_aside(check(bad)) == Moved(folder=bad / FOLDER)
    assert len(list((bad / FOLDER).iterdir())) == 1
    with pytest.warns(UserWarning, match="fewer training samples"):
        data = ImageDataBunch.from_folder(bad)
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (4, 4)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_copied_where_one_run_leaves_no_leak(photos, scene, seed):
    pytest.importorskip("imagehash", reason="needs the extra doctor")
    draw = np.random.default_rng(seed)
    for number in range(30):
        part, label = draw.choice(["train", "valid", "test"]), draw.choice(["cat", "dog"])
        path = photos / part / label / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        scene(50 + int(draw.integers(6))).save(path, quality=int(draw.choice([30, 60, 90])))
    before = contents(photos)
    report = check_folder(photos, test="test")
    assert {found.kind for found in report.errors} == {"leak", "near leak"}
    assert move_aside(report).left == ()
    assert check_folder(photos, test="test").errors == ()
    assert contents(photos) == before


def test_the_list_says_where_from_where_to_why_and_what(bad):
    move_aside(check(bad))
    entries = {entry.source: entry for entry in read_manifest(the_run(bad))}
    assert set(entries) == set(BAD)
    leak = entries[BAD[0]]
    assert leak.target == f"files/{BAD[0]}"
    assert leak.why == "valid/cat/cat_0.png = train/cat/copy.png"
    assert (leak.kind, leak.state, leak.problem) == ("leak", "aside", "")
    data = (the_run(bad) / leak.target).read_bytes()
    assert leak.sha256 == hashlib.sha256(data).hexdigest()
    assert leak.when.endswith("+00:00")


def test_the_list_is_there_before_the_first_file_moves(bad, monkeypatch):
    report, states = check(bad), []

    def look(source, target, sha256):
        document = json.loads((the_run(bad) / "manifest.json").read_bytes())
        states.append([values["state"] for values in document["files"]])
        raise KeyboardInterrupt

    monkeypatch.setattr(quarantine, "move_new", look)
    with pytest.raises(KeyboardInterrupt):
        move_aside(report)
    assert states == [["moving"] * 3]
    assert [entry.state for entry in read_manifest(the_run(bad))] == ["moving"] * 3


def test_a_list_that_cannot_be_written_moves_nothing(bad, monkeypatch):
    report, before = check(bad), contents(bad)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DataError) as caught:
            move_aside(report)
    assert "No space left on device" in str(caught.value)
    assert contents(bad) == before
    assert all((bad / name).exists() for name in BAD)


def test_a_list_that_cannot_be_written_again_is_true_all_the_same(bad, monkeypatch):
    write, calls = quarantine.write_manifest, []

    def once(run, entries):
        calls.append(run)
        if len(calls) > 1:
            raise DataError("The list of what is moved could not be written: full.")
        write(run, entries)

    monkeypatch.setattr(quarantine, "write_manifest", once)
    with pytest.warns(UserWarning, match="could not be written") as caught:
        moved = move_aside(check(bad))
    assert [str(warning.message) for warning in caught] == [
        "The list of what is moved could not be written: full. The list there names every file, "
        "and both of its places."
    ]
    assert sorted(moved.done) == sorted(BAD)
    assert [entry.state for entry in read_manifest(the_run(bad))] == ["moving"] * 3


def test_a_file_that_changed_or_vanished_since_stays_and_is_named(bad):
    report = check(bad)
    (bad / BAD[0]).write_bytes(b"new")
    (bad / BAD[1]).unlink()
    moved = move_aside(report)
    assert moved.done == (BAD[2],)
    assert dict(moved.left) == {
        BAD[0]: "its content is not what it was when it was checked",
        BAD[1]: "No such file or directory",
    }
    assert (bad / BAD[0]).read_bytes() == b"new"
    states = {entry.source: (entry.state, entry.problem) for entry in read_manifest(the_run(bad))}
    assert states == {
        BAD[0]: ("left", dict(moved.left)[BAD[0]]),
        BAD[1]: ("gone", "No such file or directory"),
        BAD[2]: ("aside", ""),
    }


def test_two_runs_in_one_second_have_a_folder_each(bad):
    report = check(bad)
    move_aside(report)
    shutil.copy(bad / "valid/cat/cat_0.png", bad / BAD[0])
    moved = move_aside(check(bad))
    assert moved.done == (BAD[0],)
    assert len({run.name for run in (bad / FOLDER).iterdir()}) == 2


def test_a_conflict_moves_all_of_its_files(photos):
    shutil.copy(photos / "valid/cat/cat_0.png", photos / "train/dog/cat.png")
    moved = move_aside(check(photos))
    assert sorted(moved.done) == ["train/dog/cat.png", "valid/cat/cat_0.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="folders of Windows have no such mode")
def test_a_write_protected_folder_is_refused(bad):
    report = check(bad)
    bad.chmod(0o555)
    try:
        with pytest.raises(DataError) as caught:
            move_aside(report)
    finally:
        bad.chmod(0o755)
    assert str(caught.value) == (
        f"No quarantine can be made at {bad / FOLDER}: {bad} is write-protected. Nothing was moved."
    )
    assert not (bad / FOLDER).exists()


def test_a_quarantine_that_is_a_file_or_a_link_is_refused(bad, tmp_path):
    report = check(bad)
    (bad / FOLDER).write_text("mine")
    with pytest.raises(DataError) as caught:
        move_aside(report)
    assert str(caught.value).startswith(f"No quarantine can be made at {bad / FOLDER}: ")
    assert (bad / FOLDER).read_text() == "mine"
    if sys.platform != "win32":
        (bad / FOLDER).unlink()
        (bad / FOLDER).symlink_to(tmp_path)
        with pytest.raises(DataError) as caught:
            move_aside(report)
        assert str(caught.value) == (
            f"No quarantine can be made at {bad / FOLDER}: {bad / FOLDER} is a link. Nothing was "
            "moved."
        )


@pytest.mark.filterwarnings("ignore:There are fewer training samples")
def test_a_file_outside_of_the_folder_stays(photos, tmp_path):
    elsewhere = tmp_path / "elsewhere.png"
    elsewhere.write_bytes(b"")
    names = ["cat/cat_0.png", "cat/cat_1.png", "dog/dog_0.png", str(elsewhere)]
    data = ImageDataBunch.from_lists(photos / "train", names, ["a", "b", "a", "b"], valid_pct=0.5)
    moved = move_aside(data.check(near=None, show=False))
    assert moved.done == ()
    assert moved.left == ((elsewhere.as_posix(), f"it is not in {photos / 'train'}"),)
    assert elsewhere.exists()


def test_samples_that_are_no_files_cannot_be_moved():
    from learnkit.data.bunch import DataBunch

    x = np.zeros((4, 3, 8, 8), np.float32)
    with pytest.warns(UserWarning, match="fewer training samples"):
        data = DataBunch.from_arrays(x, np.array([0, 1, 0, 1]), split=([0, 1], [2, 3]))
    with pytest.raises(DataError) as caught:
        move_aside(data.check(show=False))
    assert str(caught.value) == (
        "The samples checked are no files of one folder, so none can be moved."
    )


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links_to_what_stays_go_and_come_to_no_harm(photos):
    link = photos / "train/cat/link.png"
    link.symlink_to("../../valid/cat/cat_0.png")
    moved = move_aside(check(photos))
    assert moved.done == ("train/cat/link.png",)
    assert (moved.folder / "files/train/cat/link.png").readlink() == Path(
        "../../valid/cat/cat_0.png"
    )
    assert (photos / "valid/cat/cat_0.png").exists()
