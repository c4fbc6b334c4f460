"""RunFolder: names in order, the newest whole one, and what stays."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.errors import CheckpointError
from learnkit.runs.folder import Mark, RunFolder, name_of


def told(call: Callable[[], object]) -> str:
    with pytest.raises(CheckpointError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(
    ("stage", "batches", "epochs", "name"),
    [
        ("epoch", 0, 0, "step-00000000-start"),
        ("epoch", 40, 0, "step-00000040-start"),  # of a learner that was trained before
        ("train", 7, 1, "step-00000007"),
        ("valid", 10, 1, "step-00000010-before-valid"),
        ("epoch", 10, 2, "step-00000010-epoch-002"),
        ("finished", 10, 2, "step-00000010-finished"),
        ("train", 123456789, 1, "step-123456789"),
    ],
)
def test_a_name_says_how_many_batches_were_trained_and_where_in_the_fit(
    stage: str, batches: int, epochs: int, name: str
) -> None:
    progress = {"batches_seen": batches, "epochs_done": epochs}
    assert name_of({"stage": stage, "progress": progress}) == name


ORDER = [
    "step-00000000-start",
    "step-00000003",
    "step-00000005",
    "step-00000005-before-valid",
    "step-00000005-epoch-001",
    "step-00000010-epoch-002",
    "step-00000010-finished",
    "step-100000000",
]


@given(st.permutations(ORDER))
def test_names_are_in_the_order_of_the_fit_whatever_the_disk_says(names: list[str]) -> None:
    class Folder:
        def is_dir(self) -> bool:
            return True

        def iterdir(self) -> list[Path]:
            return [Path(name) for name in ["notes.txt", ".lock", "best.json", "step-x", *names]]

    folder: Any = RunFolder(Path())
    folder.path = Folder()
    assert folder.names() == ORDER


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "never")
    assert folder.names() == []
    assert folder.newest() is None
    assert folder.at(1) is None
    assert folder.best() is None
    assert not folder.path.exists()


@pytest.fixture
def filled(tmp_path: Path, make_snapshot: Any) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    with folder:
        for stage, batches, epochs in (
            ("epoch", 0, 0),
            ("train", 3, 0),
            ("epoch", 5, 1),
            ("train", 8, 1),
            ("epoch", 10, 2),
            ("finished", 10, 2),
        ):
            snapshot = make_snapshot(stage, batches, epochs=epochs, weight=float(batches))
            name = name_of(
                {"stage": stage, "progress": {"batches_seen": batches, "epochs_done": epochs}}
            )
            folder.write(name, snapshot)
    return folder


def test_what_was_written_is_read_back(filled: RunFolder) -> None:
    moment = filled.read("step-00000005-epoch-001")
    assert (moment.stage, moment.progress.batches_seen, len(moment.rows)) == ("epoch", 5, 1)
    assert moment.model["weight"].tolist() == [[5.0, 5.0]]
    assert moment.source == filled.path / "step-00000005-epoch-001"


def test_the_newest_one_is_read(filled: RunFolder) -> None:
    newest = filled.newest()
    assert newest is not None
    assert newest.stage == "finished"


def damage(folder: Path) -> Path:
    part = folder / "model.safetensors"
    part.write_bytes(part.read_bytes()[:-1])
    return part


def test_one_that_is_damaged_is_named_and_the_one_before_it_is_taken(filled: RunFolder) -> None:
    parts = [damage(filled.path / name) for name in filled.names()[-2:]]
    with pytest.warns(UserWarning, match="is taken instead") as caught:
        newest = filled.newest()
    assert newest is not None
    assert newest.source.name == "step-00000008"
    assert [str(w.message) for w in caught] == [
        f"The checkpoint before this one is taken instead: {part} is damaged: its SHA-256 is not "
        "the one in snapshot.json. Load an older checkpoint."
        for part in reversed(parts)
    ]


def test_when_none_is_whole_it_is_an_error_and_nothing_is_deleted(filled: RunFolder) -> None:
    names = filled.names()
    for name in names:
        damage(filled.path / name)
    with pytest.warns(UserWarning, match="is taken instead"):
        message = told(filled.newest)
    assert message == (
        f"none of the 6 checkpoints in {filled.path} is whole. resume='never' starts anew and "
        "deletes them; another folder leaves them as they are."
    )
    assert filled.names() == names


def test_one_under_anothers_name_is_not_taken_for_it(filled: RunFolder) -> None:
    path = filled.path / "step-00000008"
    path.rename(filled.path / "step-00000009")
    assert told(lambda: filled.read("step-00000009")) == (
        f"{filled.path / 'step-00000009'} is another one: it was written as step-00000008."
    )


@pytest.mark.parametrize(
    ("epoch", "name"),
    [
        (0, "step-00000000-start"),
        (1, "step-00000005-epoch-001"),
        (2, "step-00000010-epoch-002"),
        (3, None),
        ("step-00000008", "step-00000008"),
        ("step-00000009", None),
        ("best", None),
    ],
)
def test_one_is_found_by_its_epoch_or_its_name(
    filled: RunFolder, epoch: int | str, name: str | None
) -> None:
    found = filled.at(epoch)
    assert (found and found.source.name) == name


def test_the_best_one_is_found_once_it_is_marked(filled: RunFolder) -> None:
    mark = Mark("step-00000005-epoch-001", "accuracy", 0.75)
    filled.mark_best(mark)
    assert filled.best() == mark
    found = filled.at("best")
    assert found is not None
    assert found.source.name == mark.name


@pytest.mark.parametrize("text", ["", "{", "[]", '{"checkpoint": "../x"}', "null"])
def test_a_damaged_mark_is_none(filled: RunFolder, text: str) -> None:
    (filled.path / "best.json").write_text(text)
    assert filled.best() is None


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (0, "step-00000000-start"),
        (2, "step-00000000-start"),
        (3, "step-00000003"),
        (4, "step-00000003"),
        (5, "step-00000005-epoch-001"),
        (9, "step-00000008"),
        (10, "step-00000010-epoch-002"),
    ],
)
def test_the_last_one_before_a_batch_is_found(filled: RunFolder, step: int, name: str) -> None:
    found = filled.before(step)
    assert found is not None
    assert found.source.name == name
    damage(filled.path / name)
    again = filled.before(step)
    assert again is None or filled.names().index(again.source.name) < filled.names().index(name)


def test_the_last_end_of_an_epoch_before_another_is_found(filled: RunFolder) -> None:
    ends = [filled.before_epoch(epoch) for epoch in (1, 2, 3)]
    assert [end and end.source.name for end in ends] == [
        "step-00000000-start",
        "step-00000005-epoch-001",
        "step-00000010-epoch-002",
    ]
    assert filled.before_epoch(0) is None
    assert filled.epochs() == {
        0: "step-00000000-start",
        1: "step-00000005-epoch-001",
        2: "step-00000010-epoch-002",
    }


@pytest.mark.parametrize("keep", [1, 2, 3, 5, 9, None])
@pytest.mark.parametrize("best", [None, 0, 2, 5])
def test_the_first_the_best_and_the_last_ones_stay(
    filled: RunFolder, keep: int | None, best: int | None
) -> None:
    names = filled.names()
    if best is not None:
        filled.mark_best(Mark(names[best], "accuracy", 0.5))
    filled.prune(keep)
    stay = {names[0], *names[-(keep or 9) :], *([names[best]] if best is not None else [])}
    assert filled.names() == [name for name in names if name in stay]


def test_all_may_be_deleted_but_what_is_not_ours(filled: RunFolder) -> None:
    (filled.path / "notes.txt").write_text("mine")
    filled.mark_best(Mark("step-00000003", "accuracy", 0.5))
    filled.clear()
    left = sorted(entry.name for entry in filled.path.iterdir())
    assert [name for name in left if name != ".lock"] == ["notes.txt"]


def test_what_a_killed_process_has_left_is_removed_on_entering(filled: RunFolder) -> None:
    left = filled.path / ".step-00000011.4711.tmp"
    left.mkdir()
    (left / "model.safetensors").write_bytes(b"half")
    (filled.path / ".best.json.4711.tmp").write_bytes(b"half")
    (filled.path / ".gitignore").write_text("*")
    before = filled.names()
    with filled:
        hidden = sorted(e.name for e in filled.path.iterdir() if e.name.startswith("."))
    assert [name for name in hidden if name != ".lock"] == [".gitignore"]
    assert filled.names() == before


def test_one_that_was_to_be_replaced_and_was_not_comes_back(filled: RunFolder) -> None:
    whole = filled.path / "step-00000008"
    whole.rename(filled.path / ".step-00000008.previous")
    with filled:
        assert filled.read("step-00000008").progress.batches_seen == 8


def test_a_second_one_may_not_write_into_it_at_the_same_time(filled: RunFolder) -> None:
    if sys.platform == "win32":
        pytest.skip("there are no such locks on Windows")
    with filled:
        message = told(lambda: RunFolder(filled.path).__enter__())
    assert message == (
        f"another fit is writing checkpoints into {filled.path}. Wait for it, or give this one a "
        "folder of its own."
    )
    with RunFolder(filled.path):
        pass


def test_a_file_in_its_place_is_told_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    for place in (tmp_path / "run", tmp_path / "run" / "below"):
        assert told(lambda place=place: RunFolder(place).__enter__()) == (
            f"fit(checkpoint=...) cannot write {place}: {tmp_path / 'run'} is a file, not a "
            "folder. Give a folder that you may write to."
        )


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o500)
    assert told(lambda: RunFolder(tmp_path / "run").__enter__()) == (
        f"fit(checkpoint=...) cannot write {tmp_path / 'run'}: Permission denied. Give a folder "
        "that you may write to."
    )


def test_a_checkpoint_that_cannot_be_written_leaves_the_others(
    filled: RunFolder, make_snapshot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    names = filled.names()
    monkeypatch.setattr(os, "fsync", full)
    assert told(lambda: filled.write("step-00000012", make_snapshot("train", 12))) == (
        f"cannot write {filled.path / 'step-00000012'}: No space left on device. Give a folder "
        "that you may write to."
    )
    assert filled.names() == names
