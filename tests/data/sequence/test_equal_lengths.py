import torch

from learnkit.data.sequence.equal_lengths import EqualLengths


def test_neighbours_of_one_length_go_together_in_their_order():
    samples = [torch.full((n,), float(i)) for i, n in enumerate([2, 2, 2, 3, 2])]
    loader = EqualLengths(samples, batch_size=2)
    loaded = list(loader.batches(0))
    assert [one.indices.tolist() for one in loaded] == [[0, 1], [2], [3], [4]]
    assert [tuple(one.batch.x.shape) for one in loaded] == [(2, 2), (1, 2), (1, 3), (1, 2)]
    assert loaded[0].batch.y.dtype == torch.int64
    assert (len(loader), loader.n_samples, loader.batch_size) == (4, 5, 2)
    assert [one.indices.tolist() for one in loader.batches(0, start=2)] == [[3], [4]]
    assert [batch.x[0, 0].item() for batch in loader] == [0, 2, 3, 4]
    assert loader.describe(3) == "sample 3"
