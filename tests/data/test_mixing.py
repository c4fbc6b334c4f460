"""Mixing tensors: the papers' formulas, what stays in its memory order, and what is refused."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from learnkit.data.mixing import cutmix, mixup, soft_targets
from learnkit.errors import DataError


def soft(y: Any, n_classes: int = 3) -> Tensor:
    return soft_targets(y, n_classes=n_classes, dtype=torch.float64, owner="MixUp")


def test_the_mixture_is_that_of_the_paper() -> None:
    """Weight and partners drawn again from the same generator."""
    x, y = torch.randn(5, 2, 3), torch.randn(5, 4)
    torch.manual_seed(1)
    mixed_x, mixed_y = mixup(x, y, alpha=0.4)
    torch.manual_seed(1)
    one = torch.tensor(0.4)
    weight = torch.distributions.Beta(one, one).sample()
    partners = torch.randperm(5)
    torch.testing.assert_close(mixed_x, weight * x + (1 - weight) * x[partners])
    torch.testing.assert_close(mixed_y, weight * y + (1 - weight) * y[partners])


def test_the_weight_follows_the_beta_distribution() -> None:
    """Mean 1/2; variance 1 / (4 (2 alpha + 1)), for 0.4 it is 0.1389."""
    torch.manual_seed(0)
    x = torch.tensor([0.0, 1.0])
    draws = torch.stack([mixup(x, x, alpha=0.4)[0] for _ in range(4000)])
    swapped = draws[draws[:, 0] != 0]  # else each is its own partner
    assert swapped.shape[0] == pytest.approx(2000, abs=120)
    assert swapped[:, 0].mean() == pytest.approx(0.5, abs=0.03)
    assert swapped[:, 0].var() == pytest.approx(1 / (4 * 1.8), abs=0.01)


def test_targets_mix_by_the_area_that_is_pasted() -> None:
    """Photos of one value each: the mean of a mixed one is its mixed target."""
    torch.manual_seed(0)
    y = torch.tensor([1.0, 5.0, -2.0])
    x = y[:, None, None, None].expand(3, 2, 7, 9).clone()
    means, pasted = [], []
    for _ in range(60):
        mixed, targets = cutmix(x, y, alpha=1.0)
        torch.testing.assert_close(mixed.mean((1, 2, 3)), targets)
        assert set(mixed.unique().tolist()) <= set(y.tolist())
        means.append(targets)
        pasted.append((mixed != x).any())
    assert torch.stack(pasted).sum() > 30
    assert len(torch.stack(means).unique()) > 20
    assert x.unique(dim=0).shape[0] == 3  # the batch that came in is as it was


def test_the_box_has_the_beta_share_of_a_photo() -> None:
    """Before it is cut at the edges, so at most that: for alpha 1 half of the photo on average."""
    torch.manual_seed(0)
    x = torch.stack([torch.zeros(1, 40, 40), torch.ones(1, 40, 40)])
    shares = [
        float(m[0].mean()) for m in (cutmix(x, x[:, 0, 0, 0], alpha=1.0)[0] for _ in range(2000))
    ]
    swapped = [share for share in shares if share > 0]
    assert 0.3 < sum(swapped) / len(swapped) < 0.5
    assert max(swapped) > 0.9


@pytest.mark.parametrize("mix", [mixup, cutmix])
def test_memory_order_stays(mix: Any) -> None:
    x = torch.randn(4, 3, 6, 6).to(memory_format=torch.channels_last)
    assert mix(x, torch.rand(4, 2), alpha=1.0)[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("mix", [mixup, cutmix])
def test_a_single_sample_mixes_with_itself(mix: Any) -> None:
    x, y = torch.randn(1, 3, 6, 6), torch.rand(1, 2)
    mixed_x, mixed_y = mix(x, y, alpha=1.0)
    torch.testing.assert_close((mixed_x, mixed_y), (x, y))


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8])
def test_class_numbers_become_one_hot(dtype: torch.dtype) -> None:
    found = soft(torch.tensor([2, 0], dtype=dtype))
    assert found.dtype == torch.float64
    assert found.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_booleans_become_numbers_and_floats_stay() -> None:
    assert soft(torch.tensor([[True, False]])).tolist() == [[1.0, 0.0]]
    values = torch.randn(3)
    assert soft(values) is values


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            torch.zeros(2, 4, 4, dtype=torch.int64),
            "MixUp mixes class numbers (B,), or booleans and floats of any shape (B, ...); the "
            "targets are int64 of shape (2, 4, 4). Leave MixUp out, or change them in the dataset.",
        ),
        (
            {"boxes": 1},
            "MixUp mixes class numbers (B,), or booleans and floats of any shape (B, ...); the "
            "targets are a dict. Leave MixUp out, or change them in the dataset.",
        ),
        (
            torch.tensor([0, 3]),
            "a label is 3, but with 3 classes labels run from 0 to 2. Check the dataset's targets.",
        ),
        (
            torch.tensor([-1, 0]),
            "a label is -1, but with 3 classes labels run from 0 to 2. Check the dataset's "
            "targets.",
        ),
    ],
)
def test_targets_that_cannot_be_mixed_are_refused(y: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        soft(y)
    assert str(caught.value) == message


def test_class_numbers_need_a_number_of_classes() -> None:
    with pytest.raises(DataError) as caught:
        soft(torch.tensor([0, 1]), n_classes=0)
    assert str(caught.value) == (
        "MixUp makes probabilities of class numbers, and the data does not say how many classes "
        "there are. Give MixUp(n_classes=...)."
    )


@pytest.mark.parametrize("alpha", [0.04, 1e-3, 1e-6])
def test_a_small_alpha_mixes_next_to_nothing(alpha: float) -> None:
    """The share within (0.01, 0.99) is alpha log(99) where partners differ: in half of all."""
    x = torch.tensor([0.0, 1.0])
    torch.manual_seed(0)
    draws = torch.stack([mixup(x, x, alpha=alpha)[0] for _ in range(4000)]).flatten()
    assert not (draws == 0.5).any()
    share = float(((draws > 0.01) & (draws < 0.99)).double().mean())
    assert share == pytest.approx(alpha * math.log(99) / 2, abs=0.02)
    assert float(draws.mean()) == pytest.approx(0.5, abs=0.03)
