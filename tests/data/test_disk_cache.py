import errno
import gc
import os
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data import disk_cache
from learnkit.data.cache import packed, unpacked
from learnkit.data.disk_cache import DiskCache, cache_files, make_room, path_of
from learnkit.data.pixels import RGB
from tests.in_time import SECONDS

N = 6
HEADER, TABLE = 512, 32 * N
DATA = HEADER + TABLE
LIMIT = 1 << 20

# What another process runs: the same images, in an order of its own.
OTHER = """
import sys, time
from pathlib import Path
import numpy as np
from learnkit.data.disk_cache import DiskCache

def image(index):
    return np.random.default_rng(index).integers(0, 256, (5 + index % 3, 7, 3), dtype=np.uint8)

cache = DiskCache(Path(sys.argv[1]), "key", int(sys.argv[2]), limit=1 << 20)
print("ready", flush=True)
sys.stdin.readline()
"""
FILL = """
order = np.random.default_rng(int(sys.argv[3])).permutation(int(sys.argv[2]))
for index in order.tolist():
    if cache.get(index, 1) is None:
        time.sleep(0.0003)
        assert np.array_equal(cache.put(index, 1, image(index)), image(index))
assert all(np.array_equal(cache.get(index, 1), image(index)) for index in order.tolist())
print("done", flush=True)
"""
ENDLESS = """
for again in range(10**9):
    cache.put(again % int(sys.argv[2]), 2 + again, image(again % int(sys.argv[2])))
    if again == 20:
        print("filling", flush=True)
"""


def image(index: int) -> RGB:
    return np.random.default_rng(index).integers(0, 256, (5 + index % 3, 7, 3), dtype=np.uint8)


def make(folder: Path, **options: Any) -> DiskCache:
    return DiskCache(folder, "key", options.pop("n", N), **{"limit": LIMIT, **options})


def fill(cache: DiskCache, n: int = N, stamp: int = 1) -> DiskCache:
    for index in range(n):
        cache.put(index, stamp, image(index))
    return cache


def right(cache: DiskCache, n: int = N, stamp: int = 1) -> int:
    """How many images are there; each of them must be the right one."""
    found = [cache.get(index, stamp) for index in range(n)]
    assert all(one is None or np.array_equal(one, image(i)) for i, one in enumerate(found))
    return sum(one is not None for one in found)


def other(folder: Path, body: str, *words: object) -> "subprocess.Popen[str]":
    """Start another process, which opens the cache."""
    command = [sys.executable, "-c", OTHER + body, str(folder), *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def open_files() -> int:
    """How many this process has; 0 where nobody can tell."""
    gc.collect()
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_what_is_put_is_there_in_this_object_and_in_the_next(tmp_path: Path) -> None:
    cache = make(tmp_path)
    assert (right(cache), len(cache)) == (0, 0)
    for index in range(N):
        given_back = cache.put(index, 1, image(index))
        assert np.array_equal(given_back, image(index))
    assert (right(cache), len(cache)) == (N, N)
    again = make(tmp_path)
    assert (right(again), len(again)) == (N, N)
    assert again.path.stat().st_size == DATA + sum(image(i).nbytes for i in range(N))


def test_images_cannot_be_written_to(tmp_path: Path) -> None:
    found = fill(make(tmp_path)).get(0, 1)
    assert found is not None
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0, 0] = 1


def test_an_image_that_is_no_contiguous_array_is_kept_too(tmp_path: Path) -> None:
    cache = make(tmp_path)
    turned = image(1)[::-1].transpose(1, 0, 2)
    cache.put(0, 1, turned)
    found = cache.get(0, 1)
    assert found is not None
    assert np.array_equal(found, turned)


def test_jpeg_entries_come_back_as_they_were_given_on_putting(tmp_path: Path) -> None:
    cache = make(tmp_path, jpeg=True)
    first = cache.put(0, 1, image(0))
    assert np.array_equal(first, unpacked(packed(image(0))))
    for reader in (cache, make(tmp_path, jpeg=True)):
        found = reader.get(0, 1)
        assert found is not None
        assert np.array_equal(found, first)


