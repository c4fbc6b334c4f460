import os
import signal
import time
from typing import Any

import pytest
import torch
from torch.utils.data import IterableDataset, TensorDataset

from learnkit.data import dataset_loader, forking, processes, worker_pool
from learnkit.data.dataset_loader import DatasetLoader
from learnkit.data.processes import DiedError, StalledError, StartError
from learnkit.errors import DataError
from tests.in_time import in_time
from tests.noisy import Noisy, facts, states


class Failing(Noisy):
    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        raise ZeroDivisionError(f"no sample {index}")


def make(dataset: Any, **options: Any) -> DatasetLoader:
    return DatasetLoader(dataset, **({"batch_size": 4, "shuffle": True} | options))


def test_each_sample_is_visited_once_in_a_new_order_each_epoch() -> None:
    loader = make(Noisy())
    orders = [[i for one in loader.batches(e) for i in one.indices.tolist()] for e in range(2)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(10))
    assert orders[0] != orders[1]
    for one in loader.batches(0):
        assert one.batch.y.tolist() == one.indices.tolist() == one.batch.x[:, 0].tolist()


def test_what_the_dataset_draws_depends_on_seed_epoch_and_index_alone() -> None:
    def of_sample(loader: DatasetLoader, epoch: int) -> dict[int, list[float]]:
        rows = [row for one in loader.batches(epoch) for row in one.batch.x.tolist()]
        return {int(row[0]): row[1:] for row in rows}

    first = of_sample(make(Noisy()), 0)
    assert first == of_sample(make(Noisy(), batch_size=3), 0)
    assert first == of_sample(make(Noisy(), shuffle=False), 0)
    for other in (of_sample(make(Noisy()), 1), of_sample(make(Noisy(), seed=1), 0)):
        assert all(a != b for a, b in zip(first[3], other[3], strict=True))


def test_starting_late_gives_the_rest_and_fetches_no_more() -> None:
    dataset = Noisy()
    expected = facts(make(Noisy()).batches(2))
    assert facts(make(dataset).batches(2, start=2)) == expected[2:]
    assert len(dataset.asked) == 2


def test_the_callers_generators_are_left_as_they_were() -> None:
    before, loader = states(), make(Noisy())
    for _ in loader:
        assert states() == before
    assert states() == before


def test_worker_processes_give_the_same_from_any_start() -> None:
    expected = [facts(make(Noisy()).batches(epoch)) for epoch in range(2)]
    before, loader = states(), make(Noisy(), num_workers=2)
    assert facts(loader.batches(0)) == expected[0]
    assert facts(loader.batches(1, start=1)) == expected[1][1:]
    assert states() == before


class Slow(Noisy):
    """Takes 20 ms a sample, and knows in which process."""

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        time.sleep(0.02)
        x, _ = super().__getitem__(index)
        return x, os.getpid()


def fetchers(batches: Any) -> list[set[int]]:
    return [set(one.batch.y.tolist()) for one in batches]


def test_after_a_slow_first_batch_processes_fetch_the_others_and_later_epochs() -> None:
    loader = make(Slow())
    first, *rest = fetchers(loader.batches(0))
    assert first == {os.getpid()}
    assert len(rest) == 2
    assert all(os.getpid() not in found for found in [*rest, *fetchers(loader.batches(1))])


def test_what_a_batch_holds_does_not_depend_on_who_fetches_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = [facts(make(Noisy(), num_workers=0).batches(epoch)) for epoch in range(2)]
    monkeypatch.setattr(dataset_loader, "SLOW_BATCH", 0.0)
    before, loader = states(), make(Noisy())
    assert [facts(loader.batches(epoch)) for epoch in range(2)] == expected
    assert loader._pool is not None
    assert facts(loader.batches(1, start=2)) == expected[1][2:]
    assert states() == before


def test_quick_datasets_tensors_in_memory_and_an_explicit_0_stay_in_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = torch.zeros(10, 2)
    quick = make(Noisy())
    facts(quick.batches(0))
    assert quick._pool is None
    monkeypatch.setattr(dataset_loader, "SLOW_BATCH", 0.0)
    in_memory, on_demand = make(TensorDataset(x, x)), make(TensorDataset(x, x), num_workers=2)
    for loader in (in_memory, on_demand, make(Slow(), num_workers=0)):
        facts(loader.batches(0))
        assert loader._pool is None


def test_only_the_first_batch_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    loader = make(Noisy())
    facts(loader.batches(0))
    monkeypatch.setattr(dataset_loader, "SLOW_BATCH", 0.0)
    facts(loader.batches(1))
    assert loader._pool is None


def test_looking_at_the_first_batch_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_loader, "SLOW_BATCH", 0.0)
    loader = make(Noisy())
    next(iter(loader))
    assert loader._pool is not None
    assert loader._pool._staying is None


