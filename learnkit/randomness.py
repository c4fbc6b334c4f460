"""Random numbers as a pure function of (seed, epoch, sample) and (seed, step).

No generator state is carried from one choice to the next, so worker count, prefetching, killing
and resuming change nothing. The mixing function is SplitMix64 (Steele, Lea and Flood, 2014, "Fast
splittable pseudorandom number generators", OOPSLA, figure 17); it gives the same numbers on every
machine and with every NumPy and torch release.
"""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_WORD = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15
_M1 = 0xBF58476D1CE4E5B9
_M2 = 0x94D049BB133111EB


def mix(*keys: int) -> int:
    """Return a well-mixed integer in [0, 2**63) that depends on every key and on their order."""
    state = 0
    for key in keys:
        state = _mixed(state, key)
    return state >> 1


def _mixed(state: int, key: int) -> int:
    state = (state ^ (key & _WORD)) + _GAMMA & _WORD
    state = (state ^ state >> 30) * _M1 & _WORD
    state = (state ^ state >> 27) * _M2 & _WORD
    return state ^ state >> 31


@lru_cache(maxsize=32)
def _before(seed: int, name: str) -> int:
    """Return the state of ``mix(seed, key_of(name), number)`` before the number, which changes."""
    return _mixed(_mixed(0, seed), key_of(name))


def key_of(name: str) -> int:
    """Return a stable integer for a name, to keep the draws of different users apart."""
    return zlib.crc32(name.encode())


def _mix_array(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    state = state + np.uint64(_GAMMA)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(_M1)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(_M2)
    return state ^ (state >> np.uint64(31))


def uniforms(key: int, indices: IntArray, n: int) -> FloatArray:
    """Draw ``n`` numbers for each index: float64 (len(indices), n) in [0, 1).

    A row depends on the key and its own index alone, never on the other rows.
    """
    base = _mix_array(np.uint64(key) ^ indices.astype(np.uint64))[:, None]
    words = _mix_array(base ^ np.arange(1, n + 1, dtype=np.uint64)[None, :])
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permutation(n: int, *, seed: int, epoch: int) -> IntArray:
    """Return the order in which epoch ``epoch`` visits ``n`` samples: int64 (n,)."""
    draws = uniforms(mix(seed, key_of("order"), epoch), np.arange(n, dtype=np.int64), 1)[:, 0]
    return np.argsort(draws, kind="stable").astype(np.int64)


@dataclass(frozen=True, slots=True)
class SampleKeys:
    """What the random choices of one batch depend on.

    Attributes:
        seed: the seed of the data.
        epoch: how many epochs this data has been trained on before, over all fits.
        indices: int64 (B,), the samples' places in the dataset.
    """

    seed: int
    epoch: int
    indices: IntArray

    def uniform(self, name: str, n: int = 1) -> Tensor:
        """Draw float32 (B, n) in [0, 1) on the CPU; each name gives draws of its own."""
        drawn = uniforms(mix(self.seed, key_of(name), self.epoch), self.indices, n)
        # float64 values just below 1 would round up to 1.0
        return torch.from_numpy(np.minimum(drawn.astype(np.float32), np.float32(1 - 2**-24)))


def seed_generators(seed: int, number: int, device: torch.device, *, name: str = "step") -> None:
    """Set torch's default generators to what training step ``number`` of ``seed`` must see.

    Dropout, user transforms and anything else that draws from torch's global generator becomes a
    pure function of (seed, number). ``torch.manual_seed`` would do the same but visits every
    backend. Another ``name``, such as that of a phase, counts something else than steps.
    """
    value = _mixed(_before(seed, name), number) >> 1
    torch.default_generator.manual_seed(value)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(value)
    elif device.type != "cpu":
        torch.manual_seed(value)


@contextmanager
def kept_generators(device: torch.device) -> Iterator[None]:
    """Put the caller's generators back on leaving, so a fit leaves no trace in them."""
    if device.type in ("cpu", "cuda"):
        devices: Sequence[torch.device] = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            yield
    else:
        with torch.random.fork_rng(devices=[device], device_type=device.type):
            yield
