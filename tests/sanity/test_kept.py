"""KeptLosses: numbers on a CPU, tensors elsewhere, read when asked."""

import math

import numpy as np
import pytest
import torch

from learnkit.sanity.kept import KeptLosses


@pytest.mark.parametrize("on_host", [True, False])
def test_losses_come_back_with_their_numbers_once(on_host: bool) -> None:
    kept = KeptLosses(on_host=on_host)
    weight = torch.ones((), requires_grad=True)
    assert kept.add(7, weight * 2) == 1
    assert kept.add(9, weight * 3) == 2
    assert not kept.have_indices
    assert kept.read() == ([7, 9], [2.0, 3.0])
    assert kept.read() == ([], [])


@pytest.mark.parametrize("on_host", [True, False])
def test_the_first_bad_batch_is_remembered(on_host: bool) -> None:
    kept = KeptLosses(on_host=on_host)
    for number, loss in enumerate([1.0, math.nan, math.inf]):
        kept.add(number, torch.tensor(loss), np.array([number, number + 10]))
    assert kept.have_indices
    assert kept.first_bad is None  # nobody has read
    kept.read()
    kept.add(3, torch.tensor(math.nan), np.array([4]))
    kept.read()
    assert kept.first_bad is not None
    assert (kept.first_bad.number, kept.first_bad.indices.tolist()) == (1, [1, 11])


def test_nothing_is_read_from_the_device_before() -> None:
    kept = KeptLosses(on_host=False)
    kept.add(0, torch.zeros((), device="meta"))  # has no number to read
    with pytest.raises((NotImplementedError, RuntimeError)):
        kept.read()


def test_a_training_batch_is_not_named() -> None:
    kept = KeptLosses(on_host=True)
    kept.add(0, torch.tensor(math.nan))
    kept.read()
    assert kept.first_bad is None
