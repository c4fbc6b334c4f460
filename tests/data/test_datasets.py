import pytest
import torch
from torch.utils.data import Dataset

from learnkit.data import dataset_loader
from learnkit.data.datasets import dataset_loaders


class Numbers(Dataset[tuple[torch.Tensor, int]]):
    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.rand(2), index


@pytest.mark.parametrize(("num_workers", "found"), [(None, True), (0, False), (2, True)])
def test_without_a_number_of_workers_slow_datasets_get_processes(
    num_workers: int | None, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_loader, "SLOW_BATCH", 0.0)
    for loader in dataset_loaders(Numbers(), Numbers(), 4, num_workers, 42):
        next(iter(loader))
        assert (loader._pool is not None) == found
