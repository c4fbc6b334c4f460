import threading

import numpy as np
import pytest

from learnkit.data import cache
from learnkit.data.cache import AUTO_LIMIT, ImageCache, cache_budget, free_memory
from learnkit.data.pixels import RGB


def image(n: int = 10) -> RGB:
    return np.zeros((n, n, 3), np.uint8)


def test_it_stops_adding_when_the_budget_is_spent_and_throws_nothing_out() -> None:
    kept = ImageCache(700)
    for index in range(4):
        kept.put("a", index, image())
    assert [kept.get("a", index) is not None for index in range(4)] == [True, True, False, False]
    assert (len(kept), kept.nbytes) == (2, 600)
    kept.put("a", 9, image(5))
    assert kept.get("a", 9) is not None


def test_loaders_that_share_one_do_not_see_each_others_images() -> None:
    kept = ImageCache(10_000)
    kept.put("a", 0, image())
    assert kept.get("b", 0) is None


def test_adding_twice_counts_once() -> None:
    kept = ImageCache(10_000)
    kept.put("a", 0, image())
    kept.put("a", 0, image())
    assert kept.nbytes == 300


def fill(kept: ImageCache, owner: int) -> None:
    for index in range(40):
        kept.put(owner, index, image())


def test_many_threads_never_exceed_the_budget() -> None:
    kept = ImageCache(300 * 50)
    threads = [threading.Thread(target=fill, args=(kept, t)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(kept), kept.nbytes) == (50, 300 * 50)


def test_the_budget_is_two_gibibytes_or_a_quarter_of_the_free_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache, "free_memory", lambda: 4 << 30)
    assert cache_budget("auto") == 1 << 30
    assert cache_budget("ram") == 3 << 30
    assert cache_budget(None) == 0
    monkeypatch.setattr(cache, "free_memory", lambda: 64 << 30)
    assert cache_budget("auto") == AUTO_LIMIT == 2 << 30


def test_free_memory_is_a_sensible_number_of_bytes() -> None:
    assert 1 << 20 < free_memory() < 1 << 50


def test_a_container_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_free_in_container", lambda: 123)
    assert free_memory() == 123
    monkeypatch.setattr(cache, "_free_in_container", lambda: None)
    monkeypatch.setattr(cache, "_free_on_machine", lambda: None)
    assert free_memory() == 4 << 30
