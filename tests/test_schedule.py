"""Schedules: the papers' and fastai's corners, within range and without jumps."""

import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from learnkit.schedule import (
    Schedule,
    combine,
    constant,
    cosine,
    exponential,
    flat_cosine,
    linear,
    one_cycle,
    one_cycle_momentum,
    piecewise,
    polynomial,
    sgdr,
    warmup,
)

FRACTIONS = st.floats(0, 1)
SGDR = sgdr(3)
ALL: dict[str, Schedule] = {
    "constant": constant(),
    "linear": linear(),
    "cosine": cosine(end=0.1),
    "one_cycle": one_cycle(),
    "flat_cosine": flat_cosine(),
    "warmup": warmup(cosine(), pct=0.1),
    "sgdr": SGDR,
    "polynomial": polynomial(power=0.9),
    "exponential": exponential(),
    "piecewise": piecewise([0.5, 0.75], [1.0, 0.1, 0.01]),
    "combined": combine([0.5, 0.5], [linear(start=0.2, end=1.0), cosine()]),
}
JUMPING = ("sgdr", "piecewise")


def fastai_combined_cos(pct: float, start: float, middle: float, end: float, at: float) -> float:
    """``combined_cos`` of fastai 2.8 (callback/schedule.py), written out."""

    def sched_cos(a: float, b: float, pos: float) -> float:
        return a + (1 + math.cos(math.pi * (1 - pos))) * (b - a) / 2

    if at < pct:
        return sched_cos(start, middle, at / pct)
    return sched_cos(middle, end, (at - pct) / (1 - pct))


@given(FRACTIONS, st.floats(0.05, 0.95))
def test_one_cycle_equals_fastais_fit_one_cycle(fraction: float, pct_start: float) -> None:
    expected = fastai_combined_cos(pct_start, 1 / 25, 1.0, 1e-5, fraction)
    assert one_cycle(pct_start=pct_start)(fraction) == pytest.approx(expected, abs=1e-12)
    expected = fastai_combined_cos(pct_start, 0.95, 0.85, 0.95, fraction)
    found = one_cycle_momentum(pct_start=pct_start)(fraction)
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("fraction", "lr", "momentum"),
    [(0.0, 1 / 25, 0.95), (0.25, 1.0, 0.85), (1.0, 1e-5, 0.95)],
)
def test_one_cycles_corners_are_exact(fraction: float, lr: float, momentum: float) -> None:
    """fastai's fit_one_cycle: pct_start=0.25, div=25, div_final=1e5, moms (0.95, 0.85, 0.95).

    Smith 2018 (arXiv 1803.09820), section 4.3: momentum falls while the rate rises, and back.
    """
    assert one_cycle()(fraction) == lr
    assert one_cycle_momentum()(fraction) == momentum


def test_one_cycle_is_halfway_in_the_middle_of_each_phase() -> None:
    assert one_cycle()(0.125) == pytest.approx((1 / 25 + 1) / 2)
    assert one_cycle()(0.625) == pytest.approx((1 + 1e-5) / 2)
    assert one_cycle_momentum()(0.125) == pytest.approx(0.90)


@pytest.mark.parametrize(
    ("fraction", "value"),
    [(0.0, 1.0), (0.25, (2 + math.sqrt(2)) / 4), (0.5, 0.5), (1.0, 0.0)],
)
def test_cosine_follows_sgdr_equation_5(fraction: float, value: float) -> None:
    """Loshchilov and Hutter 2017, arXiv 1608.03983: (1 + cos(pi T_cur / T_i)) / 2."""
    assert cosine()(fraction) == pytest.approx(value, abs=1e-15)


def test_restarts_double_as_in_sgdr() -> None:
    """arXiv 1608.03983, T_mult = 2: three runs of 1, 2 and 4 sevenths, each from 1 towards 0."""
    for begin, length in ((0, 1), (1, 2), (3, 4)):
        assert SGDR((begin + 1e-9) / 7) == pytest.approx(1.0)
        assert SGDR((begin + length / 2) / 7) == pytest.approx(0.5)
        assert SGDR((begin + length - 1e-9) / 7) == pytest.approx(0.0, abs=1e-12)
    assert SGDR(1.0) == 0.0


