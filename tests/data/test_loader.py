import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from learnkit.data.caches import CacheMode, Caches
from learnkit.data.cores import default_workers
from learnkit.data.geometry import RandomResizedCrop, fit_image, shrink
from learnkit.data.loader import ImageLoader
from learnkit.data.pixels import RGB
from learnkit.data.source import FileSource
from learnkit.errors import DataError


class Drawn:
    """Images drawn from their index; some of them cannot be read."""

    def __init__(self, n: int, *, bad: set[int] | None = None, delay: float = 0.0) -> None:
        self.n, self.bad, self.delay = n, bad or set(), delay
        self.loads: list[int] = []

    def __len__(self) -> int:
        return self.n

    key = "drawn"

    def describe(self, index: int) -> str:
        return f"image {index}"

    def stamp(self, index: int) -> int:
        return 1

    def load(self, index: int, min_short: int) -> RGB:
        self.loads.append(index)
        time.sleep(self.delay * (index % 3))
        if index in self.bad:
            raise DataError(f"image {index} is broken.")
        rng = np.random.default_rng(index)
        return rng.integers(0, 256, (20 + index % 7, 24 + index % 5, 3), dtype=np.uint8)


def make(source: Any, **options: Any) -> ImageLoader:
    given: dict[str, Any] = {"batch_size": 4, "size": (8, 8), "num_workers": 2, "shuffle": True}
    given |= options
    if given["shuffle"]:
        given.setdefault("crop", RandomResizedCrop())
    return ImageLoader(source, np.arange(len(source)) % 3, **given)


def facts(batches: Iterator[Any]) -> list[tuple[list[int], list[int], bytes]]:
    return [
        (one.indices.tolist(), one.batch.y.tolist(), one.batch.x.contiguous().numpy().tobytes())
        for one in batches
    ]


def facts_or_error(batches: Iterator[Any]) -> list[tuple[list[int], list[int], bytes]] | str:
    """What the batches hold, or why there is none: too few images may be left for one."""
    try:
        return facts(batches)
    except DataError as error:
        return str(error)


def caches_of(mode: str | None) -> Caches:
    """The caches of a mode; a "little" one has room for two images or three."""
    if mode != "little":
        return Caches(cast("CacheMode", mode))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("learnkit.data.caches.most_memory", lambda: 3000)
        return Caches("ram")


def running_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("learnkit-decode")]


def test_a_batch_is_uint8_channels_last_with_labels_and_indices() -> None:
    loaded = next(make(Drawn(10)).batches(0))
    x, y = loaded.batch
    assert (x.shape, x.dtype) == ((4, 3, 8, 8), torch.uint8)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert (y.dtype, y.tolist()) == (torch.int64, (loaded.indices % 3).tolist())


def test_the_right_image_comes_with_each_index() -> None:
    source = Drawn(10)
    for loaded in make(source, shuffle=False).batches(0):
        for x, index in zip(loaded.batch.x, loaded.indices.tolist(), strict=True):
            expected = fit_image(shrink(source.load(index, 0), 10), (8, 8), "crop")
            assert np.array_equal(x.permute(1, 2, 0).numpy(), expected)


