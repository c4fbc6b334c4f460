import math

import pytest
import torch

from learnkit.errors import MetricError
from learnkit.metrics import accuracy
from learnkit.metrics.foreground import foreground_accuracy
from learnkit.metrics.mean import MeanMetric


def masks(n=6):
    generator = torch.Generator().manual_seed(0)
    preds = torch.randn(n, 3, 5, 4, generator=generator)
    return preds, torch.randint(0, 3, (n, 5, 4), generator=generator)


@pytest.mark.parametrize("background", [0, 2])
@pytest.mark.parametrize("size", [1, 4, 6])
def test_it_is_the_accuracy_of_all_pixels_that_are_not_background(background, size):
    preds, y = masks()
    counts = y != background
    expected = (preds.argmax(1) == y)[counts].double().mean()
    metric = foreground_accuracy(background=background)
    for some, true in zip(preds.split(size), y.split(size), strict=True):
        metric.update(some, true)
    assert metric.compute() == pytest.approx(float(expected))
    flat = foreground_accuracy(background=background)
    torch.testing.assert_close(flat(preds.movedim(1, -1).reshape(-1, 3), y.reshape(-1)), expected)


def test_pixels_that_are_left_out_do_not_count_and_none_is_no_number():
    preds, y = masks()
    y[0] = 255
    found = foreground_accuracy(ignore_index=255)(preds, y)
    torch.testing.assert_close(found, foreground_accuracy()(preds[1:], y[1:]))
    assert math.isnan(foreground_accuracy()(preds, torch.zeros_like(y)))


def test_its_column_has_its_name_and_more_is_better():
    assert foreground_accuracy().name == "foreground_accuracy"
    assert foreground_accuracy(name="pets").name == "pets"
    assert foreground_accuracy().higher_is_better


def test_what_does_not_fit_is_refused():
    with pytest.raises(MetricError) as refused:
        foreground_accuracy(background=-1)
    assert str(refused.value) == (
        "foreground_accuracy(background=...) is a class number from 0 on; got -1."
    )
    with pytest.raises(MetricError) as refused:
        foreground_accuracy()(torch.zeros(2, 3), torch.zeros(2, 3))
    assert str(refused.value) == (
        "foreground_accuracy expects scores (B, K, ...) and class numbers (B, ...); got preds "
        "(2, 3) and targets (2, 3) float32."
    )


def test_a_batch_of_which_no_pixel_counts_leaves_a_mean_as_it_was():
    mean = MeanMetric(accuracy)
    mean.update(torch.tensor([[0.0, 1.0]]), torch.tensor([1]))
    mean.update(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64))
    assert mean.compute() == 1.0
