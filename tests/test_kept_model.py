"""kept_model: whatever is done to a model inside, it leaves as it was."""

import signal

import pytest
import torch
from torch import Tensor, nn

from learnkit.data.bunch import DataBunch
from learnkit.kept_model import kept_model
from learnkit.learner import Learner


class Net(nn.Module):
    """With BatchNorm, a frozen layer, and a buffer that no checkpoint holds."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)
        self.register_buffer("calls", torch.zeros(()), persistent=False)
        self.first.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.last(self.norm(self.first(x)))


def looks(model: nn.Module) -> list[object]:
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return [
        *((name, value.tolist(), value.data_ptr(), value.requires_grad) for name, value in tensors),
        *(None if p.grad is None else p.grad.tolist() for p in model.parameters()),
        *(module.training for module in model.modules()),
    ]


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    model = Net()
    model.last.weight.grad = torch.ones(2, 4)
    return model.train()


@pytest.mark.parametrize("error", [None, ZeroDivisionError, KeyboardInterrupt])
def test_everything_is_put_back(net: Net, error: type[BaseException] | None) -> None:
    before = looks(net)

    def change() -> None:
        with kept_model(net):
            net.requires_grad_(True)
            net(torch.randn(5, 3)).sum().backward()
            torch.optim.SGD(net.parameters(), lr=1.0).step()
            net.eval()
            assert looks(net) != before
            if error is not None:
                raise error

    if error is None:
        change()
    else:
        with pytest.raises(error):
            change()
    assert looks(net) == before


def test_ctrl_c_waits_until_all_is_put_back(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    before, copy = looks(net), torch.Tensor.copy_
    pressed: list[int] = []

    def interrupted(self: torch.Tensor, *args: object) -> torch.Tensor:
        if not pressed:
            pressed.append(1)
            signal.raise_signal(signal.SIGINT)
        return copy(self, *args)  # type: ignore[arg-type]

    def leave_interrupted() -> None:
        with kept_model(net):
            net(torch.randn(5, 3))
            monkeypatch.setattr(torch.Tensor, "copy_", interrupted)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            leave_interrupted()
    finally:
        signal.signal(signal.SIGINT, handler)
        monkeypatch.undo()
    assert pressed
    assert looks(net) == before


@pytest.mark.parametrize("batch", [1, 3, 6])
def test_a_sweep_that_ctrl_c_ends_leaves_no_trace(net: Net, batch: int) -> None:
    """In any batch; the generators of the caller are as they were, too."""
    x = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    data = DataBunch.from_arrays(x, (x[:, 0] > 0).long(), classes=[0, 1], batch_size=6)
    learn = Learner(data, net, device="cpu", precision="fp32")
    before, generator = looks(net), torch.get_rng_state()

    def press(module: nn.Module, args: object) -> None:
        if net.calls == batch:
            signal.raise_signal(signal.SIGINT)

    hook = net.norm.register_forward_pre_hook(press)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            learn.lr_find(progress=False)
    finally:
        signal.signal(signal.SIGINT, handler)
        hook.remove()
    assert looks(net) == before
    assert torch.equal(torch.get_rng_state(), generator)


class Counts(nn.Module):
    """Replaces its buffers by new ones, as running statistics are often written."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)
        self.register_buffer("n", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.n = self.n + 1
        out: Tensor = self.layer(x)
        return out


def test_a_buffer_that_a_module_replaced_comes_back_too() -> None:
    model = Counts()
    held = model.n
    with kept_model(model):
        model(torch.ones(1, 4))
        assert float(model.n) == 1.0
    assert model.n is held
    assert float(model.n) == 0.0
