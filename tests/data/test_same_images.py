"""same_files: the same bytes on both sides, however many files share a size."""

import hashlib
from pathlib import Path

import pytest

from learnkit.data import same_images
from learnkit.data.same_images import SameFile, same_files


def write(folder: Path, **files: bytes) -> list[str]:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [str(folder / name) for name in files]


def test_files_with_the_same_bytes_are_paired_whatever_their_names(tmp_path: Path) -> None:
    valid = write(tmp_path / "valid", a=b"one", b=b"two", c=b"three", d=b"two")
    train = write(tmp_path / "train", x=b"six", y=b"two", z=b"two")
    assert same_files(valid, train) == [SameFile(valid[1], train[1]), SameFile(valid[3], train[1])]


def test_files_of_one_size_that_differ_are_not_paired(tmp_path: Path) -> None:
    """At the end, in the middle or at the beginning."""
    long = bytes(20_000)
    for place in (0, 10_000, 19_999):
        other = bytearray(long)
        other[place] = 1
        valid, train = write(tmp_path / "v", a=long), write(tmp_path / "t", a=bytes(other))
        assert same_files(valid, train) == []
    assert same_files(valid, valid) == [SameFile(valid[0], valid[0])]


def test_empty_and_missing_files_have_no_twin(tmp_path: Path) -> None:
    valid = [*write(tmp_path / "v", a=b""), str(tmp_path / "gone"), "image 7", str(tmp_path), "\0"]
    train = [*write(tmp_path / "t", a=b""), str(tmp_path / "gone"), "image 7", str(tmp_path), "\0"]
    assert same_files(valid, train) == []


def test_links_are_followed(tmp_path: Path) -> None:
    train = write(tmp_path / "t", a=b"bytes")
    link = tmp_path / "link"
    link.symlink_to(train[0])
    assert same_files([str(link)], train) == [SameFile(str(link), train[0])]


def test_only_files_that_may_be_the_same_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def counted(path: str) -> object:
        read.append(Path(path).name)
        return open_it(path, "rb", buffering=0)

    open_it = open
    monkeypatch.setattr(
        same_images, "open", lambda path, *args, **kwargs: counted(path), raising=False
    )
    tail = bytes(4096)
    valid = write(tmp_path / "v", alone=b"12", size=b"1234" + b"v" * 4096, tail=b"vvvvv" + tail)
    train = write(tmp_path / "t", size_=b"1234" + b"t" * 4096, tail_=b"ttttt" + tail)
    assert same_files(valid, train) == []
    # their ends once, and the whole of those whose ends are the same
    assert sorted(read) == ["size", "size_", "tail", "tail", "tail_", "tail_"]


def test_reading_stops_at_a_limit_with_what_was_found(tmp_path: Path) -> None:
    valid = write(tmp_path / "v", a=b"a" * 10, b=b"b" * 1000)
    train = write(tmp_path / "t", a=b"a" * 10, b=b"b" * 1000)
    both = [SameFile(valid[0], train[0]), SameFile(valid[1], train[1])]
    assert same_files(valid, train) == both
    assert same_files(valid, train, max_bytes=10_000) == both
    assert same_files(valid, train, max_bytes=500) == both[:1]
    assert same_files(valid, train, max_bytes=0) == []


def test_it_agrees_with_comparing_all_bytes(tmp_path: Path) -> None:
    kinds = [i if i % 4 == 0 else i % 10 + 100 for i in range(60)]
    contents = [hashlib.sha256(bytes([kind])).digest() * (1 + kind % 3) for kind in kinds]
    files = write(tmp_path / "all", **{f"n{i}": content for i, content in enumerate(contents)})
    valid, train = files[:20], files[20:]
    expected = {p for p, c in zip(files, contents, strict=True) if c in contents[20:]} & {*valid}
    found = same_files(valid, train)
    assert {path for path, _ in found} == expected
    assert all(Path(path).read_bytes() == Path(twin).read_bytes() for path, twin in found)
    assert len(found) == 15
