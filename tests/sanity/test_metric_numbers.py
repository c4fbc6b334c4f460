"""not_finite: numbers of an epoch that are none."""

import math

import numpy as np
import torch

from learnkit.data.dataset_loader import DatasetLoader
from learnkit.sanity.kept import BadBatch
from learnkit.sanity.metrics import not_finite


def test_numbers_are_fine() -> None:
    assert not_finite({"valid_loss": 0.5, "accuracy": 1.0}, 1) is None
    assert not_finite({}, 1) is None


def test_a_metric_that_is_none_is_named() -> None:
    assert not_finite({"valid_loss": 0.5, "f1": math.nan, "log_p": -math.inf}, 3) == (
        "f1 is nan and log_p is -inf in epoch 3. Such a number is never an improvement, so nothing "
        "that watches it saves or stops; look for a division by zero, or a class without samples."
    )


def test_a_loss_that_is_none_is_named_with_the_first_samples_that_made_it() -> None:
    dataset = torch.utils.data.TensorDataset(torch.zeros(40, 2), torch.zeros(40))
    loader = DatasetLoader(dataset, batch_size=8)
    bad = BadBatch(2, np.arange(16, 24))
    assert not_finite({"valid_loss": math.nan}, 1, bad=bad, loader=loader) == (
        "valid_loss is nan in epoch 1, from validation batch 2 on: sample 16, sample 17, sample 18 "
        "and 5 more. Look at these samples and at what the model gives for them; precision='fp32' "
        "tells whether the number format is at fault."
    )
