"""Precision: in which numbers a step is computed, and why."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnkit import precision
from learnkit.precision import Fp16, Plain, Precision, choose_precision

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))


class Large(nn.Module):
    """A million parameters that take no memory."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1_000_000, device="meta"))


def make(name: str) -> Precision:
    return Fp16("cpu") if name == "fp16" else Plain(name, "cpu")


@pytest.mark.parametrize("name", ["fp32", "bf16", "fp16"])
def test_the_context_is_left_when_the_body_raises(name: str) -> None:
    def body() -> None:
        with make(name).forward_context():
            assert torch.is_autocast_enabled("cpu") is (name != "fp32")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        body()
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
def test_the_forward_pass_runs_in_its_numbers(name: str, dtype: torch.dtype) -> None:
    model = nn.Linear(4, 2)
    with make(name).forward_context():
        assert model(torch.ones(3, 4)).dtype == dtype
    assert model.weight.dtype == torch.float32


@pytest.mark.parametrize("name", ["fp32", "bf16", "fp16"])
def test_a_step_moves_the_weights_by_the_true_gradient(name: str) -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    chosen = make(name)
    chosen.backward((weight * 2).sum())
    chosen.unscale(optimizer)
    assert weight.grad is not None
    assert weight.grad.item() == 2.0
    assert chosen.step(optimizer)
    assert weight.item() == 0.0


def test_fp16_skips_a_step_whose_gradient_overflowed() -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    fp16 = Fp16("cpu")
    scale = fp16.state_dict()["scale"]
    fp16.backward((weight * torch.inf).sum())
    fp16.unscale(optimizer)
    assert not fp16.step(optimizer)
    assert weight.item() == 1.0
    assert fp16.state_dict()["scale"] == scale / 2


def test_fp16_goes_on_after_a_step_that_was_dropped() -> None:
    """A hook may raise between unscale and step; torch's scaler refuses a second unscale."""
    weight = nn.Parameter(torch.tensor([1.0]))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    fp16 = Fp16("cpu")
    for _ in range(2):
        optimizer.zero_grad()
        fp16.backward((weight * 2).sum())
        fp16.unscale(optimizer)
    assert fp16.step(optimizer)
    assert weight.item() == 0.0


def test_the_scale_survives_a_checkpoint() -> None:
    one, other = Fp16("cpu"), Fp16("cpu")
    weight = nn.Parameter(torch.tensor([1.0]))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    one.backward((weight * torch.inf).sum())
    one.unscale(optimizer)
    one.step(optimizer)
    other.load_state_dict(one.state_dict())
    assert other.state_dict() == one.state_dict()
    other.load_state_dict({})
    assert other.state_dict() == one.state_dict()


def test_plain_precisions_keep_nothing() -> None:
    plain = Plain("bf16", "cpu")
    plain.load_state_dict({})
    assert plain.state_dict() == {}


def test_a_closure_is_handed_on_in_fp32_and_refused_in_fp16() -> None:
    weight = nn.Parameter(torch.tensor([3.0]))

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
        return loss

    optimizer: torch.optim.Optimizer = torch.optim.LBFGS([weight], lr=0.5)
    assert Plain("fp32", "cpu").step(optimizer, closure)
    assert abs(weight.item()) < 1e-3
    with pytest.raises(ValueError) as caught:
        Fp16("cpu").step(optimizer, closure)
    assert str(caught.value) == (
        "an optimizer that needs a closure (L-BFGS) cannot be combined with fp16 loss scaling; "
        'use precision="fp32" or "bf16".'
    )


