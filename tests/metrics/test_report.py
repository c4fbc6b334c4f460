"""Scores of each class: scikit-learn's."""

from typing import Any

import pytest
import torch
from sklearn.metrics import precision_recall_fscore_support

from learnkit.errors import MetricError
from learnkit.metrics import per_class


@pytest.mark.parametrize("kind", ["multiclass", "binary", "multilabel"])
def test_the_scores_are_scikit_learns(kind: str) -> None:
    torch.manual_seed(0)
    preds = torch.randn(50, 3)
    targets: torch.Tensor = torch.randint(3, (50,))
    said: Any = preds.argmax(1)
    if kind == "binary":
        preds, targets = preds[:, 0], (targets > 0).float()
        said = preds > 0
    elif kind == "multilabel":
        targets, said = torch.rand(50, 3) < 0.3, preds > 0
    found = per_class(preds, targets).rows
    expected = precision_recall_fscore_support(targets, said, zero_division=0)
    rows = [(r.precision, r.recall, r.f1, r.support) for r in found]
    theirs = torch.tensor(list(zip(*expected, strict=True)), dtype=torch.float64)
    torch.testing.assert_close(torch.tensor(rows, dtype=torch.float64), theirs)
    assert [r.name for r in found] == [str(k) for k in range(len(expected[0]))]


def test_it_prints_as_a_table_and_gives_a_class_by_name() -> None:
    scores = per_class(torch.eye(3), torch.tensor([0, 0, 2]), classes=["cat", "antelope", "ox"])
    assert str(scores).splitlines() == [
        "class     precision  recall      f1  support",
        "cat           1.000   0.500   0.667        2",
        "antelope      0.000   0.000   0.000        0",
        "ox            1.000   1.000   1.000        1",
    ]
    assert scores["ox"].support == 1
    with pytest.raises(KeyError):
        scores["cow"]


@pytest.mark.parametrize(
    ("targets", "options", "words"),
    [
        (
            torch.tensor([0, 1]),
            {"classes": ["a"]},
            "per_class got 1 names of classes for an output of width 3.",
        ),
        (torch.tensor([0, 3]), {}, "per_class takes targets from 0 to 2, whole numbers."),
        (
            torch.tensor([0, 1]),
            {"threshold": 2},
            "per_class(threshold=...) is a probability between 0 and 1; got 2.",
        ),
    ],
)
def test_what_does_not_fit_is_said(targets: Any, options: Any, words: str) -> None:
    with pytest.raises(MetricError) as caught:
        per_class(torch.zeros(2, 3), targets, **options)
    assert str(caught.value) == words
