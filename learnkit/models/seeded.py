"""Build modules from a seed alone, whatever the caller's generators hold."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from learnkit.randomness import kept_generators, key_of, mix


@contextmanager
def seeded(seed: int, part: str) -> Iterator[None]:
    """Seed torch's CPU generator inside the block; the caller's state comes back after it.

    Args:
        seed: the caller's.
        part: a name, so that the body's and the head's numbers do not depend on each other.
    """
    with kept_generators(torch.device("cpu")):
        torch.default_generator.manual_seed(mix(seed, key_of(part)))
        yield
