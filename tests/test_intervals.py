"""Metrics of a learner with their intervals; how one is computed is tested with the metrics."""

from typing import Any

import pytest
import torch

from learnkit import models
from learnkit.data.bunch import DataBunch
from learnkit.data.sequence.bunch import SequenceDataBunch
from learnkit.errors import MetricError
from learnkit.generative import autoencoder_learner
from learnkit.intervals import Intervals
from learnkit.learner import Learner
from learnkit.metrics import Interval, accuracy, error_rate, interval, mse
from learnkit.text_language import language_learner

X = torch.randn(80, 4, generator=torch.Generator().manual_seed(0))
DATA = DataBunch.from_arrays(X, (X[:, 0] > 0).long(), batch_size=16)


def learner(metrics: Any = (accuracy, error_rate)) -> Learner:
    return Learner(DATA, models.mlp(4, 2), metrics=metrics, device="cpu", precision="fp32")


def test_every_metric_has_the_value_of_validate_and_the_interval_of_its_predictions() -> None:
    learn = learner()
    found, row = learn.intervals(confidence=0.9), learn.validate()
    assert (list(found), len(found), found.n) == (["accuracy", "error_rate"], 2, 16)
    raw = learn.get_preds(activate=False)
    for name, metric in (("accuracy", accuracy), ("error_rate", error_rate)):
        assert found[name].value == pytest.approx(row[name])
        assert found[name] == interval(metric, *raw, confidence=0.9, seed=learn.seed)
        assert found[name].low < found[name].value < found[name].high


def test_another_loader_can_be_given() -> None:
    assert learner().intervals(dl=DATA.train_dl).n == 64


def test_it_prints_as_a_table() -> None:
    found = Intervals({"f<1>": Interval(0.5, 0.25, 0.75, 0.95)}, 1200, 0.95)
    assert str(found).splitlines() == [
        "metric     value       low      high",
        "f<1>      0.5000    0.2500    0.7500",
        "0.95 confidence, 1,200 samples",
    ]
    assert "<td>f&lt;1&gt;</td><td>0.5000</td>" in found._repr_html_()


def test_a_name_that_is_not_there_is_told() -> None:
    with pytest.raises(KeyError, match="no metric 'f1'; there are: accuracy, error_rate"):
        learner().intervals()["f1"]


def test_without_metrics_there_is_nothing_to_tell() -> None:
    with pytest.raises(MetricError) as error:
        learner(()).intervals()
    assert str(error.value) == (
        "intervals needs metrics, and this learner has none. Make it with metrics=accuracy."
    )


def test_the_tokens_of_a_drawn_row_are_compared_one_by_one() -> None:
    data = SequenceDataBunch.from_text("to be or not to be, " * 40, seq_len=8, batch_size=4)
    learn = language_learner(data, hidden=8, embedding=8, metrics=accuracy, device="cpu")
    learn.fit(3, 0.05, progress=False)
    found = learn.intervals()
    assert found["accuracy"].value == pytest.approx(learn.validate()["accuracy"])
    assert found["accuracy"].low < found["accuracy"].value < found["accuracy"].high


def test_targets_that_are_the_inputs_are_not_drawn() -> None:
    data = DataBunch.from_arrays(torch.rand(20, 1, 4, 4), torch.zeros(20), batch_size=8)
    learn = autoencoder_learner(data, n_latent=2, hidden=[4], metrics=mse(), device="cpu")
    with pytest.raises(MetricError) as caught:
        learn.intervals()
    assert str(caught.value) == (
        "intervals draws samples with their targets anew, and the targets of Reconstruction are "
        "its inputs: learn.validate() gives the metrics alone."
    )