@settings(max_examples=25, deadline=None)
@example(
    n=2, bad={0}, batch_size=2, workers=2, prefetch=1, cache=None, start=0, epoch=0, shuffle=True
)
@given(
    n=st.integers(1, 25),
    bad=st.sets(st.integers(0, 24), max_size=12),
    batch_size=st.integers(1, 7),
    workers=st.integers(0, 4),
    prefetch=st.integers(1, 4),
    cache=st.sampled_from(["auto", "little", "disk", None]),
    start=st.integers(0, 5),
    epoch=st.integers(0, 2),
    shuffle=st.booleans(),
)
def test_nothing_but_seed_epoch_and_batch_decides_what_a_batch_holds(
    n: int,
    bad: set[int],
    batch_size: int,
    workers: int,
    prefetch: int,
    cache: str | None,
    start: int,
    epoch: int,
    shuffle: bool,
) -> None:
    """Thread count, prefetching, cache, what was read before, and starting late change nothing."""
    bad = {index for index in bad if index < n - 1}
    common: dict[str, Any] = {"batch_size": batch_size, "shuffle": shuffle, "seed": 5, "errors": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = make(Drawn(n, bad=bad), num_workers=0, cache=None, **common)
        expected = facts_or_error(plain.batches(epoch))
        other = make(
            Drawn(n, bad=bad, delay=0.0003),
            num_workers=workers,
            prefetch=prefetch,
            cache=caches_of(cache),
            **common,
        )
        if not isinstance(expected, str):
            start = min(start, len(expected))
            assert facts(other.batches(epoch, start=start)) == expected[start:]
        assert facts_or_error(other.batches(epoch)) == expected
        if not isinstance(expected, str):  # and no good image is lost
            seen = sorted(index for indices, _, _ in expected for index in indices)
            assert seen == [index for index in range(n) if index not in bad]
        assert set(plain.skipped) == set(other.skipped) == bad


def test_epochs_and_seeds_give_other_orders_and_other_crops() -> None:
    loader = make(Drawn(12))
    assert facts(loader.batches(0)) != facts(loader.batches(1))
    assert facts(loader.batches(0)) != facts(make(Drawn(12), seed=7).batches(0))
    one = make(Drawn(1))
    assert facts(one.batches(0)) != facts(one.batches(1))


def test_iterating_gives_the_batches_of_epoch_zero() -> None:
    loader = make(Drawn(9))
    for batch, loaded in zip(loader, loader.batches(0), strict=True):
        assert torch.equal(batch.x, loaded.batch.x)


def test_the_numbers_it_tells_are_those_it_gives() -> None:
    for n, options in ((9, {}), (9, {"drop_last": True}), (9, {"shuffle": False}), (2, {})):
        loader = make(Drawn(n), **options)
        sizes = [len(one.indices) for one in loader.batches(0)]
        assert (len(loader), loader.n_samples) == (len(sizes), sum(sizes))
    assert repr(make(Drawn(9))) == "ImageLoader(9 images at 8x8, 2 batches)"
    assert make(Drawn(9)).batch_size == 4
    assert make(Drawn(9)).describe(3) == "image 3"


def test_training_joins_a_last_sample_that_would_be_alone() -> None:
    assert [len(one.indices) for one in make(Drawn(9)).batches(0)] == [4, 5]
    assert [len(one.indices) for one in make(Drawn(9), shuffle=False).batches(0)] == [4, 4, 1]


def test_each_image_is_decoded_once_when_the_cache_has_room() -> None:
    for options in ({}, {"shuffle": False}):
        source = Drawn(10)
        loader = make(source, **options)
        for epoch in range(3):
            list(loader.batches(epoch))
        assert sorted(source.loads) == list(range(10))


def test_without_a_cache_each_epoch_decodes_again() -> None:
    source = Drawn(10)
    loader = make(source, cache=None)
    for epoch in range(3):
        list(loader.batches(epoch))
    assert len(source.loads) == 30


def test_float_targets_of_any_width_come_as_they_are() -> None:
    labels = np.random.default_rng(0).random((10, 2)).astype(np.float32)
    loader = ImageLoader(Drawn(10), labels, size=(8, 8), num_workers=0)
    assert torch.equal(next(loader.batches(0)).batch.y, torch.from_numpy(labels))


def test_a_bad_image_is_left_out_with_one_warning_that_names_it() -> None:
    loader = make(Drawn(10, bad={3}), shuffle=False)
    with pytest.warns(UserWarning, match="left out") as caught:
        found = [one.indices.tolist() for one in loader.batches(0)]
    assert [str(one.message) for one in caught] == ["An image is left out: image 3 is broken."]
    assert caught[0].filename == __file__
    assert found == [[0, 1, 2], [4, 5, 6, 7], [8, 9]]
    assert loader.skipped == {3: "image 3 is broken."}
    assert [one.indices.tolist() for one in loader.batches(1)] == found  # and silently


def test_labels_stay_with_their_images_when_one_is_left_out() -> None:
    loader = make(Drawn(10, bad={1}), shuffle=False)
    with pytest.warns(UserWarning, match="left out"):
        loaded = next(loader.batches(0))
    assert loaded.batch.y.tolist() == (loaded.indices % 3).tolist() == [0, 2, 0]


def test_a_batch_of_which_nothing_is_left_is_not_given() -> None:
    loader = make(Drawn(8, bad={0, 1, 2, 3}), shuffle=False, errors=0.5)
    with pytest.warns(UserWarning, match="left out"):
        assert [one.indices.tolist() for one in loader.batches(0)] == [[4, 5, 6, 7]]


@pytest.mark.filterwarnings("ignore:An image is left out")
def test_in_training_a_sample_that_is_left_alone_goes_into_the_next_batch() -> None:
    order = [index for one in make(Drawn(12)).batches(0) for index in one.indices.tolist()]
    bad = set(order[1:4])
    options: dict[str, Any] = {"errors": 0.5}
    expected = [[order[0], *order[4:8]], order[8:]]
    loader = make(Drawn(12, bad=bad), **options)
    assert [one.indices.tolist() for one in loader.batches(0)] == expected
    late = make(Drawn(12, bad=bad), **options)
    assert [one.indices.tolist() for one in late.batches(0, start=1)] == expected[1:]


@pytest.mark.filterwarnings("ignore:An image is left out")
def test_at_the_end_it_goes_into_the_batch_before() -> None:
    order = [index for one in make(Drawn(12)).batches(0) for index in one.indices.tolist()]
    bad = {*order[5:8], *order[8:12]}
    loader = make(Drawn(12, bad=bad), errors=1.0)
    assert [one.indices.tolist() for one in loader.batches(0)] == [order[:5]]
    late = make(Drawn(12, bad=bad), errors=1.0)
    assert list(late.batches(0, start=1)) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_when_no_image_can_be_read_it_says_so(workers: int) -> None:
    loader = make(Drawn(3, bad={0, 1, 2}), shuffle=False, num_workers=workers, errors=1.0)
    with pytest.warns(UserWarning, match="left out"), pytest.raises(DataError) as caught:
        list(loader.batches(0))
    assert str(caught.value) == (
        "None of the 3 images can be read, so there is no batch. The first reason: image 0 is "
        "broken."
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_when_too_few_can_be_read_to_train_on_it_says_so(workers: int) -> None:
    loader = make(Drawn(2, bad={0}), num_workers=workers)
    with pytest.warns(UserWarning, match="left out"), pytest.raises(DataError) as caught:
        list(loader.batches(0))
    assert str(caught.value) == (
        "1 of the 2 images cannot be read, so no batch has the two samples that BatchNorm needs "
        "for training. The first reason: image 0 is broken."
    )


@pytest.mark.filterwarnings("ignore:An image is left out")
def test_only_the_images_of_the_epoch_count_among_those_that_cannot_be_read() -> None:
    """With drop_last another image stays out of each epoch; one seen before must not be counted."""
    options: dict[str, Any] = {"batch_size": 2, "drop_last": True, "num_workers": 0, "errors": 1.0}
    planned = [
        set(next(make(Drawn(3), **options).batches(epoch)).indices.tolist()) for epoch in (0, 1)
    ]
    assert planned[0] != planned[1]
    (common,) = planned[0] & planned[1]
    loader = make(Drawn(3, bad={0, 1, 2} - {common}), **options)
    for epoch in (0, 1):
        with pytest.raises(DataError) as caught:
            list(loader.batches(epoch))
        assert str(caught.value).startswith("1 of the 2 images cannot be read, so no batch")


def test_starting_after_the_last_batch_gives_nothing_and_is_no_error() -> None:
    loader = make(Drawn(8))
    assert list(loader.batches(0, start=2)) == []


def test_starting_late_reads_one_image_of_each_batch_before() -> None:
    source = Drawn(12)
    list(make(source, shuffle=False, cache=None).batches(0, start=2))
    assert sorted(source.loads) == [0, 4, 8, 9, 10, 11]


def test_stopping_early_ends_the_threads_at_once() -> None:
    source = Drawn(4000, delay=0.001)
    batches = make(source).batches(0)
    next(batches)
    assert running_threads()
    batches.close()
    assert running_threads() == []
    assert len(source.loads) < 100


def test_a_consumer_that_raises_leaves_no_thread() -> None:
    def consume() -> None:
        for _ in make(Drawn(400, delay=0.001)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consume()
    assert running_threads() == []


def test_it_runs_no_further_ahead_than_told() -> None:
    source = Drawn(400)
    batches = make(source, prefetch=2).batches(0)
    next(batches)
    time.sleep(0.1)
    assert len(source.loads) <= 4 * 4
    batches.close()


def test_two_passes_at_once_do_not_disturb_each_other() -> None:
    loader = make(Drawn(20))
    expected = facts(loader.batches(0)), facts(loader.batches(1))
    pairs = list(zip(loader.batches(0), loader.batches(1), strict=True))
    assert facts(iter([a for a, _ in pairs])) == expected[0]
    assert facts(iter([b for _, b in pairs])) == expected[1]


def test_files_that_went_bad_after_listing_are_left_out(
    photo_folder: Path, recwarn: pytest.WarningsRecorder
) -> None:
    names = sorted(str(p.relative_to(photo_folder)) for p in photo_folder.rglob("*.jpg"))
    (photo_folder / names[0]).unlink()
    (photo_folder / names[1]).write_bytes(b"")
    (photo_folder / names[2]).unlink()
    (photo_folder / names[2]).mkdir()
    data = (photo_folder / names[3]).read_bytes()
    (photo_folder / names[3]).write_bytes(data[:300])
    loader = make(FileSource(photo_folder, names), errors=0.2)
    found = [index for one in loader.batches(0) for index in one.indices.tolist()]
    assert sorted(found) == list(range(4, 24))
    assert sorted(loader.skipped) == [0, 1, 2, 3]
    assert len(recwarn) == 4
    recwarn.clear()


def test_what_cannot_be_loaded_is_refused_at_once() -> None:
    def message(*args: Any, **options: Any) -> str:
        with pytest.raises((DataError, TypeError)) as caught:
            ImageLoader(*args, **options)
        return str(caught.value)

    assert message(Drawn(3), np.zeros(2)) == "There are 3 images, but 2 labels."
    assert message(Drawn(0), np.zeros(0)) == "There is no image to load."
    assert message(Drawn(1), np.zeros(1), batch_size=0) == "batch_size must be 1 or more, found 0."
    assert message(Drawn(1), np.zeros(1), num_worker=0) == (
        "ImageLoader() has no argument 'num_worker'. Did you mean 'num_workers'?"
    )


def test_by_default_every_core_decodes() -> None:
    assert 1 <= default_workers() <= 16


@pytest.mark.shared
def test_cached_and_uncached_give_the_same_bits_on_real_photos(shared_dir: Path) -> None:
    root = shared_dir / "data/flowers/train"
    names = sorted(str(p.relative_to(root)) for p in root.rglob("*.jpg"))[::30]
    modes = ("ram", "disk", None)
    made = [make(FileSource(root, names), size=(96, 96), cache=mode) for mode in modes]
    for epoch in range(2):
        ram, disk, none = [facts(loader.batches(epoch)) for loader in made]
        assert ram == disk == none


# errors="raise"


@pytest.mark.parametrize("workers", [0, 2])
def test_told_to_it_stops_at_the_first_image_that_cannot_be_read(workers: int) -> None:
    loader = make(Drawn(10, bad={5}), shuffle=False, num_workers=workers, errors="raise")
    batches = loader.batches(0)
    assert next(batches).indices.tolist() == [0, 1, 2, 3]
    with pytest.raises(DataError) as caught:
        next(batches)
    assert str(caught.value) == "image 5 is broken."
    assert running_threads() == []
    with pytest.raises(DataError, match="image 5 is broken"):
        list(loader.batches(1))


def test_starting_late_stops_as_well_at_an_image_that_is_looked_at() -> None:
    loader = make(Drawn(10, bad={0}), shuffle=False, errors="raise")
    with pytest.raises(DataError, match="image 0 is broken"):
        list(loader.batches(0, start=1))


# too many of them


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("n", "bad", "errors"),
    [(40, 2, "skip"), (10, 1, "skip"), (10, 3, 0.3), (3, 3, 1), (40, 2, 0.05)],
)
def test_as_many_as_allowed_are_left_out(n: int, bad: int, errors: Any, workers: int) -> None:
    loader = make(Drawn(n, bad=set(range(bad))), shuffle=False, errors=errors, num_workers=workers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if bad == n:
            with pytest.raises(DataError, match="None of the 3 images"):
                list(loader.batches(0))
        else:
            assert sum(len(one.indices) for one in loader.batches(0)) == n - bad
    assert sorted(loader.skipped) == list(range(bad))


@pytest.mark.parametrize("workers", [0, 2])
def test_more_than_allowed_are_an_error_as_soon_as_that_is_known(workers: int) -> None:
    """In the first epoch, at the batch that has the one too many, each named by its warning."""
    source = Drawn(100, bad={1, 2, 5, 9, 10, 13, 50, 90})
    loader = make(source, shuffle=False, num_workers=workers)
    given = []
    with pytest.warns(UserWarning, match="left out") as warned, pytest.raises(DataError) as caught:
        given += [one.indices.tolist() for one in loader.batches(0)]
    assert given == []
    assert len(warned) == len(loader.skipped) == 6
    assert str(caught.value) == (
        "6 of 100 images cannot be read so far, more than the 5 % allowed. The first: image 1 is "
        "broken. image 2 is broken. image 5 is broken. Check the path and its disk; `learnkit "
        "doctor PATH` lists every such file; errors=0.2 allows 20 %."
    )
    assert max(source.loads) < 50
    assert running_threads() == []


def test_with_a_share_of_zero_a_single_one_is_too_many() -> None:
    loader = make(Drawn(100, bad={0}), errors=0.0, shuffle=False)
    with pytest.warns(UserWarning, match="left out"), pytest.raises(DataError) as caught:
        list(loader.batches(0))
    assert str(caught.value).startswith("1 of 100 images cannot be read so far, more than the 0 %")


def test_starting_late_counts_those_that_are_looked_at() -> None:
    loader = make(Drawn(40, bad=set(range(8))), shuffle=False)
    with pytest.warns(UserWarning, match="left out"), pytest.raises(DataError, match="3 of 40"):
        list(loader.batches(0, start=1))


def test_files_that_go_bad_between_epochs_count_too(photo_folder: Path, names: list[str]) -> None:
    loader = make(FileSource(photo_folder, names), shuffle=False, cache=None)
    list(loader.batches(0))
    for name in names[:2]:
        (photo_folder / name).unlink()
    with pytest.warns(UserWarning, match="left out"), pytest.raises(DataError) as caught:
        list(loader.batches(1))
    first = [
        f"{photo_folder / name} cannot be read as an image: the file does not exist."
        for name in names[:2]
    ]
    assert str(caught.value) == (
        f"2 of 24 images cannot be read so far, more than the 5 % allowed. The first: {first[0]} "
        f"{first[1]} Check the path and its disk; `learnkit doctor {photo_folder}` lists every "
        "such file; errors=0.2 allows 20 %."
    )


# threads that fail


class Wrong(Drawn):
    """Image 6 is a mistake of the user's."""

    def __init__(self, error: type[BaseException]) -> None:
        super().__init__(40)
        self.error = error

    def load(self, index: int, min_short: int) -> RGB:
        if index == 6:
            raise self.error("a mistake of the user's")
        return super().load(index, min_short)


@pytest.mark.parametrize("workers", [0, 1, 4])
@pytest.mark.parametrize("error", [ZeroDivisionError, MemoryError, SystemExit, TimeoutError])
def test_a_mistake_comes_out_with_its_traceback_and_no_thread_stays(
    error: type[BaseException], workers: int
) -> None:
    with pytest.raises(error, match="a mistake of the user's") as caught:
        list(make(Wrong(error), shuffle=False, num_workers=workers).batches(0))
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-2:] == ["get", "load"]
    noted = ["while loading image 6"] if issubclass(error, Exception) else []
    assert getattr(caught.value, "__notes__", []) == noted
    assert running_threads() == []


def test_a_mistake_leaves_the_loader_as_good_as_it_was() -> None:
    source = Wrong(MemoryError)
    loader = make(source, shuffle=False)
    with pytest.raises(MemoryError):
        list(loader.batches(0))
    source.load = Drawn(40).load  # type: ignore[method-assign]
    assert facts(loader.batches(0)) == facts(make(Drawn(40), shuffle=False).batches(0))


def test_without_threads_to_be_had_the_caller_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    expected = facts(make(Drawn(10)).batches(0))
    loader = make(Drawn(10))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.warns(UserWarning, match="could be started") as warned:
        found = facts(loader.batches(0))
    assert found == expected
    assert [str(one.message) for one in warned] == [
        "0 of 2 decoding threads could be started: can't start new thread. Loading is slower and "
        "gives the same."
    ]


def test_an_image_that_is_read_for_ever_is_named_and_then_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("learnkit.data.threads._POLL", 0.01)
    monkeypatch.setattr("learnkit.data.threads._LINGER", 0.01)
    monkeypatch.setattr("learnkit.data.threads.WARN_AFTER", 0.1)
    monkeypatch.setattr("learnkit.data.threads.GIVE_UP_AFTER", 0.2)
    let_go = threading.Event()

    class Stuck(Drawn):
        def load(self, index: int, min_short: int) -> RGB:
            if index == 5:
                assert let_go.wait(60)
            return super().load(index, min_short)

    batches = make(Stuck(40), shuffle=False).batches(0)
    try:
        assert next(batches).indices.tolist() == [0, 1, 2, 3]
        with pytest.warns(UserWarning, match="been read") as warned, pytest.raises(DataError) as e:
            next(batches)
    finally:
        let_go.set()
    advice = "Its disk or network drive may be gone; if a file does this every time, move it away."
    assert [str(one.message) for one in warned] == [
        f"image 5 has been read for 0 s. After 0.2 s that is an error. {advice}"
    ]
    assert str(e.value) == f"image 5 has been read for 0 s. {advice}"


# files that change


@pytest.fixture
def names(photo_folder: Path) -> list[str]:
    return sorted(str(p.relative_to(photo_folder)) for p in photo_folder.rglob("*.jpg"))


MODES: tuple[CacheMode, ...] = ("ram", "disk", None)


@pytest.mark.parametrize("size", [8, 24, 128])
@pytest.mark.parametrize("shuffle", [True, False])
def test_where_images_are_kept_changes_no_bit(
    shuffle: bool, size: int, photo_folder: Path, names: list[str]
) -> None:
    """For any number of threads, in the first epoch, the next, and in the next process."""
    common: dict[str, Any] = {"shuffle": shuffle, "size": (size, size), "batch_size": 7}
    plain = make(FileSource(photo_folder, names), num_workers=0, cache=None, **common)
    expected = [facts(plain.batches(epoch)) for epoch in (0, 1)]
    for mode in MODES:
        for workers in (0, 1, 3):
            loader = make(
                FileSource(photo_folder, names), cache=mode, num_workers=workers, **common
            )
            assert [facts(loader.batches(epoch)) for epoch in (0, 1)] == expected, (mode, workers)


def test_images_on_disk_are_not_decoded_again_by_the_next_loader(
    photo_folder: Path, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = facts(make(FileSource(photo_folder, names), cache="disk").batches(0))

    def unasked(source: FileSource, index: int, min_short: int) -> RGB:
        raise AssertionError

    monkeypatch.setattr(FileSource, "load", unasked)
    assert facts(make(FileSource(photo_folder, names), cache="disk").batches(0)) == expected


@pytest.mark.parametrize("mode", MODES)
def test_a_photo_that_was_replaced_is_read_again(
    mode: CacheMode, photo_folder: Path, names: list[str]
) -> None:
    common: dict[str, Any] = {"shuffle": False, "cache": mode, "size": (24, 24)}
    loader = make(FileSource(photo_folder, names), **common)
    before = next(loader.batches(0)).batch.x[2]
    path, other = photo_folder / names[2], photo_folder / names[-1]
    path.write_bytes(other.read_bytes())
    after = next(loader.batches(1)).batch.x[2]
    (alone,) = make(FileSource(photo_folder, names[-1:]), **{**common, "cache": None}).batches(0)
    assert torch.equal(after, alone.batch.x[0])
    assert not torch.equal(after, before)
    anew = make(FileSource(photo_folder, names), **common)
    assert torch.equal(next(anew.batches(0)).batch.x[2], after)


@pytest.mark.parametrize("mode", MODES)
def test_a_photo_that_was_removed_is_left_out_with_one_warning(
    mode: CacheMode, photo_folder: Path, names: list[str]
) -> None:
    loader = make(FileSource(photo_folder, names), shuffle=False, cache=mode)
    assert len(next(loader.batches(0)).indices) == 4
    path = photo_folder / names[1]
    path.unlink()
    with pytest.warns(UserWarning, match="left out") as caught:
        found = [next(loader.batches(epoch)).indices.tolist() for epoch in (1, 2)]
    assert [str(one.message) for one in caught] == [
        f"An image is left out: {path} cannot be read as an image: the file does not exist."
    ]
    assert found == [[0, 2, 3]] * 2


def test_a_folder_that_cannot_be_written_to_costs_a_warning_and_nothing_else(
    photo_folder: Path, names: list[str], own_home: Path
) -> None:
    own_home.write_text("no folder")
    loader = make(FileSource(photo_folder, names), cache="disk")
    with pytest.warns(UserWarning, match="cannot be kept") as caught:
        found = [facts(loader.batches(0)) for _ in range(2)]
    assert [str(one.message) for one in caught] == [
        f"Decoded images cannot be kept in {own_home}/decoded: Not a directory. They are not kept. "
        "Set LEARNKIT_HOME to another folder, or pass cache=None."
    ]
    assert caught[0].filename == __file__
    expected = facts(make(FileSource(photo_folder, names), cache=None).batches(0))
    assert found == [expected, expected]


# memory that is used again

LARGE: dict[str, Any] = {"size": (320, 320), "batch_size": 4, "shuffle": False}  # 1.2 MB


def test_batches_that_are_collected_are_those_that_were_copied_at_once() -> None:
    copied = [loaded.batch.x.clone() for loaded in make(Drawn(40), **LARGE).batches(0)]
    collected = [loaded.batch.x for loaded in make(Drawn(40), **LARGE).batches(0)]
    assert len(collected) == 10
    assert all(torch.equal(a, b) for a, b in zip(collected, copied, strict=True))


def test_a_batch_that_is_kept_is_never_written_over() -> None:
    loader = make(Drawn(40), **LARGE)
    batches = loader.batches(0)
    whole, part = next(batches).batch.x, next(batches).batch.x[2, :, 5:9].numpy()
    expected = whole.clone(), part.copy()
    list(batches)
    for epoch in (1, 2):
        list(loader.batches(epoch))
    assert torch.equal(whole, expected[0])
    assert np.array_equal(part, expected[1])


@pytest.mark.skipif(torch.cuda.is_available(), reason="with CUDA the memory is torch's")
def test_batches_that_are_not_kept_share_their_memory() -> None:
    loader = make(Drawn(80), prefetch=1, **LARGE)
    places = set()
    for loaded in loader.batches(0):
        places.add(loaded.batch.x.data_ptr())
        del loaded
    assert len(places) <= 4
