import os
from pathlib import Path

import pytest

from learnkit.data.source import FileSource
from learnkit.errors import DataError

NAMES = ["train/red/red_0.jpg", "valid/blue/blue_1.jpg"]


def test_files_are_named_and_decoded_by_index(photo_folder: Path) -> None:
    source = FileSource(photo_folder, NAMES)
    assert len(source) == 2
    assert source.describe(1) == str(photo_folder / "valid/blue/blue_1.jpg")
    assert source.load(0, 32).shape == (32, 32, 3)


def test_a_stamp_stays_while_the_file_does(photo_folder: Path) -> None:
    source = FileSource(photo_folder, NAMES)
    first = source.stamp(0)
    source.load(0, 32)
    assert first == source.stamp(0) == FileSource(str(photo_folder), NAMES).stamp(0)
    assert 0 < first < 1 << 64
    assert source.stamp(1) != first


def test_a_stamp_changes_with_the_files_size_and_time(photo_folder: Path) -> None:
    source, path = FileSource(photo_folder, NAMES), photo_folder / NAMES[0]
    found = {source.stamp(0)}
    stat = path.stat()
    with path.open("ab") as file:
        file.write(b"more")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    found.add(source.stamp(0))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1000))
    found.add(source.stamp(0))
    assert len(found) == 3


def test_another_photo_of_the_same_size_and_time_has_another_stamp(photo_folder: Path) -> None:
    """The time at which the entry itself changed cannot be set."""
    source, path = FileSource(photo_folder, NAMES), photo_folder / NAMES[0]
    stat, before = path.stat(), source.stamp(0)
    other = path.with_name("other")
    other.write_bytes(bytes(stat.st_size))
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)
    assert path.stat().st_mtime_ns == stat.st_mtime_ns
    assert source.stamp(0) != before


def test_the_stamp_of_a_file_that_is_gone_says_so(photo_folder: Path) -> None:
    source, path = FileSource(photo_folder, NAMES), photo_folder / NAMES[0]
    path.unlink()
    with pytest.raises(DataError) as caught:
        source.stamp(0)
    assert str(caught.value) == f"{path} cannot be read as an image: the file does not exist."


def test_a_file_that_is_back_when_it_is_looked_at_again_is_left_out_all_the_same(
    photo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanished(path: str) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    source = FileSource(photo_folder, NAMES)
    with monkeypatch.context() as patch:
        patch.setattr("learnkit.data.source.os.stat", vanished)
        patch.setattr("learnkit.data.source.decode", lambda name: None)
        with pytest.raises(DataError) as caught:
            source.stamp(0)
    assert str(caught.value) == (
        f"{photo_folder / NAMES[0]} cannot be read as an image: No such file or directory."
    )


def test_the_key_names_the_folder_and_the_list(
    photo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = FileSource(photo_folder, NAMES).key
    assert FileSource(str(photo_folder), tuple(NAMES)).key == key
    monkeypatch.chdir(photo_folder.parent)
    assert FileSource(photo_folder.name, NAMES).key == key
    others = [
        FileSource(photo_folder, NAMES[::-1]).key,
        FileSource(photo_folder, NAMES[:1]).key,
        FileSource(photo_folder, ["".join(NAMES)]).key,
        FileSource(photo_folder / "train", NAMES).key,
        FileSource(photo_folder, []).key,
    ]
    assert len({key, *others}) == 6


def test_names_that_are_no_utf_8_have_a_key_too(photo_folder: Path) -> None:
    assert FileSource(photo_folder, ["\udcff.jpg"]).key != FileSource(photo_folder, ["x.jpg"]).key
