"""A dataset that draws at random as users' do, and what is compared of its batches."""

import random
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset


class Noisy(Dataset[tuple[torch.Tensor, int]]):
    """Draws from every global generator, as users' transforms do."""

    def __init__(self, n: int = 10) -> None:
        self.n, self.asked = n, list[int]()

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        self.asked.append(index)
        drawn = [random.random(), float(np.random.rand()), float(torch.rand(()))]
        return torch.tensor([index, *drawn]), index


def facts(batches: Any) -> list[tuple[list[int], list[list[float]]]]:
    return [(one.indices.tolist(), one.batch.x.tolist()) for one in batches]


def states() -> tuple[Any, ...]:
    numpy_state = np.random.get_state()
    return torch.get_rng_state().tolist(), random.getstate(), numpy_state[1].tolist()  # type: ignore[index]
