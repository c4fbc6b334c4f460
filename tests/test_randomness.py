"""Randomness: numbers are a function of their keys alone, the same on every machine."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnkit.randomness import (
    SampleKeys,
    kept_generators,
    key_of,
    mix,
    permutation,
    seed_generators,
    uniforms,
)

CPU = torch.device("cpu")
WORD = 2**64 - 1
KEYS = st.integers(0, 2**63 - 1)
INDICES = st.lists(st.integers(0, 2**40), min_size=1, max_size=12)


def splitmix64(state: int) -> int:
    """Steele, Lea and Flood 2014, figure 17: one step from ``state``, in plain Python."""
    z = (state + 0x9E3779B97F4A7C15) & WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return z ^ (z >> 31)


def test_the_reference_gives_the_published_first_output_for_seed_zero() -> None:
    """0xe220a8397b1dcdaf is the first output of SplitMix64 seeded with 0 (Vigna's splitmix64.c)."""
    assert splitmix64(0) == 0xE220A8397B1DCDAF


def test_mix_of_one_key_is_splitmix64_without_its_lowest_bit() -> None:
    assert mix(0) == 0xE220A8397B1DCDAF >> 1
    assert mix(0, 1, 2) == 3384391416029321617


@given(st.lists(st.integers(-(2**70), 2**70), max_size=5))
def test_mix_chains_splitmix64_over_its_keys(keys: list[int]) -> None:
    state = 0
    for key in keys:
        state = splitmix64(state ^ (key & WORD))
    assert mix(*keys) == state >> 1
    assert 0 <= mix(*keys) < 2**63


@given(KEYS, KEYS)
def test_mix_depends_on_the_order_of_its_keys(a: int, b: int) -> None:
    assert (mix(a, b) == mix(b, a)) == (a == b)


def test_key_of_is_the_crc32_of_the_name() -> None:
    """0xcbf43926 is the check value of CRC-32 for '123456789'."""
    assert key_of("123456789") == 0xCBF43926


@given(KEYS, INDICES, st.integers(1, 4))
def test_uniforms_equal_a_plain_python_splitmix64(key: int, indices: list[int], n: int) -> None:
    drawn = uniforms(key, np.array(indices, dtype=np.int64), n)
    expected = [
        [(splitmix64(splitmix64(key ^ index) ^ j) >> 11) * 2.0**-53 for j in range(1, n + 1)]
        for index in indices
    ]
    assert drawn.tolist() == expected


@given(KEYS, INDICES, st.integers(0, 12))
def test_uniforms_do_not_depend_on_how_indices_are_batched(
    key: int, indices: list[int], cut: int
) -> None:
    whole = np.array(indices, dtype=np.int64)
    parts = [uniforms(key, part, 3) for part in (whole[:cut], whole[cut:])]
    assert np.array_equal(np.concatenate(parts), uniforms(key, whole, 3))


def test_uniforms_are_spread_evenly_over_the_unit_interval() -> None:
    drawn = uniforms(7, np.arange(20_000, dtype=np.int64), 2)
    assert drawn.min() >= 0.0
    assert drawn.max() < 1.0
    counts = np.histogram(drawn[:, 0], bins=10, range=(0, 1))[0]
    assert abs(counts - 2000).max() < 200  # about 4.7 standard deviations
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 1]).flat[1]) < 0.03


@given(st.integers(0, 200), st.integers(0, 2**31), st.integers(0, 100))
@settings(max_examples=50)
def test_a_permutation_visits_every_sample_once(n: int, seed: int, epoch: int) -> None:
    order = permutation(n, seed=seed, epoch=epoch)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))


def test_a_permutation_is_fixed_by_seed_and_epoch() -> None:
    """Literal values: a change here would change every user's training run."""
    assert permutation(8, seed=42, epoch=0).tolist() == [6, 3, 2, 1, 4, 5, 0, 7]
    assert permutation(8, seed=42, epoch=1).tolist() == [4, 7, 1, 0, 2, 3, 6, 5]
    orders = {tuple(permutation(8, seed=s, epoch=e)) for s in (1, 2) for e in (0, 1)}
    assert len(orders) == 4


def test_sample_keys_draw_by_sample_and_not_by_place_in_the_batch() -> None:
    one = SampleKeys(1, 0, np.array([5, 9, 2])).uniform("flip", 2)
    other = SampleKeys(1, 0, np.array([2, 5])).uniform("flip", 2)
    assert torch.equal(one[[2, 0]], other)
    assert one.dtype == torch.float32
    assert one.shape == (3, 2)


def test_sample_keys_give_each_name_seed_and_epoch_draws_of_its_own() -> None:
    indices = np.arange(4)
    base = SampleKeys(1, 0, indices).uniform("flip")
    assert not torch.equal(base, SampleKeys(1, 0, indices).uniform("rotate"))
    assert not torch.equal(base, SampleKeys(2, 0, indices).uniform("flip"))
    assert not torch.equal(base, SampleKeys(1, 1, indices).uniform("flip"))


def test_sample_keys_never_round_up_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    highest = np.full((1, 1), 1 - 2.0**-53)
    monkeypatch.setattr("learnkit.randomness.uniforms", lambda *_: highest)
    assert SampleKeys(0, 0, np.array([0])).uniform("flip").item() == 1 - 2**-24


def test_seed_generators_makes_torch_a_function_of_seed_and_step() -> None:
    with kept_generators(CPU):
        seed_generators(3, 10, CPU)
        first = torch.rand(4)
        torch.rand(100)
        seed_generators(3, 10, CPU)
        assert torch.equal(torch.rand(4), first)
        seed_generators(3, 11, CPU)
        assert not torch.equal(torch.rand(4), first)


def test_what_is_counted_by_another_name_draws_other_numbers() -> None:
    drawn = []
    with kept_generators(CPU):
        for name in ({}, {"name": "step"}, {"name": "epoch"}, {"name": "valid"}):
            seed_generators(3, 10, CPU, **name)
            drawn.append(torch.default_generator.initial_seed())
    assert drawn[0] == drawn[1] == mix(3, key_of("step"), 10)
    assert drawn[2:] == [mix(3, key_of(name), 10) for name in ("epoch", "valid")]
    assert len(set(drawn)) == 3


def test_kept_generators_restores_the_callers_generator_also_after_an_error() -> None:
    before = torch.get_rng_state()
    with pytest.raises(KeyError), kept_generators(CPU):
        {0.0: 0}[float(torch.rand(()) + 1)]
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_kept_generators_restores_the_gpus_generator() -> None:
    device = torch.device("cuda", 0)
    before = torch.cuda.get_rng_state(device)
    with kept_generators(device):
        seed_generators(3, 10, device)
        first = torch.rand(4, device=device)
        seed_generators(3, 10, device)
        assert torch.equal(torch.rand(4, device=device), first)
    assert torch.equal(torch.cuda.get_rng_state(device), before)