def test_an_image_of_another_stamp_is_none_and_is_replaced(tmp_path: Path) -> None:
    cache = fill(make(tmp_path))
    assert right(cache, stamp=2) == 0
    fill(cache, n=3, stamp=2)
    assert [cache.get(index, 1) is None for index in range(N)] == [True] * 3 + [False] * 3
    assert right(make(tmp_path), stamp=2) == 3
    assert len(cache) == N


@pytest.mark.parametrize("stamp", [1, (1 << 64) - 1])
def test_any_stamp_of_64_bits_will_do(tmp_path: Path, stamp: int) -> None:
    assert right(fill(make(tmp_path), stamp=stamp), stamp=stamp) == N


def test_adding_twice_writes_once(tmp_path: Path) -> None:
    cache = fill(make(tmp_path))
    size = cache.path.stat().st_size
    fill(cache)
    fill(make(tmp_path))  # has looked at none of them
    assert cache.path.stat().st_size == size


def test_one_that_is_full_adds_nothing_and_says_nothing(tmp_path: Path) -> None:
    cache = fill(make(tmp_path, limit=DATA + image(0).nbytes + image(1).nbytes))
    assert (right(cache), len(cache)) == (2, 2)
    assert cache.path.stat().st_size == DATA + image(0).nbytes + image(1).nbytes
    assert right(fill(make(tmp_path, limit=0))) == 2


def test_another_key_is_another_file_and_another_number_makes_it_anew(tmp_path: Path) -> None:
    assert path_of(tmp_path, "a") != path_of(tmp_path, "b")
    assert right(DiskCache(tmp_path, "other", N, limit=LIMIT)) == 0
    fill(make(tmp_path))
    assert right(make(tmp_path, n=N + 1), N + 1) == 0


def test_a_key_may_hold_names_that_are_no_utf_8(tmp_path: Path) -> None:
    assert right(fill(DiskCache(tmp_path, "\udcff.jpg", N, limit=LIMIT, words="é" * 400))) == N


def test_words_and_counts_are_told_of_each_file_the_oldest_first(tmp_path: Path) -> None:
    assert cache_files(tmp_path / "none") == []
    first = DiskCache(tmp_path, "a", 3, limit=LIMIT, words="224x224 crop")
    second = fill(DiskCache(tmp_path, "b", N, limit=LIMIT, words="128x128 crop"))
    (tmp_path / "c.images").write_bytes(b"")
    for age, path in enumerate((second.path, first.path, tmp_path / "c.images")):
        os.utime(path, (age + 1, age + 1))
    found = [(one.path, one.kept, one.n, one.words, one.used) for one in cache_files(tmp_path)]
    assert found == [
        (second.path, N, N, "128x128 crop", 1.0),
        (first.path, 0, 3, "224x224 crop", 2.0),
        (tmp_path / "c.images", 0, 0, "damaged", 3.0),
    ]
    DiskCache(tmp_path, "b", N, limit=LIMIT, words="128x128 crop")
    assert cache_files(tmp_path)[-1].path == second.path  # opened last


# other processes and threads


def test_what_another_adds_is_seen(tmp_path: Path) -> None:
    reader, writer = make(tmp_path), make(tmp_path)
    for index in range(N):
        assert reader.get(index, 1) is None
        writer.put(index, 1, image(index))
        assert right(reader) == index + 1


def test_images_given_out_stay_whole_while_the_file_grows_or_goes(tmp_path: Path) -> None:
    cache = make(tmp_path)
    held = []
    for index in range(N):
        cache.put(index, 1, image(index))
        held.append(cache.get(index, 1))
    cache.path.unlink()
    del cache
    gc.collect()
    for index, one in enumerate(held):
        assert one is not None
        assert np.array_equal(one, image(index))


def test_two_processes_fill_it_at_once_and_nothing_is_written_twice(tmp_path: Path) -> None:
    n = 60
    both = [other(tmp_path, FILL, n, seed) for seed in (0, 1)]
    assert [said(process) for process in both] == ["ready\n"] * 2
    assert len(list(tmp_path.iterdir())) == 1  # and one that another was first with is gone
    for process in both:
        go(process)
    for process in both:
        out, _ = process.communicate(timeout=SECONDS)
        assert (process.returncode, out) == (0, "done\n")
    cache = make(tmp_path, n=n)
    assert right(cache, n) == n
    expected = HEADER + 32 * n + sum(image(index).nbytes for index in range(n))
    assert cache.path.stat().st_size == expected