@pytest.mark.parametrize("cycle_mult", [1, 2, 3])
@pytest.mark.parametrize("first_steps", [1, 3, 7, 96])
def test_each_cycle_begins_at_its_peak_exactly(cycle_mult: int, first_steps: int) -> None:
    """arXiv 1608.03983: at a restart T_cur is 0, so the rate is eta_max, to the last bit."""
    lengths = [first_steps * cycle_mult**i for i in range(4)]
    schedule, total, begin = sgdr(4, cycle_mult=cycle_mult, end=0.1), sum(lengths), 0
    for length in lengths:
        assert schedule(begin / total) == 1.0
        if length > 1:
            last = 0.1 + 0.9 * (1 + math.cos(math.pi * (length - 1) / length)) / 2
            assert schedule((begin + length - 1) / total) == pytest.approx(last)
        begin += length
    assert schedule(1.0) == 0.1


def test_restarts_are_those_of_torch() -> None:
    """CosineAnnealingWarmRestarts, with T_0 and T_mult in steps."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    torchs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
        optimizer, T_0=4, T_mult=2, eta_min=0.05
    )
    schedule = sgdr(3, end=0.05)
    for step in range(28):
        assert schedule(step / 28) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        torchs.step()


@pytest.mark.parametrize("power", [0.9, 1.0, 2.0, 3.5])
def test_polynomial_is_that_of_torch(power: float) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    torchs = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=10, power=power)
    for step in range(11):
        found = polynomial(power=power)(step / 10)
        assert found == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        torchs.step()


def test_polynomial_ends_where_it_should() -> None:
    """Chen et al. 2017, arXiv 1606.00915, section 4.1: (1 - iter / max_iter) ** 0.9."""
    assert polynomial(power=0.9)(0.25) == 0.75**0.9
    schedule = polynomial(power=2, start=0.8, end=0.2)
    assert [schedule(at) for at in (0.0, 0.5, 1.0)] == [0.8, pytest.approx(0.35), 0.2]


def test_exponential_multiplies_evenly() -> None:
    values = [exponential(end=1e-4)(at / 4) for at in range(5)]
    assert values == pytest.approx([1, 1e-1, 1e-2, 1e-3, 1e-4])
    assert (values[0], values[-1]) == (1.0, 1e-4)


def test_piecewise_changes_at_its_boundaries() -> None:
    """He et al. 2016, arXiv 1512.03385, section 4.2: by 10 at 32k and 48k of 64k steps."""
    schedule = piecewise([0.5, 0.75], [1, 0.1, 0.01])
    found = [schedule(at) for at in (0, 0.4999, 0.5, 0.7499, 0.75, 1)]
    assert found == [1, 1, 0.1, 0.1, 0.01, 0.01]
    assert piecewise([], [0.5])(0.3) == 0.5


@pytest.mark.parametrize("name", ALL)
def test_every_schedule_draws_itself(name: str, tmp_path: Path) -> None:
    ALL[name].plot(tmp_path / "curve.png")  # type: ignore[attr-defined]
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("fraction", "value"), [(0.0, 1.0), (0.5, 1.0), (0.75, 1.0), (0.875, 0.500005), (1.0, 1e-5)]
)
def test_flat_cosine_has_fastais_corners(fraction: float, value: float) -> None:
    """fastai's fit_flat_cos: pct_start=0.75, div_final=1e5."""
    assert flat_cosine()(fraction) == pytest.approx(value, abs=1e-15)


def test_flat_cosine_without_a_flat_part_is_a_cosine() -> None:
    assert flat_cosine(pct_start=0.0) == cosine(end=1e-5)


def test_linear_is_a_straight_line() -> None:
    values = [linear(start=0.2, end=1.0)(at / 4) for at in range(5)]
    assert values == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_warmup_rises_to_where_the_schedule_begins() -> None:
    schedule = warmup(cosine(start=0.8), pct=0.2)
    values = [schedule(at) for at in (0.0, 0.1, 0.2, 0.6, 1.0)]
    assert values == pytest.approx([0.0, 0.4, 0.8, 0.4, 0.0])


def test_constant_stays() -> None:
    assert {constant()(at / 10) for at in range(11)} == {1.0}


