"""batch_size_find: the largest batch that fits with a margin, and no trace of the search."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from learnkit.batch_size import BatchSize, find_size
from learnkit.data.bunch import DataBunch
from learnkit.errors import LearnkitError
from learnkit.learner import Learner
from learnkit.memory_use import HostMemory

CPU = torch.device("cpu")
MIB = 1 << 20


class FakeDevice:
    """A device of ``total`` bytes on which a batch of n takes ``fixed + n * each``."""

    def __init__(self, total: int, *, fixed: int = 100, each: int = 10, fails: bool = True) -> None:
        self._total, self._fixed, self._each, self._fails = total, fixed, each, fails
        self._peak = 0

    def total(self) -> int:
        return self._total

    def begin(self) -> int:
        self._peak = 0
        return self._fixed

    def peak(self) -> int:
        return self._peak

    def step(self, size: int) -> None:
        self._peak = self._fixed + size * self._each
        if self._peak > self._total and self._fails:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")


def found(device: FakeDevice, **options: Any) -> BatchSize:
    given = {"start": 8, "most": 10_000, "margin": 0.2, **options}
    return find_size(device.step, device, device=CPU, **given)


def test_the_batch_fills_the_room_that_the_margin_leaves() -> None:
    """0.8 of 10,000 bytes less 100 is room for 790 samples; 784 is the multiple of 8 below."""
    result = found(FakeDevice(10_000))
    assert (result.size, result.limited_by, result.per_sample) == (784, "memory", 10)
    assert [size for size, _ in result.tried] == [8, 16, 32, 64, 128, 256, 512, 784]
    assert result.tried[-1] == (784, 7940)


def test_without_a_margin_no_size_is_run_that_cannot_fit() -> None:
    result = found(FakeDevice(10_000), margin=0.0)
    assert result.size == 984
    assert max(size for size, _ in result.tried) == 984


def test_what_is_wanted_at_most_ends_the_search() -> None:
    result = found(FakeDevice(10_000), most=100)
    assert (result.size, result.limited_by) == (100, "most")
    assert [size for size, _ in result.tried] == [8, 16, 32, 64, 100]


def test_a_first_size_that_does_not_fit_is_halved() -> None:
    result = found(FakeDevice(1000), start=512)
    assert result.size == 64
    assert result.tried[:4] == ((512, None), (256, None), (128, None), (64, 740))


def test_memory_that_runs_out_unforeseen_is_caught() -> None:
    """A device whose need leaps at 64 samples, as when another algorithm is chosen there."""
    device = FakeDevice(10_000)
    plain = device.step

    def leaping(size: int) -> None:
        if size >= 64:
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED")
        plain(size)

    result = find_size(leaping, device, device=CPU, start=8, most=1000, margin=0.2)
    assert (result.size, result.limited_by) == (56, "memory")
    assert result.tried == ((8, 180), (16, 260), (32, 420), (64, None), (56, 660))


def test_any_other_error_comes_through() -> None:
    def wrong(size: int) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match=r"^mat1 and mat2 shapes cannot be multiplied$"):
        find_size(wrong, FakeDevice(1000), device=CPU, start=8, most=10, margin=0.2)


@pytest.mark.parametrize(("fails", "needs"), [(True, ""), (False, "; it takes 1.95 KiB")])
def test_a_device_too_small_for_one_sample_says_so(fails: bool, needs: str) -> None:
    with pytest.raises(LearnkitError) as caught:
        found(FakeDevice(1000, each=1900, fails=fails))
    assert str(caught.value) == (
        "not even a batch of one sample fits into the 800 bytes that the margin leaves"
        f"{needs}. Free memory, take smaller samples or a smaller model."
    )


def test_the_result_says_what_it_found() -> None:
    result = BatchSize(96, "memory", 16 << 30, 0.2, 100 * MIB, ((96, 1),))
    assert str(result) == "96 samples are the most that fit into 80% of 16 GiB: 100 MiB a sample"
    result = BatchSize(96, "most", 16 << 30, 0.2, 512, ((96, 1),))
    assert str(result) == (
        "96 samples, as many as were wanted, fit into 80% of 16 GiB: 512 bytes a sample"
    )
    result = BatchSize(8, "most", 1 << 30, 0.5, 0, ((8, 1),))
    assert str(result) == (
        "8 samples, as many as were wanted, fit into 50% of 1 GiB: samples are tiny"
    )


# ---------------------------------------------------------------- on a learner

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured through /proc")


def learner(**options: Any) -> Learner:
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(300, 4, generator=drawn)
    data = DataBunch.from_arrays(x, (x.sum(1) > 0).long(), classes=[0, 1], batch_size=16)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(4, 1500), nn.BatchNorm1d(1500), nn.Dropout(), nn.Linear(1500, 2)
    )
    return Learner(data, model, device="cpu", precision="fp32", **options)


def everything(learn: Learner) -> dict[str, Any]:
    """All that a search could have changed."""
    return {
        "weights": {n: v.clone() for n, v in learn.model.state_dict().items()},
        "optimizer": str(learn.optimizer.state_dict()),
        "modes": [m.training for m in learn.model.modules()],
        "trains": [p.requires_grad for p in learn.model.parameters()],
        "history": len(learn.history),
        "generator": torch.get_rng_state(),
    }


def alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    weights = zip(one["weights"].values(), other["weights"].values(), strict=True)
    same = all(torch.equal(a, b) for a, b in weights)
    rest = ("optimizer", "modes", "trains", "history")
    generator = torch.equal(one["generator"], other["generator"])
    return same and generator and all(one[name] == other[name] for name in rest)


@linux
def test_a_cpu_is_measured_for_real_and_nothing_is_left_behind() -> None:
    learn = learner()
    learn.fit(1, progress=False)
    before = everything(learn)
    result = learn.batch_size_find(start=64)
    assert result.limited_by == "most"
    assert result.size == learn.data.train_dl.n_samples == 240
    assert [size for size, _ in result.tried] == [64, 128, 240]
    assert all(peak for _, peak in result.tried)
    assert alike(before, everything(learn))


@linux
def test_the_samples_come_again_in_a_batch_that_is_larger_than_the_data() -> None:
    result = learner().batch_size_find(start=200, most=600)
    assert result.size == 600
    # three times 1500 numbers of 4 bytes and some more; none where earlier tests left room for it
    assert 0 <= result.per_sample < 400_000


@linux
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_error_in_the_search_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    learn, calls = learner(), [0]
    before, step = everything(learn), torch.optim.AdamW.step

    def failing(self: Any, *args: Any) -> Any:
        calls[0] += 1
        if calls[0] == 4:
            raise error
        return step(self, *args)

    monkeypatch.setattr(torch.optim.AdamW, "step", failing)
    with pytest.raises(error):
        learn.batch_size_find()
    assert alike(before, everything(learn))


@linux
def test_the_peak_of_the_process_counts_what_was_freed() -> None:
    memory = HostMemory()
    base = memory.begin()
    big = torch.ones(50 * MIB)  # 200 MiB
    del big
    assert 180 * MIB < memory.peak() - base < 260 * MIB
    assert memory.begin() < base + 100 * MIB
    assert memory.total() > base


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda learn: learn.batch_size_find(start=0),
            "batch_size_find(): start must be a whole number of at least 1, found 0.",
        ),
        (
            lambda learn: learn.batch_size_find(most=2.5),
            "batch_size_find(): most must be a whole number of at least 1, found 2.5.",
        ),
        (
            lambda learn: learn.batch_size_find(margin=1.0),
            "batch_size_find(): margin must be from 0 to below 1, found 1.0.",
        ),
    ],
)
def test_an_option_out_of_range_is_refused(call: Callable[[Learner], Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        call(learner())
    assert str(caught.value) == message