def test_one_that_another_process_makes_at_the_same_time_is_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def slower(made: str, path: Path) -> None:
        monkeypatch.undo()
        fill(make(tmp_path))
        link(made, path)

    monkeypatch.setattr(os, "link", slower)
    assert right(make(tmp_path)) == N
    assert len(list(tmp_path.iterdir())) == 1


def test_a_process_that_is_killed_leaves_right_images_or_none(tmp_path: Path) -> None:
    process = other(tmp_path, ENDLESS, N)
    go(process)
    assert [said(process), said(process)] == ["ready\n", "filling\n"]
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=SECONDS)
    assert right(fill(make(tmp_path))) == N  # the lock died with its owner
    assert right(make(tmp_path)) == N


def test_many_threads_fill_and_read_one(tmp_path: Path) -> None:
    n, failures = 40, []
    cache = make(tmp_path, n=n)

    def work(seed: int) -> None:
        try:
            for index in np.random.default_rng(seed).permutation(n).tolist():
                cache.put(index, 1, image(index))
                right(cache, n)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert right(make(tmp_path, n=n), n) == n


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_reads_and_adds_nothing(tmp_path: Path) -> None:
    """The lock is its parent's too, so the two would write to the same place."""
    cache = fill(make(tmp_path), n=3)
    size = cache.path.stat().st_size
    child = os.fork()
    if not child:
        code = 1
        try:
            code = 0 if right(fill(cache)) == 3 else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert cache.path.stat().st_size == size


def test_no_file_stays_open(tmp_path: Path) -> None:
    before = open_files()
    for _ in range(5):
        cache = fill(make(tmp_path))
        assert right(cache) == right(make(tmp_path)) == N
        for index in range(N):
            cache.put(index, 2 + index, image(index))
            assert cache.get(index, 2 + index) is not None
        del cache
        path_of(tmp_path, "key").write_bytes(b"damaged")
    assert open_files() == before


