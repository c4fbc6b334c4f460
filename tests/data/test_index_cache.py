import hashlib
import os
import pickle
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from learnkit.data import index_cache, items
from learnkit.data.cache_folder import index_folder
from learnkit.data.index_cache import Seen, is_unchanged, read_index, write_index
from learnkit.data.items import list_images

LONG_AGO = 10**18  # nanoseconds after 1970: in 2001


@pytest.fixture(autouse=True)
def even_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three images are many here, and an hour goes by before a folder is read."""
    monkeypatch.setattr(index_cache, "MIN_IMAGES", 3)
    monkeypatch.setattr(index_cache, "_now", lambda: time.time_ns() + 3600 * 10**9)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four images in folders that last changed long ago."""
    root = tmp_path / "photos"
    for name in ("train/a/1.jpg", "train/a/2.jpg", "train/b/1.jpg", "3.jpg", "notes.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    age(root)
    return root


def age(root: Path) -> None:
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
        os.utime(folder, ns=(LONG_AGO, LONG_AGO))


def read_folders(monkeypatch: pytest.MonkeyPatch, root: Path) -> tuple[list[str], Sequence[str]]:
    """Return the folders that list_images reads, and its answer."""
    opened: list[str] = []
    scandir = os.scandir
    with monkeypatch.context() as patch:
        patch.setattr(
            items.os, "scandir", lambda path: opened.append(os.fspath(path)) or scandir(path)
        )
        names = list_images(root)
    return opened, names


def kept() -> list[Path]:
    return sorted(index_folder().glob("*")) if index_folder().exists() else []


def test_a_list_is_read_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ["3.jpg", "train/a/1.jpg", "train/a/2.jpg", "train/b/1.jpg"]
    opened, names = read_folders(monkeypatch, root)
    assert names == expected
    assert len(opened) == 4
    assert len(kept()) == 1
    assert read_folders(monkeypatch, root) == ([], expected)
    assert read_folders(monkeypatch, Path(os.path.relpath(root))) == ([], expected)


def test_names_that_are_no_text_are_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = os.fsencode(root) + b"/train/\xff \n\xc3\xa9"
    os.mkdir(odd)  # noqa: PTH102 - a Path takes no bytes
    with open(odd + b"/\xfe.jpg", "wb"):  # noqa: PTH123
        pass
    first = read_folders(monkeypatch, root)[1]
    assert read_folders(monkeypatch, root) == ([], first)
    assert os.fsencode(first[-1]) == b"train/\xff \n\xc3\xa9/\xfe.jpg"


CHANGES: dict[str, Callable[[Path], object]] = {
    "added": lambda root: (root / "train/a/3.jpg").touch(),
    "added at the top": lambda root: (root / "0.jpg").touch(),
    "removed": lambda root: (root / "train/b/1.jpg").unlink(),
    "renamed": lambda root: (root / "train/a/1.jpg").rename(root / "train/a/9.jpg"),
    "moved": lambda root: (root / "train/a/1.jpg").rename(root / "train/b/9.jpg"),
    "hidden": lambda root: (root / "train/a/1.jpg").rename(root / "train/a/.1.jpg"),
    "no image any more": lambda root: (root / "3.jpg").rename(root / "3.txt"),
    "folder renamed": lambda root: (root / "train/a").rename(root / "train/c"),
    "folder moved out": lambda root: (root / "train/a").rename(root.parent / "elsewhere"),
    "replaced by a folder": lambda root: [(root / "3.jpg").unlink(), (root / "3.jpg").mkdir()],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen(
    root: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]
) -> None:
    before = list_images(root)
    change(root)
    opened, after = read_folders(monkeypatch, root)
    found = (p.relative_to(root).as_posix() for p in root.rglob("[!.]*.jpg") if p.is_file())
    assert after == sorted(found)
    assert after != before
    assert opened != []
    again = read_folders(monkeypatch, root)
    assert again[1] == after
    assert again[0] == ([] if len(after) >= 3 else opened)


def test_a_new_folder_with_images_is_seen(root: Path) -> None:
    list_images(root)
    (root / "train/c/d").mkdir(parents=True)
    (root / "train/c/d/1.jpg").touch()
    assert "train/c/d/1.jpg" in list_images(root)


def test_an_image_added_with_the_folders_time_set_back_is_seen(root: Path) -> None:
    list_images(root)
    (root / "train/a/3.jpg").touch()
    age(root)  # as unpacking an archive over it does
    assert "train/a/3.jpg" in list_images(root)


def test_another_folder_in_the_same_place_is_read(root: Path) -> None:
    list_images(root)
    root.rename(root.parent / "before")
    for name in ("train/a", "train/b"):
        (root / name).mkdir(parents=True)
    age(root)
    assert list_images(root) == []


def test_an_image_with_other_content_changes_no_list(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = list_images(root)
    (root / "3.jpg").write_bytes(b"other")
    assert read_folders(monkeypatch, root) == ([], names)


def test_what_a_linked_folder_holds_is_looked_at(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = tmp_path / "far"
    (far / "deep").mkdir(parents=True)
    (root / "train/c").symlink_to(far)
    (root / "train/up").symlink_to(root)
    age(far)
    age(root)
    names = list_images(root)
    assert read_folders(monkeypatch, root) == ([], names)
    (far / "deep/1.jpg").touch()
    assert list_images(root) == [*names, "train/c/deep/1.jpg"]


def test_what_a_linked_file_leads_to_is_looked_at(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = tmp_path / "far.bin"
    far.touch()
    (root / "4.jpg").symlink_to(far)
    names = list_images(root)
    assert names[1] == "4.jpg"
    assert read_folders(monkeypatch, root) == ([], names)
    far.unlink()
    assert list_images(root) == names  # who reads it will be told that it leads nowhere
    assert read_folders(monkeypatch, root) == ([], names)
    far.mkdir()
    assert list_images(root) == [name for name in names if name != "4.jpg"]
    (far / "5.jpg").touch()
    assert "4.jpg/5.jpg" in list_images(root)


def test_a_folder_that_just_changed_is_read_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_cache, "_now", lambda: (root / "train/b").stat().st_ctime_ns + 10**9)
    list_images(root)
    assert kept() == []


def test_a_folder_without_times_is_read_again(root: Path) -> None:
    os.utime(root / "train", ns=(0, 0))
    list_images(root)
    assert kept() == []


def test_a_mounted_bucket_is_read_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = root.stat().st_dev
    numbers = f"{os.major(device)}:{os.minor(device)}"
    mounts = tmp_path / "mountinfo"
    monkeypatch.setattr(index_cache, "_MOUNTS", mounts)
    for kind, expected in (("fuse.s3fs", 0), ("fuse", 0), ("fuseblk", 1)):
        mounts.write_text(f"36 35 {numbers} / /data rw shared:1 - {kind} /dev/x rw\n")
        list_images(root)
        assert len(kept()) == expected, kind


def test_a_short_list_is_not_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_cache, "MIN_IMAGES", 5)
    list_images(root)
    assert kept() == []


def check_it_is_made_again(root: Path, file: Path, whole: bytes) -> None:
    assert len(list_images(root)) == 4
    assert file.read_bytes() == whole


def test_a_file_that_was_cut_off_is_made_again(root: Path) -> None:
    list_images(root)
    (file,) = kept()
    whole = file.read_bytes()
    for length in (0, 5, 17, 40, 49, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        check_it_is_made_again(root, file, whole)
    file.write_bytes(whole + b"\0")
    check_it_is_made_again(root, file, whole)


def test_a_file_in_which_any_byte_is_wrong_is_made_again(root: Path) -> None:
    list_images(root)
    (file,) = kept()
    whole = file.read_bytes()
    for place in {*range(0, len(whole), 97), *range(60), len(whole) - 1}:
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        check_it_is_made_again(root, file, whole)


def test_the_file_of_another_folder_is_not_believed(root: Path, tmp_path: Path) -> None:
    list_images(root)
    (file,) = kept()
    whole = file.read_bytes()
    twin = tmp_path / "twin"
    for name in ("train/a/1.jpg", "train/b/7.jpg", "8.jpg"):
        (twin / name).parent.mkdir(parents=True, exist_ok=True)
        (twin / name).touch()
    age(twin)
    list_images(twin)
    (other,) = {*kept()} - {file}
    file.write_bytes(other.read_bytes())
    check_it_is_made_again(root, file, whole)


def sealed(*arrays: np.ndarray) -> bytes:
    """Return a file of any arrays with the right mark and digest."""
    return bytes(index_cache._packed(arrays).getbuffer())


class Trap:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, ("sprung",)


def test_a_file_is_data_and_never_code(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    list_images(root)
    (file,) = kept()
    whole = file.read_bytes()
    head = b"learnkit index 1\n"
    body = pickle.dumps(Trap())
    array = (
        np.lib.format.magic(1, 0)
        + b"\x76\0"
        + (b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n")
    )
    for payload in (body, array + body):
        file.write_bytes(head + hashlib.sha256(payload).digest() + payload)
        check_it_is_made_again(root, file, whole)
    assert not Path("sprung").exists()


def test_a_file_of_other_arrays_is_made_again(root: Path) -> None:
    list_images(root)
    (file,) = kept()
    whole = file.read_bytes()
    arrays = index_cache._unpack(whole)
    numbers = np.arange(3)
    for wrong in (
        (),
        (numbers,),
        arrays[:5],
        arrays[:-1],
        (*arrays[:-1], arrays[-1][:1]),
        (*arrays[:-1], numbers),
        (*arrays, numbers),
        (*arrays[:2], arrays[2] + np.uint32(9), *arrays[3:]),
    ):
        file.write_bytes(sealed(*wrong))
        check_it_is_made_again(root, file, whole)


def test_a_place_that_cannot_be_written_is_no_error(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LEARNKIT_HOME", str(tmp_path / "file" / "home"))
    assert len(list_images(root)) == len(list_images(root)) == 4


def test_a_disk_that_is_full_leaves_nothing_behind(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert len(list_images(root)) == 4
    assert kept() == []


def test_a_user_without_a_home_has_no_index(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("LEARNKIT_HOME")
    names = list_images(root)
    monkeypatch.setattr(index_cache, "index_folder", lambda: homeless(Path("~")))
    assert list_images(root) == names


def test_the_oldest_lists_are_removed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_cache, "MAX_FILES", 2)
    index_folder().mkdir(parents=True)
    (index_folder() / "notes.txt").touch()
    old = [index_folder() / f"{digit * 64}.{end}" for digit, end in ("0i", "1t", "2i")]
    for age_of, file in enumerate(old):
        file.touch()
        os.utime(file, ns=(LONG_AGO, LONG_AGO + age_of * 10**9))
    list_images(root)
    assert len(kept()) == 3
    assert [file.name for file in old if file.exists()] == [old[2].name]
    assert (index_folder() / "notes.txt").exists()


def test_another_rule_has_another_list(root: Path) -> None:
    names, seen = items.FileNames.of(["a.jpg", "b.jpg", "c.jpg"]), Seen()
    seen.folder("", str(root))
    write_index(root, "jpg", names, seen)
    assert read_index(root, "jpg") == names
    assert read_index(root, "jpg png") is None


def test_a_walk_that_saw_nothing_is_no_walk(root: Path) -> None:
    with pytest.raises(ValueError) as caught:
        is_unchanged(root, Seen().to_arrays())
    assert str(caught.value) == "these arrays are not of a walk"


def test_a_kept_list_is_for_its_user_alone(root: Path) -> None:
    list_images(root)
    assert [file.stat().st_mode & 0o077 for file in kept()] == [0]
