"""Out of memory: the batch is computed in parts, and the step is that of the whole batch."""

import math
import traceback
import warnings
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from learnkit.callback import HOOKS, Callback
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.micro_batch import MicroBatches, check_micro_batch, is_out_of_memory, part_of
from learnkit.optim import sgd
from learnkit.state import State
from learnkit.types import Batch

CPU = torch.device("cpu")


pytestmark = pytest.mark.usefixtures("no_checks")


def said(now: int, size: int) -> str:
    return (
        f"Out of memory on cpu with {now} samples at once: batches are computed in parts of at "
        f"most {size} from here on, and the step is that of the whole batch. BatchNorm that trains "
        f"sees the part alone, and dropout draws for each part. micro_batch={size} begins so; "
        "micro_batch=None makes it an error."
    )


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize("value", ["auto", None, 1, 64])
def test_a_micro_batch_is_auto_none_or_a_number(value: Any) -> None:
    check_micro_batch(value)


@pytest.mark.parametrize("value", ["Auto", 0, -3, 2.0, True])
def test_any_other_micro_batch_is_refused(value: object) -> None:
    with pytest.raises(ValueError) as caught:
        check_micro_batch(value)
    assert str(caught.value) == (
        'micro_batch must be "auto", None or a whole number of samples of at least 1; got '
        f"{value!r}."
    )


@given(n=st.integers(1, 300), size=st.none() | st.integers(1, 300))
def test_the_parts_of_a_batch_are_all_of_it_and_of_nearly_one_size(
    n: int, size: int | None
) -> None:
    micro = MicroBatches(size)
    parts = micro.parts_of(n)
    places = [i for part in parts for i in range(part.start, part.stop)]
    sizes = [part.stop - part.start for part in parts]
    assert places == list(range(n))
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= (size or n)
    assert len(parts) == math.ceil(n / (size or n))


def test_each_time_half_as_many_are_taken_until_there_is_one() -> None:
    micro, sizes = MicroBatches("auto"), []
    while micro.may_shrink(9):
        with pytest.warns(UserWarning, match="Out of memory") as caught:
            micro.shrink(9, CPU)
        sizes.append(micro.size)
    assert sizes == [5, 3, 2, 1]
    assert str(caught[0].message) == said(2, 1)


@pytest.mark.parametrize("setting", [None, 4])
def test_only_auto_takes_fewer(setting: Any) -> None:
    assert not MicroBatches(setting).may_shrink(8)


# ---------------------------------------------------------------- errors


def real_allocator_error() -> BaseException:
    try:
        torch.empty(1 << 50)
    except RuntimeError as error:
        return error
    raise AssertionError("this machine has a petabyte of memory")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        real_allocator_error(),
        MemoryError(),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_what_means_that_memory_has_run_out(error: BaseException) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (4x9 and 3x2)"),
        ValueError("out of memory"),
        RuntimeError("CUDA error: device-side assert triggered"),
    ],
)
def test_what_does_not_mean_it(error: BaseException) -> None:
    assert not is_out_of_memory(error)


# ---------------------------------------------------------------- parts


def test_a_part_has_the_samples_of_everything_that_is_by_sample() -> None:
    pair = namedtuple("pair", "image mask")
    x = {"photo": torch.arange(6).reshape(3, 2), "scale": torch.tensor(2.0), "name": "abc"}
    y = [pair(torch.arange(3), torch.zeros(4)), (torch.ones(3),)]
    part = part_of(Batch(x, y), slice(1, 3), 3)  # type: ignore[arg-type]
    got: Any = part
    assert got.x["photo"].tolist() == [[2, 3], [4, 5]]
    assert (got.x["scale"], got.x["name"]) == (torch.tensor(2.0), "abc")
    assert type(got.y) is list
    assert type(got.y[0]).__name__ == "pair"
    assert got.y[0].image.tolist() == [1, 2]
    assert got.y[0].mask.tolist() == [0.0] * 4
    assert got.y[1][0].tolist() == [1.0, 1.0]


# ---------------------------------------------------------------- fits


