"""The metric: its value, and that a learner takes it."""

import math

import torch
from learnkit_sparkle import glow

from learnkit.testing import tiny_learner


def test_glow_is_the_mean_of_the_greatest_probabilities():
    logits = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]])
    assert math.isclose(float(glow(logits, torch.zeros(2))), (0.75 + 0.5) / 2, rel_tol=1e-6)


def test_glow_is_a_column_of_the_table():
    history = tiny_learner(metrics="glow").fit(1, progress=False)
    assert 0.5 <= history[0]["glow"] <= 1.0
