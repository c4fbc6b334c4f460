import threading

import numpy as np
import pytest

from learnkit.data.budget import Budget
from learnkit.data.cache import NoCache, RamCache, packed, unpacked
from learnkit.data.pixels import RGB


def image(n: int = 10, value: int = 0) -> RGB:
    return np.full((n, n, 3), value, np.uint8)


def test_it_stops_adding_when_the_budget_is_spent_and_throws_nothing_out() -> None:
    kept = RamCache(Budget(700))
    for index in range(4):
        kept.put(index, 1, image())
    assert [kept.get(index, 1) is not None for index in range(4)] == [True, True, False, False]
    assert (len(kept), kept.nbytes) == (2, 600)
    kept.put(9, 1, image(5))
    assert kept.get(9, 1) is not None


def test_caches_that_share_a_budget_do_not_see_each_others_images() -> None:
    budget = Budget(400)
    first, second = RamCache(budget), RamCache(budget)
    first.put(0, 1, image())
    assert second.get(0, 1) is None
    second.put(1, 1, image())
    assert (len(first), len(second), budget.left) == (1, 0, 100)


def test_adding_twice_counts_once() -> None:
    budget = Budget(10_000)
    kept = RamCache(budget)
    kept.put(0, 1, image())
    kept.put(0, 1, image())
    assert (kept.nbytes, budget.left) == (300, 9700)


def test_an_image_of_another_stamp_is_none_and_is_replaced() -> None:
    budget = Budget(300)
    kept = RamCache(budget)
    kept.put(0, 1, image(value=1))
    assert kept.get(0, 2) is None
    kept.put(0, 2, image(value=2))
    found = kept.get(0, 2)
    assert found is not None
    assert found[0, 0, 0] == 2
    assert kept.get(0, 1) is None
    assert budget.left == 0


def test_one_that_no_longer_fits_gives_its_room_back() -> None:
    budget = Budget(300)
    kept = RamCache(budget)
    kept.put(0, 1, image())
    kept.put(0, 2, image(20))
    assert (len(kept), budget.left) == (0, 300)


def test_no_cache_keeps_nothing() -> None:
    given = image()
    assert NoCache().put(0, 1, given) is given
    assert NoCache().get(0, 1) is None


def test_what_is_put_comes_back_as_the_cache_will_give_it() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    for jpeg in (False, True):
        for room in (0, 10_000):
            kept = RamCache(Budget(room), jpeg=jpeg)
            first = kept.put(0, 1, noise)
            again = kept.get(0, 1)
            assert (again is not None) == bool(room)
            assert np.array_equal(first, noise) != jpeg
            assert again is None or np.array_equal(first, again)


def test_jpeg_entries_are_small_and_close() -> None:
    rows, columns = np.mgrid[0:120, 0:160]
    smooth = np.dstack([rows, columns, rows + columns // 2]).astype(np.uint8)
    entry = packed(smooth)
    assert entry.nbytes * 8 < smooth.nbytes
    found = unpacked(entry)
    assert found.shape == smooth.shape
    assert np.abs(found.astype(int) - smooth).mean() < 2.0


@pytest.mark.parametrize("same", [False, True])
def test_many_threads_never_exceed_the_budget_nor_lose_any_of_it(same: bool) -> None:
    budget = Budget(300 * 50)
    caches = [RamCache(budget)] * 4 if same else [RamCache(budget) for _ in range(4)]

    def fill(kept: RamCache) -> None:
        for index in range(40):
            kept.put(index, 1, image())

    threads = [threading.Thread(target=fill, args=(kept,)) for kept in caches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = caches[0].nbytes if same else sum(kept.nbytes for kept in caches)
    assert held == 300 * (40 if same else 50)
    assert budget.left == 300 * 50 - held
