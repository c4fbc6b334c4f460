"""KeptBuffers: running statistics of a batch that did not count are put back."""

import torch
from torch import Tensor, nn

from learnkit.buffers import KeptBuffers


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Sequential(nn.BatchNorm1d(4)))


def buffers(model: nn.Module) -> list[Tensor]:
    return [buffer.clone() for buffer in model.buffers()]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_what_a_batch_moved_is_put_back_bit_for_bit() -> None:
    model = net()
    kept = KeptBuffers(model)
    model(torch.randn(8, 3))
    before = buffers(model)
    kept.keep()
    model(torch.full((8, 3), torch.nan))
    assert not same(before, buffers(model))
    kept.put_back()
    assert same(before, buffers(model))
    assert [b.dtype for b in model.buffers()] == [b.dtype for b in before]


def test_on_a_device_it_is_put_back_only_where_the_answer_is_yes() -> None:
    model = net()
    kept = KeptBuffers(model)
    before = buffers(model)
    kept.keep()
    model(torch.randn(8, 3))
    after = buffers(model)
    kept.put_back(torch.tensor(False))
    assert same(after, buffers(model))
    kept.put_back(torch.tensor(True))
    assert same(before, buffers(model))
    assert [b.dtype for b in model.buffers()] == [b.dtype for b in before]


def test_each_batch_is_remembered_anew() -> None:
    model = net()
    kept = KeptBuffers(model)
    for _ in range(2):
        kept.keep()
        model(torch.randn(8, 3))
    after_first = [1, 1]  # what num_batches_tracked counts
    kept.put_back()
    assert [int(m.num_batches_tracked) for m in (model[1], model[2][0])] == after_first  # type: ignore[index]


def test_a_module_that_does_not_train_is_left_out() -> None:
    model = net()
    model[1].eval()  # type: ignore[index]
    kept = KeptBuffers(model)
    kept.keep()
    model[1].running_mean.fill_(7.0)  # type: ignore[index]
    model[2][0].running_mean.fill_(7.0)  # type: ignore[index]
    kept.put_back()
    assert model[1].running_mean.tolist() == [7.0] * 4  # type: ignore[index]
    assert model[2][0].running_mean.tolist() == [0.0] * 4  # type: ignore[index]


def test_without_buffers_or_a_model_there_is_nothing_to_do() -> None:
    for model in (None, nn.Linear(3, 4)):
        kept = KeptBuffers(model)
        kept.keep()
        kept.put_back()
        kept.put_back(torch.tensor(True))
