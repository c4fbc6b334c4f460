"""Metrics of values: scikit-learn's numbers, for any batching."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from learnkit.errors import MetricError
from learnkit.metrics import mae, mse, r2, rmse

CASES = [
    (mse, sk.mean_squared_error),
    (rmse, sk.root_mean_squared_error),
    (mae, sk.mean_absolute_error),
    (r2, sk.r2_score),
]


@pytest.mark.parametrize(("make", "reference"), CASES, ids=["mse", "rmse", "mae", "r2"])
@pytest.mark.parametrize("outputs", [None, 3])
def test_a_metric_equals_scikit_learn_for_any_batch_partition(
    make: Any, reference: Any, outputs: int | None, over: Any
) -> None:
    @given(n=st.integers(2, 60), seed=st.integers(0, 999), sizes=st.lists(st.integers(1, 20)))
    @settings(max_examples=6, deadline=None)
    def check(n: int, seed: int, sizes: list[int]) -> None:
        torch.manual_seed(seed)
        shape = (n,) if outputs is None else (n, outputs)
        preds, targets = torch.randn(shape), torch.randn(shape) + 1e4
        if make is rmse and outputs:
            expected = math.sqrt(sk.mean_squared_error(targets.double(), preds.double()))
        else:
            expected = reference(targets.double(), preds.double())
        assert over(make(), preds, targets, sizes) == pytest.approx(expected, rel=1e-9)

    check()


@pytest.mark.parametrize("make", [mse, rmse, mae, r2])
def test_other_shapes_are_refused_and_not_compared_each_with_every_other(make: Any) -> None:
    with pytest.raises(MetricError) as caught:
        make().update(torch.zeros(8, 1), torch.zeros(8))
    assert str(caught.value) == (
        "this metric compares values one by one and expects one shape; found preds (8, 1) and "
        "targets (8,) float32. Give both one shape: nn.Flatten(0) at the end of the model, or "
        "targets y[:, None]."
    )


def test_without_samples_a_metric_is_nan_and_r2_needs_two(over: Any) -> None:
    for make in (mse, rmse, mae, r2):
        metric = make()
        assert math.isnan(metric.compute())
        metric.update(torch.zeros(0), torch.zeros(0))
        assert math.isnan(metric.compute())
        over(metric, torch.zeros(3), torch.ones(3))
        metric.reset()
        assert math.isnan(metric.compute())
    assert math.isnan(over(r2(), torch.zeros(1), torch.zeros(1)))


def test_equal_targets_give_one_or_zero_as_in_scikit_learn(over: Any) -> None:
    flat = torch.full((5,), 0.1)
    assert over(r2(), flat, flat, [2]) == sk.r2_score(flat, flat) == 1.0
    assert over(r2(), flat + 1, flat, [2]) == sk.r2_score(flat, flat + 1) == 0.0


def test_a_nan_stays_one(over: Any) -> None:
    preds = torch.tensor([1.0, math.nan])
    for make in (mse, rmse, mae, r2):
        assert math.isnan(over(make(), preds, torch.zeros(2)))


def test_names_directions_and_calls() -> None:
    found = [(m.name, m.higher_is_better) for m in (mse(), rmse(), mae(), r2(name="fit"))]
    assert found == [("mse", False), ("rmse", False), ("mae", False), ("fit", True)]
    assert float(rmse()(torch.tensor([3.0, 3.0]), torch.zeros(2))) == 3.0
    assert [repr(mse()), repr(r2())] == ["RatioMetric(mse)", "SpreadMetric(r2)"]
