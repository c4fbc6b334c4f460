"""Pairs of photos with the labels of both."""

import pytest


@pytest.mark.filterwarnings("ignore:check ")
def test_pairs_have_the_labels_of_both_photos_and_most_are_found(example, capsys):
    pytest.importorskip("torchmetrics", reason="needs the extra metrics")
    last, labels = example("multilabel").main()
    assert last["multilabel_accuracy"] > 0.65
    assert set(labels) <= {"green", "red", "yellow"}
    assert "f1 0." in capsys.readouterr().out