class Hanging(Noisy):
    """Hangs wherever it was not made, as a library whose threads did not survive a fork."""

    def __init__(self) -> None:
        super().__init__()
        self.made_in = os.getpid()

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if os.getpid() != self.made_in:
            time.sleep(60)
        return super().__getitem__(index)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes for every dataset that is asked whether it needs them, and one second for them."""
    monkeypatch.setattr(dataset_loader, "SLOW_BATCH", 0.0)
    monkeypatch.setattr(dataset_loader, "_PATIENCE", 1.0)
    monkeypatch.setattr(worker_pool, "PATIENCE", 1.0)
    monkeypatch.setattr(processes, "_POLL", 0.2)
    monkeypatch.setattr(forking, "MOST_PROCESSES", 1)


@pytest.mark.usefixtures("impatient")
def test_processes_that_hang_are_given_up_for_the_calling_process() -> None:
    loader, expected = make(Hanging()), facts(make(Noisy()).batches(0))
    with in_time(), pytest.warns(UserWarning, match="gave nothing") as warned:
        assert facts(loader.batches(0)) == expected
    said = str(warned[0].message)
    assert said.startswith("The processes that fetch samples gave nothing for ")
    assert f'is at: File "{__file__}", line ' in said
    assert said.endswith(
        "A library that the dataset uses may not stand forking. num_workers=0 fetches samples in "
        "the calling process instead. From here on the calling process fetches them."
    )
    assert facts(loader.batches(0)) == expected


class HangingLater(Noisy):
    """Hangs at one sample, whoever asks, after others were given."""

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if index == 9:
            time.sleep(600)
        return super().__getitem__(index)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("workers", [1, None])
def test_processes_that_hang_after_they_gave_batches_are_an_error(workers: int | None) -> None:
    """The calling process would hang as well."""
    loader = make(HangingLater(), shuffle=False, num_workers=workers)
    with in_time(), pytest.raises(StalledError, match="gave nothing for"):
        list(loader.batches(0))


@pytest.mark.usefixtures("impatient")
def test_processes_that_were_asked_for_and_hang_are_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with in_time(), pytest.raises(StalledError, match="gave nothing for"):
        list(make(Hanging(), num_workers=1).batches(0))


class Killed(Noisy):
    """Its process is killed at one sample, as the system does when memory runs out."""

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if index == 9:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(index)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("workers", [2, None])
def test_a_process_that_is_killed_is_an_error(workers: int | None) -> None:
    loader = make(Killed(), shuffle=False, num_workers=workers)
    with in_time(), pytest.raises(DiedError, match="was killed by SIGKILL") as caught:
        list(loader.batches(0))
    assert "It was fetching sample 9." in str(caught.value)


@pytest.mark.usefixtures("impatient")
def test_where_no_process_can_be_started_the_calling_one_fetches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    expected = facts(make(Noisy()).batches(0))
    monkeypatch.setattr(os, "fork", refuse)
    with pytest.warns(UserWarning, match="cannot be started") as warned:
        assert facts(make(Noisy()).batches(0)) == expected
    assert str(warned[0].message).endswith("From here on the calling process fetches them.")
    with pytest.raises(StartError):
        list(make(Noisy(), num_workers=1).batches(0))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_mistake_in_the_dataset_comes_out_with_its_traceback(workers: int) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        list(make(Failing(), num_workers=workers).batches(0))
    assert "no sample" in str(caught.value)
    names = [entry.name for entry in caught.traceback]
    assert "__getitem__" in (str(caught.value) if workers else names)
    notes = " ".join([str(caught.value), *caught.value.__notes__])
    assert "while loading sample" in notes
    assert ("num_workers=0 fetches" in notes) == bool(workers)


def test_the_numbers_it_tells_are_those_it_gives() -> None:
    for n, options in ((9, {}), (9, {"drop_last": True}), (9, {"shuffle": False})):
        loader = make(Noisy(n), **options)
        sizes = [len(one.indices) for one in loader.batches(0)]
        assert (len(loader), loader.n_samples) == (len(sizes), sum(sizes))
    assert repr(make(Noisy())) == "DatasetLoader(10 samples, 3 batches)"
    assert (make(Noisy()).batch_size, make(Noisy()).describe(7)) == (4, "sample 7")


class Streamed(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter([(torch.zeros(2), 1)] * 6)


def test_a_dataset_that_cannot_be_read_by_index_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        make(Streamed())
    assert str(caught.value) == (
        "A dataset must have a length and be read by index; Streamed is not. Wrap it in a torch "
        "DataLoader and use DataBunch.from_dls."
    )
    with pytest.raises(DataError) as caught:
        make(Noisy(0))
    assert str(caught.value) == "Noisy is empty: there is no sample to load."
    with pytest.raises(DataError) as caught:
        make(Noisy(), batch_size=0)
    assert str(caught.value) == "batch_size must be 1 or more, found 0."
