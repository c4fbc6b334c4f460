"""The share of labels that are right."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from learnkit.errors import MetricError
from learnkit.metrics import multilabel_accuracy


@pytest.mark.parametrize("exact", [False, True])
def test_it_equals_scikit_learn_for_any_batch_partition(exact: bool, over: Any) -> None:
    @given(n=st.integers(1, 40), seed=st.integers(0, 999), sizes=st.lists(st.integers(1, 20)))
    @settings(max_examples=6, deadline=None)
    def check(n: int, seed: int, sizes: list[int]) -> None:
        torch.manual_seed(seed)
        preds, targets = torch.randn(n, 3), torch.rand(n, 3) < 0.5
        said = preds.sigmoid() > 0.7
        if not exact:
            expected = accuracy_score(targets.flatten(), said.flatten())
        else:
            expected = accuracy_score(targets, said)
        metric = multilabel_accuracy(threshold=0.7, exact=exact)
        assert over(metric, preds, targets, sizes) == pytest.approx(expected, abs=1e-6)

    check()


def test_one_output_is_taken_and_floats_are_labels() -> None:
    assert float(multilabel_accuracy()(torch.tensor([1.0, -1.0]), torch.tensor([1.0, 1.0]))) == 0.5


def test_class_numbers_are_refused() -> None:
    with pytest.raises(MetricError) as caught:
        multilabel_accuracy()(torch.zeros(8, 3), torch.zeros(8).long())
    assert str(caught.value) == (
        "multilabel_accuracy expects scores and labels of 0 and 1 of one shape, such as (B, K); "
        "found preds (8, 3) and targets (8,) int64. For class numbers use accuracy."
    )
