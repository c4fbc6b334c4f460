import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learnkit.data import caches
from learnkit.data.cache import ImageCache, NoCache, RamCache
from learnkit.data.caches import RAW_LIMIT, CacheMode, Caches
from learnkit.data.disk_cache import DiskCache, cache_files
from learnkit.data.pixels import RGB

KIB = 1 << 10


@pytest.fixture(autouse=True)
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 KiB of memory to take unasked, 3 when asked; 4 KiB of disk, and 12."""
    monkeypatch.setattr(caches, "auto_memory", lambda: 1 * KIB)
    monkeypatch.setattr(caches, "most_memory", lambda: 3 * KIB)
    monkeypatch.setattr(caches, "auto_disk", lambda free: 4 * KIB)
    monkeypatch.setattr(caches, "most_disk", lambda free: 12 * KIB)


def opened(given: Caches, **options: Any) -> ImageCache:
    common: dict[str, Any] = {"n": 4, "each": 300, "settings": "10x10 crop", "exact": True}
    common |= {"source_key": lambda: "some photos"} | options
    return given.open(**common)


def image(value: int = 0) -> RGB:
    return np.full((10, 10, 3), value, np.uint8)


def kept(cache: ImageCache, n: int = 50) -> int:
    for index in range(n):
        cache.put(index, 1, image(index))
    return sum(cache.get(index, 1) is not None for index in range(n))


def test_few_images_are_kept_in_memory_and_nothing_is_asked_of_their_names(
    own_home: Path,
) -> None:
    def unasked() -> str:
        raise AssertionError

    cache = opened(Caches("auto"), n=3, source_key=unasked)
    assert isinstance(cache, RamCache)
    assert kept(cache) == 3
    assert not own_home.exists()


def test_more_than_fit_into_memory_are_kept_on_disk() -> None:
    assert isinstance(opened(Caches("auto"), n=4), DiskCache)


def test_more_than_fit_on_the_disk_are_kept_in_memory_as_far_as_they_fit(own_home: Path) -> None:
    cache = opened(Caches("auto"), n=14)
    assert isinstance(cache, RamCache)
    assert kept(cache) == 3
    assert not own_home.exists()


def test_images_that_no_file_could_tell_from_others_stay_in_memory() -> None:
    modes: tuple[CacheMode, ...] = ("auto", "disk")
    for mode in modes:
        assert isinstance(opened(Caches(mode), source_key=lambda: ""), RamCache)


def test_what_is_asked_for_is_done() -> None:
    memory = opened(Caches("ram"), n=50)
    assert isinstance(memory, RamCache)
    assert kept(memory) == 10
    assert isinstance(opened(Caches("disk"), n=1), DiskCache)
    assert isinstance(opened(Caches(None)), NoCache)


def test_the_loaders_of_one_share_its_memory() -> None:
    both = Caches("auto")
    first, second = opened(both, n=3), opened(both, n=1)
    assert (type(first), type(second)) == (RamCache, DiskCache)
    both = Caches("ram")
    assert kept(opened(both), 4) + kept(opened(both), 50) == 10


def test_the_files_of_one_share_its_disk_and_do_not_push_each_other_out() -> None:
    """Two that fit one by one, but not together: the second stays in memory, run after run."""
    for _ in range(2):
        both = Caches("auto")
        first = opened(both, n=9, source_key=lambda: "train")
        assert isinstance(first, DiskCache)
        assert isinstance(opened(both, n=9, source_key=lambda: "valid"), RamCache)
        assert kept(first, 9) == 9


def test_a_file_of_old_images_makes_room_for_new_ones(own_home: Path) -> None:
    old = opened(Caches("auto"), n=10, source_key=lambda: "old")
    assert kept(old, 10) == 10
    assert isinstance(old, DiskCache)
    new = opened(Caches("auto"), n=10, source_key=lambda: "new")
    assert isinstance(new, DiskCache)
    assert [file.path for file in cache_files(own_home / "decoded")] == [new.path]
    assert kept(old, 10) == 10  # who has it open still reads it


def test_another_source_setting_number_or_version_is_another_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def path(**options: Any) -> str:
        cache = opened(Caches("disk"), **options)
        assert isinstance(cache, DiskCache)
        return cache.path.name

    first = path()
    assert path() == first
    found = {first, path(source_key=lambda: "others"), path(settings="11x11 crop")}
    found.add(path(exact=False, each=RAW_LIMIT))
    monkeypatch.setattr(caches, "_PREPARED", 2)
    found.add(path())
    monkeypatch.setattr(caches, "pillow", "0")
    found.add(path())
    monkeypatch.setattr("simplejpeg.__version__", "0")
    found.add(path())
    assert len(found) == 7


def test_jpeg_entries_depend_on_the_number_of_images_alone() -> None:
    """Above 8 GiB, wherever they are kept, for pixels must not depend on the machine."""
    rows, columns = np.mgrid[0:40, 0:40]
    smooth = np.dstack([rows, columns, rows + columns]).astype(np.uint8)
    most = RAW_LIMIT // 300

    def changed(mode: CacheMode, n: int, *, exact: bool) -> bool:
        cache = opened(Caches(mode), n=n, exact=exact)
        return not np.array_equal(cache.put(0, 1, smooth), smooth)

    modes: tuple[CacheMode, ...] = ("auto", "ram")
    for mode in modes:
        assert [changed(mode, n, exact=False) for n in (4, most, most + 1)] == [False, False, True]
        assert not changed(mode, most + 1, exact=True)
    assert not changed(None, most + 1, exact=False)


def unusable(home: Path) -> None:
    home.write_text("a file where the folder should be")


@pytest.mark.parametrize(
    ("mode", "instead"),
    [("auto", "are kept in memory as far as they fit"), ("disk", "are not kept")],
)
def test_a_folder_that_cannot_be_used_is_named_in_one_warning(
    mode: CacheMode, instead: str, own_home: Path
) -> None:
    unusable(own_home)
    both = Caches(mode)
    with pytest.warns(UserWarning, match="cannot be kept") as caught:
        found = [opened(both), opened(both, settings="of the other side")]
    assert [str(one.message) for one in caught] == [
        f"Decoded images cannot be kept in {own_home}/decoded: Not a directory. They {instead}. "
        "Set LEARNKIT_HOME to another folder, or pass cache=None."
    ]
    assert [kept(cache) for cache in found] == ([3, 0] if mode == "auto" else [0, 0])


def test_without_a_folder_pixels_are_those_that_it_would_have_given(own_home: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (10, 10, 3), dtype=np.uint8)
    expected = opened(Caches("disk"), exact=False, each=RAW_LIMIT).put(0, 1, noise)
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setenv("LEARNKIT_HOME", str(own_home / "file"))
        unusable(own_home / "file")
        found = opened(Caches("disk"), exact=False, each=RAW_LIMIT).put(0, 1, noise)
    assert np.array_equal(found, expected)


def test_a_user_without_a_home_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.warns(UserWarning, match="cannot be kept") as caught:
        assert isinstance(opened(Caches("auto")), RamCache)
    assert [str(one.message) for one in caught] == [
        "Decoded images cannot be kept in the user's cache folder: Could not determine home "
        "directory. They are kept in memory as far as they fit. Set LEARNKIT_HOME to another "
        "folder, or pass cache=None."
    ]


def test_a_system_without_shared_files_keeps_images_in_memory(
    monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    monkeypatch.delattr("os.pwrite")
    with pytest.warns(UserWarning, match="cannot be kept") as caught:
        assert isinstance(opened(Caches("auto")), RamCache)
    assert [str(one.message) for one in caught] == [
        f"Decoded images cannot be kept in {own_home}/decoded: this system cannot share a file in "
        "the way it needs. They are kept in memory as far as they fit. Set LEARNKIT_HOME to "
        "another folder, or pass cache=None."
    ]