# damage


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a file that holds every image."""
    return fill(make(tmp_path_factory.mktemp("whole"))).path.read_bytes()


def reopened(folder: Path, data: bytes) -> DiskCache:
    path = path_of(folder, "key")
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    cache_files(folder)  # neither may telling what is there fail
    make_room(folder, 0, LIMIT, keep=())
    return make(folder)


def test_one_that_was_cut_off_is_noticed_and_filled_again(tmp_path: Path, whole: bytes) -> None:
    for length in (0, 1, 511, 512, 513, DATA - 1, DATA, DATA + 1, *range(DATA, len(whole), 37)):
        cache = reopened(tmp_path, whole[:length])
        found = right(cache)
        assert found < N
        assert right(fill(cache)) == right(make(tmp_path)) == N


def test_a_flipped_byte_never_gives_a_wrong_image(tmp_path: Path, whole: bytes) -> None:
    """In header, table and images, at every place of the first two."""
    for place in (*range(DATA), *range(DATA, len(whole), 11)):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        cache = reopened(tmp_path, bytes(data))
        assert right(cache) == (0 if place < HEADER else N - 1), place
        if place % 16 == 0:
            assert right(fill(cache)) == right(make(tmp_path)) == N


@given(data=st.data())
def test_no_damage_gives_a_wrong_image_or_an_error(
    data: st.DataObject, whole: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, DATA + 60))
        junk = data.draw(st.binary(min_size=1, max_size=40))
        changed[place : place + len(junk)] = junk
    changed = changed[: data.draw(st.integers(0, len(changed)))]
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    cache = reopened(folder, bytes(changed))
    right(cache)
    assert right(fill(cache)) == N


def test_rows_that_were_exchanged_are_noticed(tmp_path: Path, whole: bytes) -> None:
    rows = [whole[HEADER + 32 * i : HEADER + 32 * i + 32] for i in range(N)]
    rows[0], rows[3] = rows[3], rows[0]  # images of the same shape
    cache = reopened(tmp_path, whole[:HEADER] + b"".join(rows) + whole[DATA:])
    assert [cache.get(index, 1) is None for index in range(N)] == [True, False, False] * 2
    assert right(fill(cache)) == N


def test_a_header_that_declares_a_giant_is_called_by_what_is_there(tmp_path: Path) -> None:
    cache = fill(make(tmp_path, words="small"))
    data = bytearray(cache.path.read_bytes())
    data[16:24] = b"\xff" * 8
    cache.path.write_bytes(data)
    (found,) = cache_files(tmp_path)
    assert (found.n, found.words, found.nbytes) == ((1 << 64) - 1, "small", len(data))
    assert right(fill(make(tmp_path))) == N


# trouble with the disk


@pytest.mark.parametrize("bytes_left", [0, 100, 400])
def test_a_full_disk_is_told_once_and_images_come_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_left: int
) -> None:
    cache = make(tmp_path)
    left, pwrite = bytes_left, os.pwrite

    def small_disk(fd: int, data: memoryview, offset: int) -> int:
        nonlocal left
        if not left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = min(left, len(data), 64)  # and it takes pieces only
        left -= taken
        return pwrite(fd, data[:taken], offset)

    monkeypatch.setattr(os, "pwrite", small_disk)
    with pytest.warns(UserWarning, match="no longer") as caught:
        given_back = [cache.put(index, 1, image(index)) for index in range(N)]
    assert all(np.array_equal(one, image(index)) for index, one in enumerate(given_back))
    assert [str(one.message) for one in caught] == [
        f"Decoded images can no longer be kept in {tmp_path}: No space left on device. Those that "
        "are not there are decoded in each epoch. Make room, set LEARNKIT_HOME to another folder, "
        "or pass cache=None."
    ]
    monkeypatch.undo()
    assert right(cache) == (0 if bytes_left < 200 else 2)
    assert right(fill(make(tmp_path))) == N


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        make(tmp_path / "file" / "decoded")


def test_a_folder_in_the_place_of_the_file_is_an_os_error(tmp_path: Path) -> None:
    path_of(tmp_path, "key").mkdir()
    with pytest.raises(IsADirectoryError):
        make(tmp_path)


@pytest.mark.parametrize("call", ["flock", "pread"])
def test_a_disk_that_cannot_lock_or_read_is_an_os_error_and_leaks_nothing(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object) -> None:
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(f"fcntl.{call}" if call == "flock" else f"os.{call}", fails)
    before = open_files()
    with pytest.raises(OSError, match="no"):
        make(tmp_path)
    assert open_files() == before


def test_a_file_system_without_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*args: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    assert right(fill(make(tmp_path))) == N
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_is_always_taken_away_is_an_os_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DiskCache, "_make", lambda self: None)
    with pytest.raises(OSError, match="cannot be opened") as caught:
        make(tmp_path)
    assert str(caught.value) == f"{path_of(tmp_path, 'key')} cannot be opened"


# making room


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Files of 1000 bytes, opened one after the other."""
    paths = [tmp_path / f"{name}{disk_cache.SUFFIX}" for name in "abc"]
    for age, path in enumerate(paths):
        path.write_bytes(bytes(1000))
        os.utime(path, (age + 1, age + 1))
    return paths


@pytest.mark.parametrize(
    ("nbytes", "limit", "kept", "expected"),
    [
        (0, 3000, "", "abc"),
        (1, 3000, "", "bc"),
        (2000, 3000, "", "c"),
        (5000, 3000, "", ""),
        (5000, 3000, "b", "b"),
        (1000, 3000, "a", "abc"),  # `a` is among the 1000 bytes
        (1001, 3000, "a", "ac"),
        (9000, 3000, "ac", "ac"),
    ],
)
def test_the_oldest_go_first_and_those_to_keep_never(
    three: list[Path], nbytes: int, limit: int, kept: str, expected: str
) -> None:
    keep = [path for path in three if path.stem in kept]
    make_room(three[0].parent, nbytes, limit, keep=keep)
    assert "".join(path.stem for path in three if path.exists()) == expected


def test_a_file_that_cannot_be_deleted_is_left_and_not_counted(
    three: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink

    def stubborn(path: Path) -> None:
        if path.stem == "a":
            raise PermissionError
        unlink(path)

    monkeypatch.setattr(Path, "unlink", stubborn)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_room(three[0].parent, 0, 2000, keep=())
    assert [path.exists() for path in three] == [True, False, True]