@pytest.mark.parametrize(
    ("device", "large", "capability", "units", "expected"),
    [
        (CUDA, False, (9, 0), "AMX", ("fp32", "a small model gains nothing from less")),
        (CPU, False, (9, 0), "AMX", ("fp32", "a small model gains nothing from less")),
        (CUDA, True, (8, 0), None, ("bf16", "this GPU multiplies bf16 natively")),
        (CUDA, True, (9, 0), None, ("bf16", "this GPU multiplies bf16 natively")),
        (
            CUDA,
            True,
            (7, 5),
            None,
            ("fp16", "this GPU (capability 7.5) has fp16 but no bf16 units"),
        ),
        (CUDA, True, (6, 1), "AMX", ("fp32", "this CUDA gains nothing from less")),
        (CPU, True, (9, 0), "AMX", ("bf16", "this CPU multiplies bf16 natively (AMX)")),
        (CPU, True, (9, 0), None, ("fp32", "this CPU gains nothing from less")),
        (MPS, True, (9, 0), "AMX", ("fp32", "this MPS gains nothing from less")),
    ],
)
def test_auto_takes_what_the_hardware_is_fast_in(
    monkeypatch: pytest.MonkeyPatch,
    device: torch.device,
    large: bool,
    capability: tuple[int, int],
    units: str | None,
    expected: tuple[str, str],
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(precision, "_bf16_units", lambda: units)
    monkeypatch.setattr(precision, "Fp16", lambda device_type: Plain("fp16", device_type))
    chosen, reason = choose_precision("auto", device, Large() if large else nn.Linear(2, 2))
    assert (chosen.name, reason) == expected


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ("AMX", ("bf16", "this CPU multiplies bf16 natively (AMX)")),
        ("AVX512-BF16", ("fp32", "depthwise convolutions gain nothing from less on this CPU")),
    ],
)
def test_depthwise_convolutions_stay_fp32_without_amx(
    monkeypatch: pytest.MonkeyPatch, units: str, expected: tuple[str, str]
) -> None:
    monkeypatch.setattr(precision, "_bf16_units", lambda: units)
    chosen, reason = choose_precision(
        "auto", CPU, nn.Sequential(Large(), nn.Conv2d(4, 4, 3, groups=4))
    )
    assert (chosen.name, reason) == expected


@pytest.mark.parametrize(
    ("amx", "avx", "expected"),
    [
        (True, True, "AMX"),
        (False, True, "AVX512-BF16"),
        (None, True, "AVX512-BF16"),
        (False, False, None),
        (None, None, None),
    ],
)
def test_what_a_cpu_has_is_torchs_own_answer(
    monkeypatch: pytest.MonkeyPatch, amx: bool | None, avx: bool | None, expected: str | None
) -> None:
    """None stands for a release of torch that cannot be asked."""
    for name, answer in (("_is_amx_tile_supported", amx), ("_is_avx512_bf16_supported", avx)):
        monkeypatch.setattr(torch.cpu, name, lambda answer=answer: answer, raising=False)
        if answer is None:
            monkeypatch.delattr(torch.cpu, name)
    assert precision._bf16_units() == expected


@pytest.mark.parametrize("name", ["fp32", "bf16", "fp16"])
def test_a_name_is_taken_as_asked(name: Any) -> None:
    chosen, reason = choose_precision(name, CPU, nn.Linear(2, 2))
    assert (chosen.name, reason) == (name, "as asked")


def test_an_object_is_taken_as_given() -> None:
    mine = Plain("mine", "cpu")
    assert choose_precision(mine, CPU, nn.Linear(2, 2)) == (mine, "as given")


def test_a_misspelt_name_gets_the_nearest() -> None:
    wrong: Any = "bf61"
    with pytest.raises(ValueError) as caught:
        choose_precision(wrong, CPU, nn.Linear(2, 2))
    expected = "precision must be one of auto, fp32, bf16, fp16; got 'bf61'. Did you mean 'bf16'?"
    assert str(caught.value) == expected


@pytest.mark.parametrize("wrong", [16, torch.bfloat16, Plain])
def test_what_is_no_precision_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError) as caught:
        choose_precision(wrong, CPU, nn.Linear(2, 2))
    expected = (
        f"precision must be one of auto, fp32, bf16, fp16, or a Precision object; got {wrong!r}."
    )
    assert str(caught.value) == expected
