import torch
from torch.utils.data import Subset, TensorDataset

from learnkit.data.dataset_loader import DatasetLoader
from learnkit.data.in_memory import tensors_of


class Own(TensorDataset):
    """Somebody's subclass, whose samples may be anything."""


def test_tensors_in_memory_are_picked_a_batch_at_a_time() -> None:
    x, y = torch.rand(10, 3, dtype=torch.float64), torch.arange(10)
    whole = TensorDataset(x, y)
    part = Subset(Subset(whole, [9, 7, 5, 3, 1]), [4, 2, 0])
    for dataset, places in ((whole, range(10)), (part, [1, 5, 9])):
        assert tensors_of(dataset) is not None
        batches = list(DatasetLoader(dataset, batch_size=4))
        assert torch.cat([one.y for one in batches]).tolist() == list(places)
        assert torch.equal(torch.cat([one.x for one in batches]), x[list(places)].float())


def test_anything_else_is_asked_sample_by_sample() -> None:
    x = torch.zeros(3)
    assert tensors_of(Own(x, x)) is None
    assert tensors_of(TensorDataset(x)) is None
    assert tensors_of(TensorDataset(x, x, x)) is None
