"""Folding: the same numbers with fewer modules, and the body itself as it was."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnkit import models
from learnkit.models.backbone import Backbone
from learnkit.models.folding import folded

BACKBONES = {
    "resnet18": models.resnet18,
    "mobilenet_v2": models.mobilenet_v2,
    "efficientnet_lite0": models.efficientnet_lite0,
    "test_convnext": models.timm("test_convnext"),
    "test_resnet": models.timm("test_resnet"),
}


def with_random_norms(body: nn.Module, seed: int = 0) -> nn.Module:
    """Give every BatchNorm the statistics, scales and biases of a trained one."""
    drawn = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for norm in body.modules():
            if isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None:
                assert norm.running_var is not None
                norm.running_mean.normal_(0, 0.1, generator=drawn)
                norm.running_var.uniform_(0.5, 1.5, generator=drawn)
                norm.weight.uniform_(0.5, 1.5, generator=drawn)
                norm.bias.normal_(0, 0.1, generator=drawn)
    return body.eval()


def built(backbone: Backbone) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return with_random_norms(backbone.build_body(None))


def photos(n: int = 2, side: int = 48) -> Tensor:
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(1))


def norms_of(body: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in body.modules())


def alike(one: nn.Module, other: nn.Module, x: Tensor) -> None:
    """Up to rounding, in units of the largest number."""
    with torch.no_grad():
        expected = other(x)
        torch.testing.assert_close(
            one(x), expected, rtol=0, atol=1e-5 * float(expected.abs().max())
        )


@pytest.mark.parametrize("name", BACKBONES)
def test_a_folded_body_gives_the_same_features(name: str) -> None:
    body = built(BACKBONES[name])
    x = photos()
    alike(folded(body), body, x)
    alike(folded(body), body, x.to(memory_format=torch.channels_last))


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_no_norm_of_such_a_body_is_left(name: str) -> None:
    body = built(BACKBONES[name])
    assert norms_of(body) > 15
    assert norms_of(folded(body)) == 0


def test_a_model_from_scratch_can_be_folded_as_well() -> None:
    body = with_random_norms(nn.Sequential(*list(models.xresnet18(5))[:-2]))
    alike(folded(body), body, photos())
    assert norms_of(folded(body)) == 0


def test_the_body_itself_is_left_as_it_was() -> None:
    body = built(models.resnet18)
    state = {name: value.clone() for name, value in body.state_dict().items()}
    modules = {name: id(module) for name, module in body.named_modules()}
    frozen = [i % 2 == 0 for i, _ in enumerate(body.parameters())]
    for parameter, trains in zip(body.parameters(), frozen, strict=True):
        parameter.requires_grad_(trains)
    versions = [value._version for value in body.state_dict().values()]
    made = folded(body, torch.bfloat16)
    assert {name: id(module) for name, module in body.named_modules()} == modules
    torch.testing.assert_close(body.state_dict(), state, rtol=0, atol=0)
    assert [value._version for value in body.state_dict().values()] == versions
    assert [p.requires_grad for p in body.parameters()] == frozen
    assert not any(module.training for module in [*body.modules(), *made.modules()])
    assert all(p.dtype == torch.float32 for p in body.parameters())


def test_folded_convolutions_have_the_type_asked_for_and_no_gradient() -> None:
    made = folded(built(models.resnet18), torch.bfloat16)
    convolutions = [module for module in made.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 20
    for convolution in convolutions:
        assert convolution.weight.dtype == torch.bfloat16
        assert not convolution.weight.requires_grad


class OneConvolutionTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(self.conv(x)))


class OneConvolutionByTwoNames(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.second = self.first

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.norm(self.first(x)))


class SeenByTwo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.conv(x)
        return self.norm(maps) + maps


class MyNorm(nn.BatchNorm2d):
    __module__ = "torch.nn.mine"  # of such modules torch.fx does not look inside

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).relu()


class MyConv(nn.Conv2d):
    __module__ = "torch.nn.mine"

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).abs()


NOT_FOLDED = {
    "a convolution used twice": OneConvolutionTwice,
    "a convolution with two names": OneConvolutionByTwoNames,
    "maps that others need too": SeenByTwo,
    "no statistics": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)
    ),
    "a norm that does more": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), MyNorm(4)),
    "a convolution that does more": lambda: nn.Sequential(MyConv(3, 4, 3), nn.BatchNorm2d(4)),
    "no convolution before": lambda: nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3)),
    "nothing before": lambda: nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)),
}


@pytest.mark.parametrize("what", NOT_FOLDED)
def test_a_norm_stays_after(what: str) -> None:
    body = with_random_norms(NOT_FOLDED[what]())
    made = folded(body)
    assert norms_of(made) == 1
    alike(made, body, photos())


def test_one_norm_after_two_convolutions_goes_into_both() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 3, padding=1)
            self.norm = nn.BatchNorm2d(4)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.one(x)) + self.norm(self.two(x))

    body = with_random_norms(Shared())
    assert norms_of(folded(body)) == 0
    alike(folded(body), body, photos())


def test_scales_that_are_not_learned_can_be_folded() -> None:
    body = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4, affine=False)).eval()
    body[1].running_var.fill_(0.25)
    assert norms_of(folded(body)) == 0
    alike(folded(body), body, photos())


def test_the_norms_of_timm_that_activate_too_are_left_alone() -> None:
    body = built(models.efficientnet_lite0)
    acting = [m for m in body.modules() if type(m).__name__ == "BatchNormAct2d"]
    made = folded(body)
    kept = [m for m in made.modules() if type(m).__name__ == "BatchNormAct2d"]
    assert acting
    assert {id(module) for module in kept} == {id(module) for module in acting}


class ByContent(nn.Module):
    """Which way its input takes depends on the input."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if x.sum() > 0 else x


class ByAnyError(nn.Module):
    def forward(self, x: Any) -> Tensor:
        if not isinstance(x, Tensor):
            raise RuntimeError("photos only")
        return x


@pytest.mark.parametrize("odd", [ByContent, ByAnyError])
def test_a_body_that_cannot_be_traced_is_returned_as_it_is(odd: type[nn.Module]) -> None:
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), odd()).eval()
    assert folded(body) is body


def test_a_body_without_anything_to_fold_does_what_it_did() -> None:
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    alike(folded(body), body, photos())