@pytest.mark.parametrize("name", ALL)
@given(fraction=FRACTIONS)
def test_every_schedule_stays_within_zero_and_one(name: str, fraction: float) -> None:
    assert 0.0 <= ALL[name](fraction) <= 1.0


@pytest.mark.parametrize("name", [name for name in ALL if name not in (*JUMPING, "polynomial")])
@given(fraction=st.floats(0, 1 - 1e-6))
def test_schedules_without_restarts_have_no_jumps(name: str, fraction: float) -> None:
    steepest = 12.0  # one over the shortest phase, times pi / 2 for a cosine
    step = abs(ALL[name](fraction + 1e-6) - ALL[name](fraction))
    assert step <= steepest * 1e-6


@pytest.mark.parametrize("name", ALL)
def test_outside_the_fit_a_schedule_keeps_its_end(name: str) -> None:
    assert ALL[name](-0.5) == ALL[name](0.0)
    assert ALL[name](1.5) == ALL[name](1.0)


@pytest.mark.parametrize("name", ALL)
def test_schedules_are_values(name: str) -> None:
    assert pickle.loads(pickle.dumps(ALL[name])) == ALL[name]
    assert one_cycle() == one_cycle()
    assert one_cycle() != one_cycle(div=10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: one_cycle(pct_start=1.0),
            "one_cycle(): pct_start must be between 0 and 1, found 1.0.",
        ),
        (lambda: one_cycle(div=0.5), "one_cycle(): div must be at least 1, found 0.5."),
        (
            lambda: one_cycle(div_final=math.nan),
            "one_cycle(): div_final must be at least 1, found nan.",
        ),
        (
            lambda: one_cycle_momentum(pct_start=0),
            "one_cycle_momentum(): pct_start must be between 0 and 1, found 0.",
        ),
        (
            lambda: one_cycle_momentum(momentum=(0.9, 0.8, 1.0)),
            "one_cycle_momentum(): momentum must be three values from 0 to below 1, "
            "found (0.9, 0.8, 1.0).",
        ),
        (
            lambda: flat_cosine(pct_start=1.0),
            "flat_cosine(): pct_start must be from 0 to below 1, found 1.0.",
        ),
        (lambda: linear(end=1.5), "linear(): end must be from 0 to 1, found 1.5."),
        (lambda: cosine(start=-0.1), "cosine(): start must be from 0 to 1, found -0.1."),
        (
            lambda: sgdr(0),
            "sgdr(): n_cycles must be a whole number of at least 1, found 0.",
        ),
        (
            lambda: sgdr(2, cycle_mult=1.5),  # type: ignore[arg-type]
            "sgdr(): cycle_mult must be a whole number of at least 1, found 1.5.",
        ),
        (lambda: polynomial(power=0), "polynomial(): power must be above 0, found 0."),
        (
            lambda: exponential(end=0.0),
            "exponential(): end must be above 0, at most 1, found 0.0.",
        ),
        (
            lambda: piecewise([0.5, 0.5], [1, 1, 1]),
            "piecewise(): boundaries must be rising fractions between 0 and 1, found [0.5, 0.5].",
        ),
        (
            lambda: piecewise([0.5], [1.0]),
            "piecewise(): values must be one more than boundaries, found 1 values and 1 "
            "boundaries.",
        ),
        (
            lambda: warmup(cosine(), pct=0.0),
            "warmup(): pct must be between 0 and 1, found 0.0.",
        ),
        (
            lambda: combine([0.5, 0.4], [cosine(), linear()]),
            "combine(): pcts must be positive, with sum 1, found [0.5, 0.4].",
        ),
        (
            lambda: combine([1.0], []),
            "combine(): pcts and schedules must be equally long, at least 1, found 1 and 0.",
        ),
    ],
)
def test_an_argument_out_of_range_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value) == message


def test_a_misspelt_option_names_the_nearest_one() -> None:
    with pytest.raises(TypeError) as caught:
        one_cycle(pct_strat=0.3)  # type: ignore[call-arg]
    expected = "one_cycle() has no argument 'pct_strat'. Did you mean 'pct_start'?"
    assert str(caught.value) == expected