class Full:
    """What has room for so many samples at once, and how it says that it has not."""

    def __init__(self, room: int, kind: str = "torch") -> None:
        self.room, self.kind = room, kind
        self.tried: list[int] = []

    def take(self, n: int) -> None:
        self.tried.append(n)
        if n > self.room:
            if self.kind == "torch":
                raise torch.OutOfMemoryError("CUDA out of memory.")
            torch.empty(1 << 50)


class InForward(nn.Module):
    def __init__(self, full: Full) -> None:
        super().__init__()
        self.full = full

    def forward(self, x: Tensor) -> Tensor:
        self.full.take(len(x))
        return x


class _Costly(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, full: Full) -> Tensor:
        ctx.full = full
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        ctx.full.take(len(gradients[0]))
        return gradients[0], None


class InBackward(InForward):
    def forward(self, x: Tensor) -> Tensor:
        return _Costly.apply(x, self.full) if self.training else x  # type: ignore[no-any-return]


class InDouble(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.double()


def net(costly: nn.Module | None, *, dropout: float = 0.0, norm: bool = False) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers: list[nn.Module] = [InDouble(), nn.Linear(4, 6), nn.Tanh()]
        layers += [nn.BatchNorm1d(6)] if norm else []
        layers += [costly] if costly is not None else []
        layers += [nn.Dropout(dropout), nn.Linear(6, 2)]
        return nn.Sequential(*layers).double()


def bunch(n: int = 22, batch_size: int = 8, tfms: Any = None) -> DataBunch:
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(n + 9, 4, generator=drawn)
    y = (x.sum(1) > 0).long()
    sets = [torch.utils.data.TensorDataset(x[a:b], y[a:b]) for a, b in ((0, n), (n, n + 9))]
    return DataBunch.from_dataset(
        sets[0], sets[1], classes=[0, 1], batch_size=batch_size, tfms=tfms
    )


class Gradients(Callback):
    """Note the gradients of every step, in the order of the steps."""

    def __init__(self) -> None:
        self.seen: list[list[Tensor]] = []

    def before_step(self, state: State) -> None:
        self.seen.append([p.grad.clone() for p in state.model.parameters() if p.grad is not None])


def learner(model: nn.Module, data: DataBunch | None = None, **options: Any) -> Learner:
    options.setdefault("metrics", accuracy)
    return Learner(data or bunch(), model, device="cpu", precision="fp32", **options)


def numbers(history: Any) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def same(one: Learner, other: Learner) -> bool:
    pairs = zip(one.model.state_dict().values(), other.model.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("kind", ["torch", "allocator"])
@pytest.mark.parametrize("costly", [InForward, InBackward])
@pytest.mark.parametrize("accumulate", [1, 2, 3])
def test_the_gradients_are_those_of_the_whole_batch(
    costly: type[InForward], kind: str, accumulate: int
) -> None:
    """22 samples in batches of 8, 8 and 6; in fp64, so that sums in parts are equal to 1e-12."""
    full, plain, parted = Full(3, kind), Gradients(), Gradients()
    learn, other = learner(net(None)), learner(net(costly(full)))
    options: dict[str, Any] = {"accumulate": accumulate, "progress": False}
    expected = learn.fit(2, 0.05, callbacks=plain, **options)
    with pytest.warns(UserWarning, match="Out of memory") as caught:
        found = other.fit(2, 0.05, callbacks=parted, **options)
    assert [str(w.message) for w in caught] == [said(8, 4), said(4, 2)]
    assert len(parted.seen) == 2 * math.ceil(3 / accumulate)
    for one, two in zip(plain.seen, parted.seen, strict=True):
        for a, b in zip(one, two, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    assert max(full.tried[3:]) == 2
    for row, expected_row in zip(numbers(found), numbers(expected), strict=True):
        assert row == pytest.approx(expected_row, abs=1e-12)


@settings(max_examples=25)
@given(
    n=st.integers(2, 20), size=st.integers(2, 9), room=st.integers(1, 9), group=st.integers(1, 4)
)
def test_whatever_the_sizes_the_steps_are_the_same(
    n: int, size: int, room: int, group: int
) -> None:
    plain, parted = Gradients(), Gradients()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for model, seen in ((net(None), plain), (net(InForward(Full(room))), parted)):
            learner(model, bunch(n, size)).fit(
                1, 0.05, accumulate=group, callbacks=seen, progress=False
            )
    for one, two in zip(plain.seen, parted.seen, strict=True):
        for a, b in zip(one, two, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


class Mixing(Callback):
    """Draws from torch's generator before the batch is computed, as mixup does."""

    def before_batch(self, state: State) -> None:
        if state.training:
            order = torch.randperm(len(state.batch.y))
            state.batch = state.batch._replace(x=state.batch.x.lerp(state.batch.x[order], 0.3))


@pytest.mark.parametrize("costly", [InForward, InBackward])
def test_a_fit_that_ran_out_of_memory_has_the_same_bits_each_time(
    costly: type[InForward],
) -> None:
    """The second attempt draws from the batch's own number, whatever drew before it."""
    noisy = bunch(tfms=lambda x: x + torch.randn_like(x))
    runs = []
    for drawn_before in (0, 7):
        torch.rand(drawn_before)
        model = net(costly(Full(4)), dropout=0.5, norm=True)
        learn = learner(model, noisy)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rows = numbers(learn.fit(2, 0.05, callbacks=Mixing(), progress=False))
        assert [str(w.message) for w in caught] == [said(8, 4)]
        runs.append((learn, rows))
    assert runs[0][1] == runs[1][1]
    assert same(runs[0][0], runs[1][0])


@pytest.mark.parametrize("costly", [InForward, InBackward])
def test_where_the_model_draws_nothing_the_bits_are_those_of_a_fit_that_began_in_parts(
    costly: type[InForward],
) -> None:
    noisy = bunch(tfms=lambda x: x + torch.randn_like(x))
    runs = []
    for room, micro in ((4, "auto"), (99, 4)):
        learn = learner(net(costly(Full(room)), norm=True), noisy, micro_batch=micro)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rows = numbers(learn.fit(2, 0.05, callbacks=Mixing(), progress=False))
        assert [str(w.message) for w in caught] == ([said(8, 4)] if micro == "auto" else [])
        runs.append((learn, rows))
    assert runs[0][1] == runs[1][1]
    assert same(runs[0][0], runs[1][0])


def test_what_hooks_drew_for_the_batch_does_not_come_again_in_the_second_attempt() -> None:
    drawn: dict[str, list[float]] = {"hook": [], "model": []}

    class Drawing(InForward):
        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                drawn["model"].append(torch.rand(()).item())
            return super().forward(x)

    class Hook(Callback):
        def before_batch(self, state: State) -> None:
            if state.training:
                drawn["hook"].append(torch.rand(()).item())

    with pytest.warns(UserWarning, match="Out of memory"):
        learner(net(Drawing(Full(4)))).fit(1, callbacks=Hook(), progress=False)
    assert (len(drawn["hook"]), len(drawn["model"])) == (3, 1 + 2 + 2 + 2)
    assert len({*drawn["hook"], *drawn["model"]}) == 10


def test_a_failed_attempt_leaves_nothing_in_batch_norm() -> None:
    """The forward pass of an attempt that failed in backward has moved the statistics."""
    learn = learner(net(InBackward(Full(4)), norm=True), bunch(8, 8))
    with pytest.warns(UserWarning, match="Out of memory"):
        learn.fit(1, 0.05, progress=False)
    norm = learn.model[3]
    assert int(norm.num_batches_tracked) == 2  # the two parts


def test_validation_is_computed_in_parts_too() -> None:
    full = Full(5)
    model = net(InForward(full))
    learn, plain = learner(model), learner(net(None))
    with pytest.warns(UserWarning, match="Out of memory") as caught:
        row = learn.validate()
    assert [str(w.message) for w in caught] == [said(8, 4)]
    assert row == pytest.approx(plain.validate(), abs=1e-12)
    assert full.tried == [8, 4, 4, 1]


def test_it_is_said_once_for_each_time_and_the_fit_goes_on_training() -> None:
    learn = learner(net(InForward(Full(2))))
    with pytest.warns(UserWarning, match="Out of memory") as caught:
        history = learn.fit(6, 0.1, progress=False)
    assert [str(w.message) for w in caught] == [said(8, 4), said(4, 2)]
    assert history[-1]["train_loss"] < 0.7 * history[0]["train_loss"]


@pytest.mark.parametrize("setting", [None, 8])
def test_where_it_may_not_take_fewer_the_error_is_the_original_one(setting: Any) -> None:
    learn = learner(net(InForward(Full(3))), micro_batch=setting)
    with pytest.raises(torch.OutOfMemoryError) as caught:
        learn.fit(1, progress=False)
    assert str(caught.value) == "CUDA out of memory."
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[-2:] == ["forward", "take"]
    assert caught.value.__notes__ == ["The model was given x (8, 4) float32 on cpu."]


def test_one_sample_that_does_not_fit_is_an_error() -> None:
    learn = learner(net(InForward(Full(0))))
    with pytest.warns(UserWarning, match="Out of memory"), pytest.raises(torch.OutOfMemoryError):
        learn.fit(1, progress=False)
    assert not learn.model.training


def test_another_error_is_never_taken_for_it() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        learner(net(Broken())).fit(1, progress=False)


class Events(Callback):
    """Write a letter for each event of a batch, and how many samples the state shows."""

    def __init__(self) -> None:
        self.events: list[str] = []


def _hook(letter: str) -> Any:
    def run(self: Events, state: State) -> None:
        self.events.append(f"{letter}{len(state.indices)}")
        assert len(state.batch.x) == len(state.batch.y) == len(state.indices)

    return run


for _name, _letter in zip(HOOKS[3:9], "bolstB", strict=True):
    setattr(Events, _name, _hook(_letter))


def test_the_hooks_of_a_batch_in_parts_come_once_or_for_each_part() -> None:
    """b before_batch, o after_forward, l after_loss, s before_step, t after_step, B after_batch."""
    events = Events()
    learner(net(None), bunch(11, 8), micro_batch=4).fit(1, callbacks=events, progress=False)
    train = "b8 o4 l4 o4 l4 s8 t8 B8 b3 o3 l3 s3 t3 B3"
    valid = "b8 o4 l4 o4 l4 B8 b1 o1 l1 B1"
    assert " ".join(events.events) == f"{train} {valid}"


def test_after_the_batch_its_loss_and_predictions_are_those_of_all_parts() -> None:
    seen: list[tuple[Tensor, float]] = []

    class Looking(Callback):
        def after_batch(self, state: State) -> None:
            seen.append((state.preds.detach().clone(), state.loss.item()))

    for micro in (None, 3):
        options: dict[str, Any] = {"micro_batch": micro, "opt_func": sgd}
        learner(net(None), bunch(8, 8), **options).fit(1, callbacks=Looking(), progress=False)
    whole, parts = seen[0], seen[3]  # each fit has a batch of training and two of validation
    torch.testing.assert_close(whole[0], parts[0], rtol=0, atol=1e-12)
    assert whole[1] == pytest.approx(parts[1], abs=1e-12)


def test_lbfgs_is_not_computed_in_parts() -> None:
    learn = learner(net(InForward(Full(3))), opt_func=torch.optim.LBFGS)
    with pytest.raises(torch.OutOfMemoryError):
        learn.fit(1, 0.1, progress=False)


def test_a_checkpoint_remembers_how_many_fit(tmp_path: Path, no_flushing: None) -> None:
    """A fit that goes on does not run out of memory again, and its bits are the same."""

    class Boom(Callback):
        looks_on = True

        def before_batch(self, state: State) -> None:
            if state.progress.batches_seen == 5:
                raise ZeroDivisionError

    def fit(room: int, *more: Callback, folder: str | None) -> tuple[Learner, list[str], list[int]]:
        full = Full(room)
        learn = learner(net(InForward(full), dropout=0.5), path=tmp_path)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                learn.fit(3, 0.05, callbacks=more, checkpoint=folder, every_steps=1, progress=False)
            except ZeroDivisionError:
                assert more
        return learn, [str(w.message) for w in caught], full.tried

    whole, messages, _ = fit(4, folder=None)
    assert messages == [said(8, 4)]
    _, messages, _ = fit(4, Boom(), folder="run")
    assert messages == [said(8, 4)]
    again, messages, tried = fit(4, folder="run")
    assert messages == []
    assert max(tried) == 4
    assert same(again, whole)
