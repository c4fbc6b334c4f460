import random
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from learnkit.data.torch_loader import DatasetLoader, TorchLoader
from learnkit.errors import DataError


class Noisy(Dataset[tuple[torch.Tensor, int]]):
    """Draws from every global generator, as users' transforms do."""

    def __init__(self, n: int = 10) -> None:
        self.n, self.asked = n, list[int]()

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        self.asked.append(index)
        drawn = [random.random(), float(np.random.rand()), float(torch.rand(()))]
        return torch.tensor([index, *drawn]), index


class Failing(Noisy):
    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        raise ZeroDivisionError(f"no sample {index}")


def facts(batches: Any) -> list[tuple[list[int], list[list[float]]]]:
    return [(one.indices.tolist(), one.batch.x.tolist()) for one in batches]


def states() -> tuple[Any, ...]:
    numpy_state = np.random.get_state()
    return torch.get_rng_state().tolist(), random.getstate(), numpy_state[1].tolist()  # type: ignore[index]


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
    before = states()
    for loader in (make(Noisy()), TorchLoader(DataLoader(Noisy(), batch_size=4, shuffle=True))):
        for _ in loader:
            assert states() == before
        assert states() == before


def test_worker_processes_give_the_same_and_stay_for_the_next_epoch() -> None:
    expected = [facts(make(Noisy()).batches(epoch)) for epoch in range(2)]
    before = states()
    loader = make(Noisy(), num_workers=2)
    assert facts(loader.batches(0)) == expected[0]
    first = loader._staying
    partly = loader.batches(0)
    next(partly)
    partly.close()
    assert facts(loader.batches(1)) == expected[1]
    assert facts(loader.batches(1, start=1)) == expected[1][1:]
    assert loader._staying is first
    assert states() == before


def test_two_passes_at_once_through_worker_processes_do_not_mix() -> None:
    expected = [facts(make(Noisy()).batches(epoch)) for epoch in range(2)]
    loader = make(Noisy(), num_workers=1)
    pairs = list(zip(loader.batches(0), loader.batches(1), strict=True))
    assert [facts(side) for side in zip(*pairs, strict=True)] == expected


@pytest.mark.parametrize("workers", [0, 1])
def test_a_mistake_in_the_dataset_comes_out_with_its_traceback(workers: int) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        list(make(Failing(), num_workers=workers).batches(0))
    assert "no sample" in str(caught.value)
    names = [entry.name for entry in caught.traceback]
    assert "__getitem__" in (str(caught.value) if workers else names)


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


@pytest.mark.parametrize("own_generator", [False, True])
def test_any_dataloader_repeats_by_epoch_and_starts_late(own_generator: bool) -> None:
    generator = torch.Generator().manual_seed(5) if own_generator else None
    dl = DataLoader(Noisy(), batch_size=4, shuffle=True, generator=generator)
    other = torch.Generator().manual_seed(77) if own_generator else None
    loader = TorchLoader(dl, seed=3)
    again = TorchLoader(DataLoader(Noisy(), 4, shuffle=True, generator=other), seed=3)
    before = generator.get_state() if generator else torch.empty(0)
    first, second = facts(loader.batches(0)), facts(loader.batches(1))
    assert first == facts(loader.batches(0))
    assert first == facts(again.batches(0))
    assert first != second
    assert facts(loader.batches(1, start=1)) == second[1:]
    assert facts(TorchLoader(dl, seed=4).batches(0)) != first
    if generator is not None:
        assert torch.equal(generator.get_state(), before)


def test_what_the_loop_draws_between_batches_changes_nothing() -> None:
    loader = TorchLoader(DataLoader(Noisy(), batch_size=4, shuffle=True))
    expected, found = facts(loader.batches(0)), []
    for one in loader.batches(0):
        torch.rand(7), random.random(), np.random.rand()
        found.append(one)
    assert facts(found) == expected


def test_a_dataloaders_samples_are_counted_by_place() -> None:
    loader = TorchLoader(DataLoader(Noisy(), batch_size=4))
    assert [one.indices.tolist() for one in loader.batches(0)] == [
        [0, 1, 2, 3], [4, 5, 6, 7], [8, 9]
    ]  # fmt: skip
    assert (loader.batch_size, loader.n_samples, len(loader)) == (4, 10, 3)
    dropping = TorchLoader(DataLoader(Noisy(), batch_size=4, drop_last=True))
    assert (dropping.n_samples, len(dropping)) == (8, 2)
    sampler = torch.utils.data.BatchSampler(range(10), 5, False)
    own = TorchLoader(DataLoader(Noisy(), batch_sampler=sampler))
    assert (own.batch_size, own.n_samples, len(own)) == (5, 10, 2)
    assert repr(own) == "TorchLoader(10 samples, 2 batches)"
    assert own.describe(2) == "sample 2"


def test_a_dataloader_that_does_not_give_pairs_or_has_no_length_is_named() -> None:
    class Named(Noisy):
        def __getitem__(self, index: int) -> Any:
            return {"x": index}

    with pytest.raises(DataError) as caught:
        next(iter(TorchLoader(DataLoader(Named()))))
    assert str(caught.value) == "A DataLoader must give pairs (x, y); found a dict."
    with pytest.raises(DataError) as caught:
        next(iter(TorchLoader(DataLoader(TensorDataset(torch.zeros(3))))))
    assert str(caught.value) == "A DataLoader must give pairs (x, y); found a list of 1."
    with pytest.raises(DataError) as caught:
        TorchLoader(DataLoader(Streamed()))
    assert str(caught.value) == (
        "The DataLoader of Streamed has no length. Give the dataset a __len__ that returns the "
        "number of its samples."
    )
    with pytest.raises(DataError) as caught:
        TorchLoader(DataLoader(Noisy(3), batch_size=4, drop_last=True))
    assert str(caught.value) == (
        "The DataLoader of Noisy gives no batch: it has no sample, or fewer than one batch with "
        "drop_last=True."
    )
