"""LRFindResult: four readings of a curve, fastai's where it works, never out of range."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnkit.errors import NonFiniteLossError
from learnkit.lr_find import READINGS, LRFindResult

LOSSES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=120)


def sweep(n: int) -> list[float]:
    return [float(lr) for lr in np.geomspace(1e-7, 10.0, n)]


def typical(n: int = 100, noise: float = 0.0, seed: int = 0) -> list[float]:
    """Flat, then falling around 1e-3, then exploding above 1."""
    x = np.log10(sweep(n))
    curve = 2.3 - 1.8 / (1 + np.exp(-3 * (x + 3))) + np.exp(6 * (x - 0.3))
    noisy = curve + noise * np.random.default_rng(seed).standard_normal(n)
    return [float(loss) for loss in noisy]


def fastai_readings(all_lrs: list[float], all_losses: list[float]) -> dict[str, float]:
    """The four suggestion functions of fastai 2.8 (callback/schedule.py), written out."""
    n = len(all_losses)
    lrs, losses = np.array(all_lrs[n // 10 : -5]), np.array(all_losses[n // 10 : -5])
    n = len(losses)
    start = end = 0
    lds = [1] * n
    for i in range(1, n):
        for j in range(i):
            if losses[i] < losses[j] and lds[i] < lds[j] + 1:
                lds[i] = lds[j] + 1
            if lds[end] < lds[i]:
                end = i
                start = end - lds[end]
    sections = (end - start) / 3
    grads = np.diff(losses) / np.diff(np.log(lrs))
    loss_grad = np.gradient(losses)
    right, left = -1, -16
    slide = lrs[left]
    while left >= -n and abs(loss_grad[right] - loss_grad[left]) > 0.005:
        slide = lrs[left]
        right, left = right - 1, left - 1
    return {
        "valley": lrs[start + int(sections) + int(sections / 2)],
        "steep": lrs[grads.argmin()],
        "minimum": lrs[losses.argmin()] / 10,
        "slide": slide,
    }


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.1])
@pytest.mark.parametrize("seed", range(5))
def test_the_readings_equal_fastais_on_a_full_sweep(noise: float, seed: int) -> None:
    lrs, losses = sweep(100), typical(noise=noise, seed=seed)
    result = LRFindResult(lrs, losses)
    found = {name: getattr(result, name) for name in ("valley", "steep", "minimum", "slide")}
    assert found == pytest.approx(fastai_readings(lrs, losses))


def test_the_suggestion_is_the_valley_on_the_falling_part() -> None:
    result = LRFindResult(sweep(100), typical())
    assert result.suggestion == result.valley
    assert 1e-4 < result.valley < 1e-2
    assert 1e-4 < result.steep < 1e-2
    assert 1e-3 < result.minimum < 1e-1


@given(LOSSES)
@settings(max_examples=200, deadline=None)
def test_no_reading_is_ever_outside_the_swept_range(losses: list[float]) -> None:
    lrs = sweep(len(losses))
    result = LRFindResult(lrs, losses)
    for name in ("valley", "steep", "minimum", "slide", "suggestion"):
        assert lrs[0] <= getattr(result, name) <= lrs[-1], name


@pytest.mark.parametrize(
    "losses", [[1.0], [2.0, 1.0], [1.0, 2.0], [1.0, 1.0, 1.0], [3.0, 2.0, 1.0], [1.0] * 100]
)
def test_short_and_flat_curves_have_readings(losses: list[float]) -> None:
    lrs = sweep(len(losses))
    result = LRFindResult(lrs, losses)
    assert all(math.isfinite(getattr(result, n)) for n in ("valley", "steep", "minimum", "slide"))


def test_a_curve_that_never_falls_suggests_a_low_rate() -> None:
    result = LRFindResult(sweep(100), [1.0 + 0.04 * i for i in range(100)])
    assert result.suggestion == pytest.approx(sweep(100)[10])


def test_the_curve_ends_before_the_first_loss_that_is_not_finite() -> None:
    result = LRFindResult([1e-3, 1e-2, 1e-1, 1.0], [3.0, 2.0, math.inf, 1.0])
    assert result.lrs == (1e-3, 1e-2)
    assert result.losses == (3.0, 2.0)


@pytest.mark.parametrize("losses", [[], [math.nan, 1.0]])
def test_a_sweep_without_a_finite_loss_says_so(losses: list[float]) -> None:
    with pytest.raises(NonFiniteLossError) as caught:
        LRFindResult([1e-3, 1e-2][: len(losses)], losses)
    assert str(caught.value) == (
        "the learning rate sweep has no finite loss to look at: the loss was not finite at the "
        "first step. Start it at a lower rate, and check the data and the model."
    )


def test_rates_and_losses_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError) as caught:
        LRFindResult([1e-3], [1.0, 2.0])
    expected = "LRFindResult(): lrs and losses must be equally long, found 1 and 2."
    assert str(caught.value) == expected


def test_the_result_shows_its_readings_and_not_its_points() -> None:
    result = LRFindResult([1e-3, 1e-2, 1e-1], [4.0, 2.0, 1.0])
    assert repr(result) == (
        "LRFindResult(valley=1.00e-03, steep=1.00e-03, minimum=1.00e-02, slide=1.00e-03, 3 points)"
    )


def test_readings_that_agree_need_no_words() -> None:
    result = LRFindResult(sweep(100), typical())
    assert result.suggestions == {n: getattr(result, n) for n in READINGS}
    assert result.agreement == max(result.suggestions.values()) / min(result.suggestions.values())
    result = LRFindResult([1e-3, 1e-2], [2.0, 1.0])
    assert (result.agreement, result.warning) == (1.0, None)
    assert "differ" not in repr(result)


def test_readings_that_are_far_apart_say_so(tmp_path: Path) -> None:
    """The loss falls slowly for long, has its minimum late and explodes at once."""
    losses = [3.0 - 0.01 * i for i in range(90)] + [2.2 + 2.0**i for i in range(10)]
    result = LRFindResult(sweep(100), losses)
    assert result.agreement > 10
    expected = f"the four readings differ by {result.agreement:,.0f}x: look at the curve"
    assert result.warning == expected
    assert repr(result).endswith(f", 100 points; {expected})")
    result.plot(tmp_path / "lr.png")


def test_the_plot_is_saved(tmp_path: Path) -> None:
    LRFindResult(sweep(100), typical()).plot(tmp_path / "lr.png")
    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")
