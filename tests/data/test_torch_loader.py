import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from learnkit.data import processes
from learnkit.data.torch_loader import TorchLoader
from learnkit.errors import DataError
from tests.in_time import in_time
from tests.noisy import Noisy, facts, states


class Streamed(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter([(torch.zeros(2), 1)] * 6)


def test_the_callers_generators_are_left_as_they_were() -> None:
    before, loader = states(), TorchLoader(DataLoader(Noisy(), batch_size=4, shuffle=True))
    for _ in loader:
        assert states() == before
    assert states() == before


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


class Killed(Noisy):
    """Its process is killed at sample 9, the first time."""

    def __init__(self, how: int, marker: Path) -> None:
        super().__init__()
        self.how, self.marker = how, marker

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if index == 9 and not self.marker.exists():
            self.marker.touch()
            if self.how:
                os.kill(os.getpid(), self.how)
            os._exit(0)
        return super().__getitem__(index)


@pytest.mark.parametrize("how", [signal.SIGKILL, 0])
@pytest.mark.parametrize("persistent", [False, True])
def test_a_process_that_dies_is_an_error_and_the_next_pass_is_whole(
    persistent: bool, how: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch looks at its processes every five seconds; here more often."""
    monkeypatch.setattr(torch.utils.data._utils, "MP_STATUS_CHECK_INTERVAL", 0.2)
    monkeypatch.setattr(_MultiProcessingDataLoaderIter._try_get_data, "__defaults__", (0.2,))
    dataset = Killed(how, tmp_path / "killed")
    dl = DataLoader(dataset, 4, num_workers=2, persistent_workers=persistent)
    loader = TorchLoader(dl)
    with in_time(), pytest.raises(RuntimeError, match="DataLoader worker"):
        list(loader.batches(0))
    with in_time():
        assert [one.batch.y.tolist() for one in loader.batches(0)] == [
            [0, 1, 2, 3], [4, 5, 6, 7], [8, 9]
        ]  # fmt: skip


def test_a_connection_that_breaks_before_its_process_counts_as_dead_is_a_death_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch may be on its way when the process that gave it ends."""

    class Ends(Noisy):
        def __getitem__(self, index: int) -> Any:
            time.sleep(0.2)
            os._exit(0)  # of which torch's own handler of signals says nothing

    def broken(running: Any, timeout: float = 0) -> Any:
        pids.append(running._workers[0].pid)
        raise EOFError

    pids: list[int] = []
    monkeypatch.setattr(_MultiProcessingDataLoaderIter, "_try_get_data", broken)
    with in_time(), pytest.raises(RuntimeError) as caught:
        list(TorchLoader(DataLoader(Ends(), 4, num_workers=1)).batches(0))
    assert str(caught.value) == f"DataLoader worker (pid {pids[0]}) exited unexpectedly"


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_reading_a_file_is_the_datasets_own(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Missing(Noisy):
        def __getitem__(self, index: int) -> Any:
            raise FileNotFoundError("no such photo")

    monkeypatch.setattr(processes, "_GRACE", 0.1)
    with in_time(), pytest.raises(FileNotFoundError, match="no such photo"):
        list(TorchLoader(DataLoader(Missing(), 4, num_workers=workers)).batches(0))


def test_a_dataloader_that_does_not_give_pairs_or_has_no_length_is_named() -> None:
    class Named(Noisy):
        def __getitem__(self, index: int) -> Any:
            return {"x": index}

    with pytest.raises(DataError) as caught:
        next(iter(TorchLoader(DataLoader(Named()))))
    assert str(caught.value) == (
        "A batch is a dict of 'x', and none of these is known to be the target. Name it in y_key=."
    )
    with pytest.raises(DataError) as caught:
        next(iter(TorchLoader(DataLoader(TensorDataset(torch.zeros(3))))))
    assert str(caught.value) == (
        "A DataLoader must give pairs (x, y), or dicts; found a list of 1."
    )
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
