"""A moment: a fit between two batches as plain values, and back."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnkit.callback import Callback
from learnkit.checkpoint import Snapshot, read_snapshot, write_snapshot
from learnkit.errors import CheckpointError
from learnkit.gradients import GradientGroup
from learnkit.history import History
from learnkit.micro_batch import MicroBatches
from learnkit.precision import Fp16, Plain, Precision
from learnkit.runs.moment import Moment, Running, put_back, read_moment, take
from learnkit.state import Phase, State


class Net(nn.Module):
    """With running statistics, a buffer that is in no state dict, and a layer held twice."""

    def __init__(self, width: int = 3, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first = nn.Linear(4, width)
            self.norm = nn.BatchNorm1d(width)
            self.last = nn.Linear(width, 2)
        self.first_again = self.first
        self.register_buffer("count", torch.zeros(2), persistent=False)


class Counter(Callback):
    def __init__(self, count: int = 0) -> None:
        self.count: Any = count

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "tensor": torch.full((2,), float(self.count))}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        assert state["tensor"].tolist() == [state["count"]] * 2
        self.count = state["count"]


class Silent(Callback):
    def load_state_dict(self, state: dict[str, Any]) -> None:
        raise AssertionError("it has no state")


class Wrong(Callback):
    def state_dict(self) -> dict[str, Any]:
        return {"seen": [1, 2, {3}]}


class Made:
    """A fit in the making, with something in each of its parts."""

    def __init__(
        self,
        *callbacks: Callback,
        seed: int = 0,
        optimizer: Any = torch.optim.Adam,
        precision: Precision | None = None,
        model: nn.Module | None = None,
    ) -> None:
        self.model = model or Net(seed=seed)
        self.state = State(self.model, optimizer=optimizer(self.model.parameters(), lr=0.1))
        self.running = Running(
            state=self.state,
            precision=precision or Plain("fp32", "cpu"),
            callbacks=callbacks,
            history=History(),
            group=GradientGroup(self.state.optimizer),
            micro=MicroBatches("auto"),
        )

    def step(self) -> None:
        x = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
        model: Any = self.model
        model.last(model.norm(model.first(x))).square().sum().backward()
        self.state.optimizer.step()
        self.state.optimizer.zero_grad()

    def copy(self, stage: Any = "train", **options: Any) -> Moment:
        return read_moment(take(self.running, stage, **options), source=Path("runs/x/step-1"))


def flat(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {k: flat(v) for k, v in value.items()}
    return [flat(v) for v in value] if isinstance(value, list | tuple) else value


def busy() -> Made:
    """Return a fit in the midst of an epoch, after three batches."""
    made = Made(Silent(), Counter(5), Counter(7))
    made.step()
    made.model.count.fill_(9)  # type: ignore[operator, union-attr]
    made.model.last.bias.requires_grad_(False)  # type: ignore[union-attr]
    made.state.progress.epochs_done, made.state.progress.batches_seen = 2, 3
    made.state.open_phase(Phase.TRAIN, batches=9)
    made.state.progress.batches_done = 3
    made.state.metrics = {"train_loss": 0.1 + 0.2}
    for value in (0.5, 0.25):
        made.state.add_loss(torch.tensor(value), 4)
    made.running.history.append({"train_loss": 1.0})
    made.running.group.open()
    made.model.last.weight.sum().backward()  # type: ignore[union-attr]
    made.running.group.close(4)
    made.running.micro.size = 2
    return made


def test_all_of_a_fit_comes_back_through_the_disk(tmp_path: Path) -> None:
    one = busy()
    snapshot = take(one.running, "train", seconds=1.5)
    write_snapshot(tmp_path / "s", snapshot.parts, snapshot.document)
    moment = read_moment(read_snapshot(tmp_path / "s"), source=tmp_path / "s")
    callbacks = Silent(), Counter(), Counter()
    other = Made(*callbacks, seed=3)
    put_back(other.running, moment)
    assert flat(other.model.state_dict()) == flat(one.model.state_dict())
    assert flat(other.state.optimizer.state_dict()) == flat(one.state.optimizer.state_dict())
    assert other.model.count.tolist() == [9, 9]  # type: ignore[operator, union-attr]
    assert [p.requires_grad for p in other.model.parameters()] == [
        p.requires_grad for p in one.model.parameters()
    ]
    assert flat([p.grad for p in other.model.parameters()]) == flat(
        [p.grad for p in one.model.parameters()]
    )
    assert (other.running.group.batches, other.running.group.samples) == (1, 4)
    assert other.running.micro.size == 2
    assert other.state.progress == one.state.progress
    assert other.state.metrics == {"train_loss": 0.1 + 0.2}
    assert other.state.loss_so_far == one.state.loss_so_far == 0.375
    assert [callback.count for callback in callbacks[1:]] == [5, 7]
    assert (moment.stage, moment.seconds, moment.stop_reason) == ("train", 1.5, None)
    assert moment.rows == [{"train_loss": 1.0}]
    assert moment.source == tmp_path / "s"


def test_a_moment_does_not_change_when_the_fit_goes_on() -> None:
    made = busy()
    snapshot = take(made.running, "train")
    before = flat([snapshot.parts, snapshot.document])
    made.step()
    made.state.add_loss(torch.tensor(3.0), 4)
    made.running.history.append({"train_loss": 2.0})
    made.model.count.fill_(1)  # type: ignore[operator, union-attr]
    assert flat([snapshot.parts, snapshot.document]) == before


def test_taking_one_changes_nothing_of_the_fit() -> None:
    made, other = busy(), busy()
    take(made.running, "train")
    for one in (made, other):
        one.state.add_loss(torch.tensor(0.1), 3)
    assert flat(made.model.state_dict()) == flat(other.model.state_dict())
    assert torch.equal(made.state.loss_so_far, other.state.loss_so_far)  # type: ignore[arg-type]


def test_the_reason_to_stop_comes_back() -> None:
    one, other = Made(), Made()
    one.state.stop("enough")
    put_back(other.running, one.copy())
    assert other.state.stop_reason == "enough"


def test_gradients_come_back_in_the_memory_order_of_their_weights() -> None:
    model = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    one, other = (
        Made(model=m) for m in (model, nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last))
    )
    model(torch.randn(1, 3, 5, 5)).sum().backward()
    put_back(other.running, one.copy())
    weight: Any = other.model.weight
    assert weight.grad.stride() == weight.stride()
    assert torch.equal(weight.grad, model.weight.grad)  # type: ignore[arg-type]


def test_gradients_that_were_there_are_gone_when_the_moment_has_none() -> None:
    one, other = Made(), Made()
    other.model.last.weight.sum().backward()  # type: ignore[union-attr]
    put_back(other.running, one.copy())
    assert all(p.grad is None for p in other.model.parameters())


def test_the_loss_scale_comes_back() -> None:
    one, other = Made(precision=Fp16("cpu")), Made(precision=Fp16("cpu"))
    weight = nn.Parameter(torch.ones(1))
    overflowing = torch.optim.SGD([weight], lr=0.1)
    one.running.precision.backward((weight * torch.inf).sum())
    one.running.precision.unscale(overflowing)
    one.running.precision.step(overflowing)
    put_back(other.running, one.copy())
    assert other.running.precision.state_dict() == one.running.precision.state_dict()


@pytest.mark.parametrize(
    "optimizer",
    [
        torch.optim.SGD,
        functools.partial(torch.optim.SGD, momentum=0.9),
        torch.optim.Adam,
        functools.partial(torch.optim.AdamW, fused=True),
        torch.optim.RMSprop,
        torch.optim.Adagrad,
    ],
)
def test_the_next_step_is_the_same(optimizer: Any) -> None:
    one, other = Made(optimizer=optimizer), Made(optimizer=optimizer, seed=4)
    one.step()
    put_back(other.running, one.copy())
    one.step()
    other.step()
    assert flat(one.model.state_dict()) == flat(other.model.state_dict())


def test_callbacks_that_came_or_went_get_what_is_theirs() -> None:
    one = Made(Counter(5), Silent())
    new, kept = Silent(), Counter()
    put_back(Made(new, kept).running, one.copy())
    assert kept.count == 5
    alone = Counter(1)
    put_back(Made(alone).running, Made().copy())
    assert alone.count == 1


def test_a_state_that_cannot_be_saved_is_named_by_its_place() -> None:
    with pytest.raises(CheckpointError) as caught:
        Made(Silent(), Wrong()).copy()
    assert str(caught.value).startswith("cannot save .callbacks.1.1.seen.2: it is a set; a state")


def test_another_model_is_refused() -> None:
    with pytest.raises(CheckpointError) as caught:
        put_back(Made(model=Net(width=5)).running, Made().copy())
    assert str(caught.value).startswith(
        f"{Path('runs/x/step-1')} does not fit this model: first.weight has shape (3, 4), "
        "expected (5, 4); "
    )


def test_an_optimizer_of_other_groups_is_refused() -> None:
    moment, other = Made().copy(), Made()
    other.state.optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))]})
    with pytest.raises(CheckpointError) as caught:
        put_back(other.running, moment)
    assert str(caught.value) == (
        f"the optimizer in {Path('runs/x/step-1')} does not fit: loaded state dict has a different "
        "number of parameter groups."
    )


def test_what_is_no_moment_is_refused() -> None:
    whole = take(Made().running, "epoch")
    assert json.dumps(whole.document)
    wrong = {
        "kind": {**whole.document, "kind": "learner"},
        "state": {"kind": "fit"},
    }
    for word, document in wrong.items():
        with pytest.raises(CheckpointError) as caught:
            read_moment(Snapshot(document, whole.parts), source=Path("here"))
        assert str(caught.value) == (
            f"here is no checkpoint of a fit: {word!r} is missing or wrong. "
            "Give the folder of fit(checkpoint=...)."
        )


def test_what_was_added_on_saving_is_the_head() -> None:
    whole = take(Made().running, "epoch")
    document = {"identity": {"a": 1}, "fingerprint": "f", **whole.document}
    moment = read_moment(Snapshot(document, whole.parts), source=Path("here"))
    assert moment.head == {"identity": {"a": 1}, "fingerprint": "f"}
