"""GradientCheckpointing: the same bits with fewer activations."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from learnkit.callback import Callback
from learnkit.callbacks.gradients.gradient_checkpointing import (
    GradientCheckpointing,
    default_blocks,
)
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner
from learnkit.models.fast_body import has_hooks
from learnkit.sanity.names import CHECKS
from learnkit.state import State
from learnkit.testing import tiny_learner

pytestmark = pytest.mark.usefixtures("no_flushing")


def resnet_learner() -> Learner:
    """A resnet18 of torchvision, an eighth as wide, on 8 x 8 pixels."""
    from torchvision.models.resnet import BasicBlock, ResNet

    class Narrow(ResNet):
        def _make_layer(self, block: Any, planes: int, *args: Any, **options: Any) -> Any:
            if planes == 64:
                self.inplanes, self.conv1 = 8, nn.Conv2d(3, 8, 3, padding=1, bias=False)
                self.bn1 = nn.BatchNorm2d(8)
            return super()._make_layer(block, planes // 8, *args, **options)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Narrow(BasicBlock, [2, 2, 2, 2], num_classes=2)
        model.fc = nn.Sequential(nn.Dropout(0.5), nn.Linear(64, 2))
        x, y = torch.randn(10, 3, 8, 8), torch.arange(10) % 2
    data = DataBunch.from_arrays(x, y, valid=(x, y), classes=[0, 1], batch_size=4)
    return Learner(data, model, device="cpu", precision="fp32", mute=CHECKS)  # type: ignore[arg-type]


class Packed(Callback):
    """Counts the bytes that the forward pass of each training batch keeps for the backward one."""

    looks_on = True

    def __init__(self) -> None:
        self.bytes: list[int] = []
        self._hooks: Any = None

    def before_batch(self, state: State) -> None:
        self.after_batch(state)
        if state.training:
            seen: set[int] = {p.untyped_storage().data_ptr() for p in state.model.parameters()}
            self.bytes.append(0)

            def pack(tensor: Tensor) -> Tensor:
                storage = tensor.untyped_storage()
                if storage.data_ptr() not in seen:
                    seen.add(storage.data_ptr())
                    self.bytes[-1] += storage.nbytes()
                return tensor

            self._hooks = saved_tensors_hooks(pack, lambda tensor: tensor)
            self._hooks.__enter__()

    def after_forward(self, state: State) -> None:
        self.after_batch(state)

    def after_batch(self, state: State) -> None:
        hooks, self._hooks = self._hooks, None
        if hooks is not None:
            hooks.__exit__(None, None, None)


@pytest.mark.parametrize("make", [resnet_learner, tiny_learner])
def test_the_fit_is_the_same_to_the_last_bit(make: Callable[[], Learner]) -> None:
    plain, learn = make(), make()
    without = plain.fit(2, 0.05, progress=False)
    history = learn.fit(2, 0.05, callbacks=GradientCheckpointing(), progress=False)
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, learn.model.state_dict()[name]), name
    for key in ("train_loss", "valid_loss"):
        assert [row[key] for row in history] == [row[key] for row in without]


def test_less_is_kept_for_the_backward_pass() -> None:
    def kept(*callbacks: Callback) -> int:
        packed = Packed()
        resnet_learner().fit(1, 0.05, callbacks=[*callbacks, packed], progress=False)
        return max(packed.bytes)

    assert kept(GradientCheckpointing()) < 0.5 * kept()


def test_the_blocks_are_those_of_several_layers_in_a_list() -> None:
    model = resnet_learner().model
    layers = (model.layer1, model.layer2, model.layer3, model.layer4)
    assert default_blocks(model) == [block for layer in layers for block in layer]
    mlp = tiny_learner().model
    assert default_blocks(mlp) == list(mlp.children())


class Part(nn.Module):
    """A part of a model with other modules as its own."""

    def __init__(self, *inner: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*inner)


def test_a_stage_of_blocks_is_its_blocks_and_a_block_of_layers_is_one() -> None:
    def layer() -> nn.Module:
        return nn.Sequential(nn.Linear(1, 1), nn.ReLU())

    blocks = [Part(layer(), layer()) for _ in range(4)]
    model = nn.Sequential(Part(*blocks[:2]), Part(*blocks[2:]), nn.Linear(1, 1))
    assert default_blocks(model) == blocks


def test_while_training_only_forward_is_another() -> None:
    learn, seen = tiny_learner(), {}

    class Look(Callback):
        def before_phase(self, state: State) -> None:
            seen[state.phase.value] = [has_hooks(m) for m in learn.model.children()]

    learn.fit(1, 0.05, callbacks=[GradientCheckpointing(), Look()], progress=False)
    assert seen == {"train": [True, True], "valid": [False, False]}


def test_a_forward_of_the_users_own_is_called_and_put_back() -> None:
    learn, calls = tiny_learner(), []
    block = learn.model[0]
    own = block.forward

    def forward(x: Tensor) -> Tensor:
        calls.append(len(x))
        return own(x)

    block.forward = forward
    learn.fit(1, 0.05, callbacks=GradientCheckpointing(), progress=False)
    assert vars(block)["forward"] is forward
    assert len(calls) == 2 * 4 + 2  # each training batch twice


def test_a_model_without_blocks_is_refused(make_state: Any) -> None:
    with pytest.raises(ValueError) as caught:
        GradientCheckpointing().before_fit(make_state())
    assert str(caught.value) == (
        "GradientCheckpointing() found no blocks in Linear; name them: "
        "GradientCheckpointing(lambda model: [model.first, model.second])."
    )


def test_two_of_one_block_are_refused_and_leave_nothing() -> None:
    learn = tiny_learner()
    with pytest.raises(ValueError) as caught:
        learn.fit(1, callbacks=[GradientCheckpointing(), GradientCheckpointing()], progress=False)
    assert str(caught.value) == (
        "GradientCheckpointing: a block, Sequential, is run again by another "
        "GradientCheckpointing already, or is named twice; give one of them, and each block once."
    )
    assert not any("forward" in vars(module) for module in learn.model.modules())
