"""Perplexity: exp of scikit-learn's log loss."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from learnkit.errors import MetricError
from learnkit.metrics import perplexity


def test_it_equals_scikit_learn_for_any_batch_partition(over: Any) -> None:
    @given(n=st.integers(1, 30), seed=st.integers(0, 999), sizes=st.lists(st.integers(1, 9)))
    @settings(max_examples=6, deadline=None)
    def check(n: int, seed: int, sizes: list[int]) -> None:
        torch.manual_seed(seed)
        preds, targets = torch.randn(n, 5, 3), torch.randint(5, (n, 3))
        rows = preds.double().softmax(1).movedim(1, -1).reshape(-1, 5)
        expected = math.exp(log_loss(targets.flatten(), rows, labels=range(5)))
        assert over(perplexity(), preds, targets, sizes) == pytest.approx(expected, rel=1e-9)

    check()


def test_padding_does_not_count(over: Any) -> None:
    preds, targets = torch.randn(6, 5), torch.tensor([0, 1, 2, -100, -100, 4])
    kept = targets >= 0
    expected = over(perplexity(), preds[kept], targets[kept])
    assert over(perplexity(), preds, targets, [1, 2]) == pytest.approx(expected)
    assert math.isnan(over(perplexity(), preds, torch.full((6,), -100)))


def test_an_unlikely_token_does_not_make_it_infinite(over: Any) -> None:
    preds = torch.tensor([[0.0, 200.0]])
    assert over(perplexity(), preds, torch.tensor([0])) == pytest.approx(math.exp(200), rel=1e-9)
    assert over(perplexity(), preds * 10, torch.tensor([0])) == math.inf
    assert math.isnan(over(perplexity(), preds * math.nan, torch.tensor([0])))


def test_classes_that_come_last_are_told_to_move() -> None:
    with pytest.raises(MetricError) as caught:
        perplexity().update(torch.zeros(2, 7, 5), torch.zeros(2, 7).long())
    assert str(caught.value) == (
        "perplexity expects logits (B, K) or (B, K, T) and class numbers (B,) or (B, T) of an "
        "integer dtype; found preds (2, 7, 5) and targets (2, 7) int64. Where classes come last, "
        "let the model end with logits.movedim(-1, 1)."
    )


@pytest.mark.parametrize("wrong", [5, -1])
def test_class_numbers_beyond_the_outputs_are_an_error(wrong: int) -> None:
    metric = perplexity()
    metric.update(torch.zeros(2, 5), torch.tensor([0, -100]))
    metric.update(torch.zeros(2, 5), torch.tensor([wrong, 4]))
    words = (
        "perplexity takes targets that are class numbers, from 0 to the number of the model's "
        "outputs - 1; 1 of this phase are none. Check the dataset's targets."
    )
    with pytest.raises(MetricError) as caught:
        metric.compute()
    assert str(caught.value) == words
    with pytest.raises(MetricError) as caught:
        metric(torch.zeros(1, 5), torch.tensor([wrong]))
    assert str(caught.value) == words
    metric.reset()
    metric.update(torch.zeros(1, 5), torch.tensor([0]))
    assert metric.compute() == pytest.approx(5)
