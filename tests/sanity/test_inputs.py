"""misfit: photos as pretrained weights expect them, and as they do not."""

import pytest
import torch
from torch import Tensor

from learnkit.data.batch import Normalize
from learnkit.sanity.inputs import misfit

IMAGENET = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
RAW = Normalize((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def photos(low: float = 0.0, high: float = 1.0, n: int = 8) -> Tensor:
    """Colours in [low, high], each photo with a brightness of its own."""
    drawn = torch.Generator().manual_seed(0)
    base = torch.rand(n, 1, 1, 1, generator=drawn)
    x = (base + 0.6 * torch.rand(n, 3, 8, 8, generator=drawn) - 0.3).clamp(0, 1)
    return low + x * (high - low)


def found(x: Tensor, norm: Normalize = IMAGENET) -> str | None:
    return misfit(x, norm.mean, norm.std)


def line(values: str, what: str) -> str:
    return (
        f"the first training batch has values from {values}, {what}; the pretrained weights expect "
        "-2.12 to 2.64. Normalise once: give photos as uint8, or as floats in [0, 1], and leave "
        "the rest to cnn_learner(normalize=True)."
    )


def test_photos_as_they_come_are_found() -> None:
    assert found(photos()) == line("0 to 1", "as photos have before they are normalised")


def test_values_up_to_255_are_found() -> None:
    assert found(photos(0, 255).round()) == line("0 to 255", "90% of them beyond black or white")


def test_photos_normalised_twice_are_found() -> None:
    assert found(IMAGENET(IMAGENET(photos()))) == line(
        "-11.4 to 9.93", "66% of them beyond black or white"
    )


@pytest.mark.parametrize("norm", [IMAGENET, HALF, RAW])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0.2), (0.8, 1), (0.4, 0.6), (0.5, 0.5)])
def test_photos_normalised_once_are_as_they_should_be(
    norm: Normalize, low: float, high: float
) -> None:
    assert found(norm(photos(low, high)), norm) is None


def test_a_quarter_of_the_photos_may_be_painted_over_with_noise() -> None:
    x = IMAGENET(photos())
    x[:2] = 10 * torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert found(x) is None


@pytest.mark.parametrize(
    "x",
    [
        torch.full((4, 3, 8, 8), 200, dtype=torch.uint8),
        torch.rand(4, 1, 8, 8),
        torch.rand(4, 3),
        torch.rand(0, 3, 8, 8),
    ],
)
def test_what_is_no_batch_of_such_photos_is_not_judged(x: Tensor) -> None:
    assert found(x) is None


def test_half_precision_is_judged_too() -> None:
    assert found(photos().half()) is not None
