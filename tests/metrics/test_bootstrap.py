"""Confidence intervals: Wilson's published ones, and draws that cover what they should."""

import dataclasses
import math
from typing import Any

import pytest
import torch
from sklearn.metrics import f1_score
from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics import (
    Interval,
    MeanMetric,
    accuracy,
    as_metric,
    auroc,
    f1,
    interval,
    mse,
    perplexity,
    rmse,
    sk_metric,
)
from learnkit.metrics.bootstrap import _again
from learnkit.metrics.per_sample import per_sample


def samples(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    targets = torch.randint(2, (n,))
    preds = torch.randn(n, 2)
    preds[torch.arange(n), targets] += 1.0
    return preds, targets


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_share_has_wilsons_interval(right: int, n: int, low: float, high: float) -> None:
    """R. G. Newcombe (1998), Statistics in Medicine 17, table I, method 3."""
    preds = torch.zeros(n, 2)
    preds[:, 1] = 1.0
    targets = (torch.arange(n) < right).long()
    found = interval(accuracy, preds, targets)
    assert found.method == "wilson"
    assert found.value == pytest.approx(right / n, abs=1e-6)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


def test_it_prints_short_and_is_frozen() -> None:
    found = Interval(0.9123, 0.8888, 0.9341, 0.95)
    assert str(found) == "0.912 [0.889, 0.934]"
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.low = 0.0  # type: ignore[misc]


def test_of_a_mean_the_bootstrap_is_that_of_the_normal_distribution() -> None:
    torch.manual_seed(0)
    errors = torch.randn(2000)
    found = interval(mse, errors, torch.zeros(2000), n=4000)
    half = 1.96 * errors.square().std() / math.sqrt(2000)
    assert found.method == "bootstrap"
    assert (found.high - found.low) / 2 == pytest.approx(float(half), rel=0.05)
    assert found.low < found.value < found.high
    wide = interval(mse, errors, torch.zeros(2000), n=4000, confidence=0.99)
    assert wide.low < found.low < found.high < wide.high


@pytest.mark.parametrize("make", [mse, rmse])
def test_the_fast_way_gives_the_numbers_of_the_slow_one(make: Any) -> None:
    torch.manual_seed(0)
    preds, targets = torch.randn(30), torch.randn(30)
    metric = make()
    metric.update(preds, targets)
    parts = per_sample(metric, preds, targets, metric.compute())
    assert parts is not None
    generator = torch.Generator().manual_seed(3)
    slow = _again(metric, preds, targets, 20, generator)
    places = torch.randint(30, (20, 30), generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(parts.over(places), slow)


def test_a_ratio_with_padding_has_parts_too() -> None:
    preds, targets = torch.randn(40, 5, 3), torch.randint(5, (40, 3))
    targets[:, 2] = -100
    metric = perplexity()
    metric.update(preds, targets)
    parts = per_sample(metric, preds, targets, metric.compute())
    assert parts is not None
    assert parts.below is not None
    assert parts.below.tolist() == [2.0] * 40


def test_a_function_that_is_no_mean_of_samples_is_computed_again() -> None:
    def spread(preds: Tensor, targets: Tensor) -> Tensor:
        return preds.std()

    def looks(preds: Tensor, targets: Tensor) -> Any:
        return float(preds.mean())

    preds, targets = torch.randn(50), torch.zeros(50)
    for fn in (spread, looks):
        value = float(fn(preds, targets))
        assert per_sample(MeanMetric(fn), preds, targets, value) is None
        found = interval(fn, preds, targets, n=50)
        assert found.low < found.value < found.high


def test_any_metric_has_one_and_the_seed_decides() -> None:
    preds, targets = samples(60)
    for metric in (f1, sk_metric(f1_score)):
        found = interval(metric, preds, targets, n=15)
        assert found.low < found.value < found.high
        assert found == interval(metric, preds, targets, n=15)
        assert found != interval(metric, preds, targets, n=15, seed=1)


def test_a_metric_in_use_is_left_alone() -> None:
    preds, targets = samples(20)
    metric = as_metric(accuracy)
    metric.update(preds[:3], targets[:3])
    before = metric.compute()
    interval(metric, preds, targets)
    assert metric.compute() == before


def test_probabilities_of_classes_do_as_well_as_logits() -> None:
    preds, targets = samples(40)
    for metric in (auroc(), perplexity(), accuracy):
        from_logits = interval(metric, preds, targets, n=10)
        from_shares = interval(metric, preds.softmax(1), targets, n=10)
        assert from_shares.value == pytest.approx(from_logits.value, abs=1e-5)
        assert from_shares.high == pytest.approx(from_logits.high, abs=1e-5)


def test_draws_without_a_class_are_left_out_in_silence() -> None:
    preds, targets = samples(6)
    targets[:] = torch.tensor([1, 0, 0, 0, 0, 0])
    found = interval(auroc(label=1), preds, targets, n=50)
    assert not math.isnan(found.low)


@pytest.mark.filterwarnings("ignore:auroc_1 is NaN")
def test_of_a_value_that_does_not_exist_there_is_no_interval() -> None:
    preds, targets = samples(6)
    found = interval(auroc(label=1), preds, targets * 0)
    assert [math.isnan(x) for x in (found.value, found.low, found.high)] == [True] * 3
    assert str(found) == "nan [nan, nan]"


@pytest.mark.parametrize(
    ("given", "options", "words"),
    [
        (
            (torch.zeros(3, 2), torch.zeros(2).long()),
            {},
            "interval takes a target for each prediction, and at least one; got 3 predictions and "
            "2 targets.",
        ),
        (
            (torch.zeros(0, 2), torch.zeros(0).long()),
            {},
            "interval takes a target for each prediction, and at least one; got 0 predictions and "
            "0 targets.",
        ),
        (
            ([0.1], [1]),
            {},
            "interval takes preds and targets as Tensors, as learn.get_preds(activate=False) gives "
            "them; got list and list.",
        ),
        (samples(3), {"confidence": 95}, "interval(confidence=...) lies between 0 and 1; got 95."),
        (samples(3), {"n": 0}, "interval(n=...) is a whole number from 1 on; got 0."),
    ],
)
def test_what_does_not_fit_is_said(given: Any, options: Any, words: str) -> None:
    with pytest.raises(MetricError) as caught:
        interval(accuracy, *given, **options)
    assert str(caught.value) == words
