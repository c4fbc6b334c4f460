"""What went aside comes back, over nothing that is there by now."""

import shutil
from dataclasses import replace

import pytest

from learnkit.data.doctor import quarantine, undo
from learnkit.data.doctor.folders import check_folder
from learnkit.data.doctor.manifest import read_manifest, write_manifest
from learnkit.data.doctor.options import CheckOptions
from learnkit.data.doctor.quarantine import FOLDER, Moved, move_aside
from learnkit.data.doctor.undo import put_back
from learnkit.errors import DataError

NAMES = ["train/cat/copy.png", "train/cat/empty.jpg"]


@pytest.fixture
def aside(photos):
    """``photos`` whose bad files are in the quarantine."""
    shutil.copy(photos / "valid/cat/cat_0.png", photos / NAMES[0])
    (photos / NAMES[1]).write_bytes(b"")
    assert sorted(move_aside(check_folder(photos, options=CheckOptions(near=None))).done) == NAMES
    return photos


def states(root):
    return {
        entry.source: (entry.state, entry.problem)
        for run in (root / FOLDER).iterdir()
        for entry in read_manifest(run)
    }


def test_all_come_back_and_the_list_says_so(aside):
    moved = put_back(aside)
    assert (moved.folder, sorted(moved.done), moved.left) == (aside / FOLDER, NAMES, ())
    assert (aside / NAMES[0]).read_bytes() == (aside / "valid/cat/cat_0.png").read_bytes()
    assert states(aside) == dict.fromkeys(NAMES, ("back", ""))
    assert put_back(aside) == Moved(folder=aside / FOLDER)


def test_one_comes_back_by_either_name(aside, monkeypatch):
    assert put_back(aside, [NAMES[0]]).done == (NAMES[0],)
    assert states(aside)[NAMES[1]] == ("aside", "")
    monkeypatch.chdir(aside.parent)
    assert put_back("photos", [f"photos/{NAMES[1]}"]).done == (NAMES[1],)


def test_a_name_that_is_not_there_moves_nothing(aside):
    with pytest.raises(DataError) as caught:
        put_back(aside, [NAMES[0], "train/cat/cat_0.png"])
    assert (
        str(caught.value) == f"train/cat/cat_0.png is not in {aside / FOLDER}; nothing was moved."
    )
    assert not (aside / NAMES[0]).exists()


def test_a_file_that_took_the_place_is_not_overwritten(aside):
    (aside / NAMES[0]).write_bytes(b"new")
    moved = put_back(aside)
    assert moved.done == (NAMES[1],)
    assert moved.left == ((NAMES[0], "File exists"),)
    assert (aside / NAMES[0]).read_bytes() == b"new"
    assert states(aside)[NAMES[0]] == ("aside", "File exists")
    (aside / NAMES[0]).unlink()
    assert put_back(aside).done == (NAMES[0],)


def test_a_class_folder_that_is_gone_is_made_again(aside):
    shutil.rmtree(aside / "train/cat")
    assert sorted(put_back(aside).done) == NAMES


def test_what_somebody_took_out_is_gone_for_the_list(aside):
    (run,) = (aside / FOLDER).iterdir()
    (run / "files" / NAMES[0]).unlink()
    moved = put_back(aside)
    assert moved.done == (NAMES[1],)
    assert states(aside)[NAMES[0]] == ("gone", "")


def test_runs_are_undone_the_newest_first(aside):
    shutil.copy(aside / "valid/cat/cat_1.png", aside / NAMES[0])
    move_aside(check_folder(aside, options=CheckOptions(near=None)))
    moved = put_back(aside)
    assert sorted(moved.done) == NAMES
    assert moved.left == ((NAMES[0], "File exists"),)
    assert (aside / NAMES[0]).read_bytes() == (aside / "valid/cat/cat_1.png").read_bytes()


def test_a_run_that_was_killed_between_both_names_is_finished(aside):
    (run,) = (aside / FOLDER).iterdir()
    (aside / NAMES[0]).hardlink_to(run / "files" / NAMES[0])
    assert sorted(put_back(aside).done) == NAMES
    assert not (run / "files" / NAMES[0]).exists()


def test_a_run_that_was_killed_before_a_move_has_left_the_file(photos):
    (photos / NAMES[1]).write_bytes(b"")
    moved = move_aside(check_folder(photos, options=CheckOptions(near=None)))
    (entry,) = read_manifest(moved.folder)
    write_manifest(moved.folder, [entry])
    (photos / NAMES[1]).write_bytes(b"")
    (moved.folder / "files" / NAMES[1]).unlink()
    assert put_back(photos) == Moved(folder=photos / FOLDER)
    assert (photos / NAMES[1]).exists()


def test_a_full_disk_gives_back_what_its_list_says_is_moving(aside, monkeypatch):
    (run,) = (aside / FOLDER).iterdir()
    entries = [replace(entry, state="moving") for entry in read_manifest(run)]
    write_manifest(run, entries)

    def full(run, entries):
        raise DataError("The list of what is moved could not be written: full.")

    monkeypatch.setattr(undo, "write_manifest", full)
    monkeypatch.setattr(quarantine, "write_manifest", full)
    with pytest.warns(UserWarning, match="could not be written: full"):
        moved = put_back(aside)
    assert sorted(moved.done) == NAMES


def test_a_list_that_cannot_say_that_files_move_moves_none(aside, monkeypatch):
    def full(run, entries):
        raise DataError("The list of what is moved could not be written: full.")

    monkeypatch.setattr(undo, "write_manifest", full)
    with pytest.raises(DataError):
        put_back(aside)
    assert not (aside / NAMES[0]).exists()
    assert states(aside) == dict.fromkeys(NAMES, ("aside", ""))


def test_while_files_come_back_the_list_says_that_they_move(aside, monkeypatch):
    seen = []

    def look(source, target, sha256):
        seen.append(dict(states(aside)))
        raise KeyboardInterrupt

    monkeypatch.setattr(undo, "move_new", look)
    with pytest.raises(KeyboardInterrupt):
        put_back(aside)
    assert seen == [dict.fromkeys(NAMES, ("moving", ""))]


def test_a_folder_without_a_quarantine_says_so(photos):
    with pytest.raises(DataError) as caught:
        put_back(photos)
    assert (
        str(caught.value) == f"There is no quarantine in {photos}: {photos / FOLDER} holds nothing."
    )


def test_a_quarantine_whose_list_is_gone_is_named(aside):
    (run,) = (aside / FOLDER).iterdir()
    (run / "manifest.json").unlink()
    with pytest.raises(DataError) as caught:
        put_back(aside)
    assert str(caught.value) == (
        f"{run / 'manifest.json'} cannot be read: No such file or directory."
    )


def test_a_list_from_a_stranger_moves_nothing_outside(aside):
    (run,) = (aside / FOLDER).iterdir()
    text = (run / "manifest.json").read_text()
    (run / "manifest.json").write_text(text.replace('"from": "train/', '"from": "../../'))
    with pytest.raises(DataError) as caught:
        put_back(aside)
    assert "leads out of the folder" in str(caught.value)
    assert not (aside.parent.parent / "cat").exists()
