"""Metrics of all forms in one fit: their columns, and a phase without a class."""

import math

import pytest
import torch
from sklearn.metrics import f1_score
from torch import nn

from learnkit import metrics as ours
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner


def test_all_forms_of_metrics_stand_in_one_table() -> None:
    torch.manual_seed(0)
    x = torch.randn(60, 4)
    data = DataBunch.from_arrays(x, x[:, :3].argmax(1), batch_size=7, classes=["a", "b", "c"])
    mine = [ours.accuracy, ours.f1, ours.recall(label=2), ours.sk_metric(f1_score, average="macro")]
    learn = Learner(data, nn.Linear(4, 3), metrics=mine, device="cpu")
    learn.fit(1, progress=False)
    row = learn.history[-1]
    preds, targets = learn.get_preds(activate=False)
    expected = f1_score(targets, preds.argmax(1), average="macro")
    assert row["f1"] == pytest.approx(row["f1_score"], abs=1e-6)
    assert row["f1_score"] == pytest.approx(expected, abs=1e-12)
    by_class = ours.per_class(preds, targets, classes=data.classes)
    assert row["recall_2"] == pytest.approx(by_class["c"].recall, abs=1e-6)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_fit_goes_on_where_a_metric_does_not_exist() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(20, 4), torch.arange(20) % 2
    valid = (torch.randn(6, 4), torch.zeros(6, dtype=torch.int64))
    data = DataBunch.from_arrays(x, y, valid=valid, batch_size=5, classes=["a", "b"])
    learn = Learner(data, nn.Linear(4, 2), metrics=ours.auroc, device="cpu")
    learn.fit(2, progress=False)
    assert [math.isnan(row["auroc"]) for row in learn.history] == [True, True]
