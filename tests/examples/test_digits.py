"""Convolutional nets on digits, from nothing."""

import pytest
import torch

from learnkit import load_learner


@pytest.fixture
def digits(example):
    pytest.importorskip("sklearn", reason="needs the extra dev")
    return example("digits")


def test_eight_epochs_are_right_on_most_of_the_test_part(digits, capsys):
    (found,) = digits.main()["cnn"]
    assert found > 0.95
    assert capsys.readouterr().out.startswith(f"cnn: {100 * found:.2f} % of the test right")


def test_the_three_parts_share_no_sample(digits):
    data, test = digits.digits(0)
    parts = [b.x for dl in (data.train_dl, data.valid_dl) for b in dl] + [x for x, _ in test]
    seen = [row.numpy().tobytes() for part in parts for row in part]
    assert len(seen) == len(set(seen)) == 1797


def test_an_export_answers_as_the_learner_does(digits, tmp_path):
    learn, _ = digits.train("cnn", 1)
    learn.export(tmp_path / "model")
    x = learn.data.one_batch(train=False).x[0]
    again = load_learner(tmp_path / "model").predict(x)
    assert torch.equal(again.probabilities, learn.predict(x).probabilities)


@pytest.mark.parametrize("side", [8, 28])
def test_both_take_digits_of_either_size(digits, side):
    for build in digits.MODELS.values():
        assert build(0).eval()(torch.rand(2, 1, side, side)).shape == (2, 10)
