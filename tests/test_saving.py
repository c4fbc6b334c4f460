"""A learner on disk: all that training goes on from, or nothing."""

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from learnkit.checkpoint import write_snapshot
from learnkit.errors import CheckpointError
from learnkit.history import History
from learnkit.optim import adamw, build_optimizer, set_rates, sgd
from learnkit.precision import Fp16, Plain, Precision
from learnkit.progress import Progress
from learnkit.saving import read_learner, write_learner


class Parts:
    """A model that has taken a step, and what goes with it."""

    def __init__(
        self, factory: Any = adamw, *, width: int = 2, layers: int = 1, steps: int = 1
    ) -> None:
        self.model = nn.Linear(3, width)
        groups = [[p] for p in self.model.parameters()] if layers == 2 else None
        self.optimizer = build_optimizer(factory, groups or [list(self.model.parameters())])
        set_rates(self.optimizer, [0.1] * layers, 0.01)
        self.precision: Precision = Plain("fp32", "cpu")
        self.seen = Progress()
        for _ in range(steps):
            self.optimizer.zero_grad()
            loss = self.model(torch.ones(1, 3)).square().sum()
            loss.backward()
            self.optimizer.step(lambda: 0.0)

    def write(
        self, folder: Path, history: History | None = None, *, optimizer: bool = True
    ) -> Path:
        return write_learner(
            folder,
            model=self.model,
            optimizer=self.optimizer if optimizer else None,
            precision=self.precision,
            seen=self.seen,
            history=history or History(),
        )

    def read(self, folder: Path, *, optimizer: bool = True) -> History:
        return read_learner(
            folder,
            model=self.model,
            optimizer=self.optimizer if optimizer else None,
            precision=self.precision,
            seen=self.seen,
        )


def flat(value: Any) -> Any:
    """Tensors as lists, so that == compares them."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {k: flat(v) for k, v in value.items()}
    return [flat(v) for v in value] if isinstance(value, list | tuple) else value


FACTORIES = {
    "adamw": adamw,
    "sgd": sgd,
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "amsgrad": functools.partial(torch.optim.AdamW, amsgrad=True),
    "nadam": torch.optim.NAdam,
    "adafactor": torch.optim.Adafactor,
}


@pytest.mark.parametrize("name", FACTORIES)
def test_model_optimizer_progress_and_history_come_back(tmp_path: Path, name: str) -> None:
    one, other = Parts(FACTORIES[name], steps=2), Parts(FACTORIES[name], steps=0)
    one.seen = Progress(epochs_before=3, batches_seen=40)
    history = History([{"train_loss": 0.5, "accuracy": 0.75}])
    one.write(tmp_path / "s", history)
    assert other.read(tmp_path / "s") == history
    assert other.seen == one.seen
    assert flat(other.model.state_dict()) == flat(one.model.state_dict())
    assert flat(other.optimizer.state_dict()) == flat(one.optimizer.state_dict())


def test_lbfgs_comes_back_with_its_memory(tmp_path: Path) -> None:
    def step(parts: Parts) -> None:
        def closure() -> torch.Tensor:
            parts.optimizer.zero_grad()
            loss: torch.Tensor = (parts.model(torch.eye(3)) - 1).square().sum()
            loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
            return loss

        closure()
        parts.optimizer.step(closure)  # type: ignore[arg-type, unused-ignore]

    factory = functools.partial(torch.optim.LBFGS, lr=0.1, max_iter=2)
    one, other = Parts(factory, steps=0), Parts(factory, steps=0)
    step(one)
    one.write(tmp_path / "s")
    other.read(tmp_path / "s")
    step(one)
    step(other)
    assert flat(one.model.state_dict()) == flat(other.model.state_dict())


def test_the_loss_scale_comes_back(tmp_path: Path) -> None:
    one, other = Parts(), Parts()
    one.precision, other.precision = Fp16("cpu"), Fp16("cpu")
    weight = nn.Parameter(torch.ones(1))
    overflowing = torch.optim.SGD([weight], lr=0.1)
    one.precision.backward((weight * torch.inf).sum())
    one.precision.unscale(overflowing)
    one.precision.step(overflowing)
    one.write(tmp_path / "s")
    other.read(tmp_path / "s")
    assert other.precision.state_dict() == one.precision.state_dict()


@pytest.mark.parametrize(("saved", "loaded"), [(True, False), (False, True), (False, False)])
def test_the_optimizer_may_be_left_out_on_either_side(
    tmp_path: Path, saved: bool, loaded: bool
) -> None:
    one, other = Parts(), Parts(steps=0)
    one.write(tmp_path / "s", optimizer=saved)
    other.read(tmp_path / "s", optimizer=loaded)
    assert flat(other.model.state_dict()) == flat(one.model.state_dict())
    assert other.optimizer.state_dict()["state"] == {}


def told(call: Any) -> str:
    with pytest.raises(CheckpointError) as caught:
        call()
    return str(caught.value)


def test_another_model_is_refused_and_left_alone(tmp_path: Path) -> None:
    Parts(width=5).write(tmp_path / "s")
    other = Parts()
    before = flat(other.model.state_dict())
    assert told(lambda: other.read(tmp_path / "s")) == (
        f"{tmp_path / 's'} does not fit this model: weight has shape (5, 3), expected (2, 3); "
        "bias has shape (5,), expected (2,). "
        "Build the model with the same architecture and the same classes."
    )
    assert flat(other.model.state_dict()) == before


def test_an_optimizer_of_other_groups_is_refused(tmp_path: Path) -> None:
    Parts(layers=1).write(tmp_path / "s")
    one_group = Parts(torch.optim.LBFGS, steps=0)
    message = told(lambda: one_group.read(tmp_path / "s"))
    assert message == (
        f"the optimizer in {tmp_path / 's'} does not fit this one (loaded state dict has a "
        "different number of parameter groups). Make the learner with the same opt_func and layer "
        "groups, or load with optimizer=False."
    )


def test_a_snapshot_of_another_kind_is_refused(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "s", {"model": {}}, {"kind": "fit"})
    expected = f"{tmp_path / 's'} was not written by Learner.save; give a folder that it wrote."
    assert told(lambda: Parts().read(tmp_path / "s")) == expected


def test_the_state_of_another_optimizer_is_refused_and_leaves_this_one(tmp_path: Path) -> None:
    Parts(adamw).write(tmp_path / "s")
    other = Parts(sgd)
    before = flat(other.optimizer.state_dict())
    assert told(lambda: other.read(tmp_path / "s")) == (
        f"the optimizer in {tmp_path / 's'} does not fit this one (SGD needs dampening, momentum). "
        "Make the learner with the same opt_func and layer groups, or load with optimizer=False."
    )
    assert flat(other.optimizer.state_dict()) == before


def test_an_export_is_no_snapshot(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")
    assert told(lambda: Parts().read(tmp_path)) == (
        f"{tmp_path} is an export, which is for predicting: load_learner({str(tmp_path)!r}) takes "
        "it. To go on training, give a folder that learn.save() wrote."
    )
