import pytest
import torch

from learnkit import load_learner
from learnkit.callbacks import CarryHidden, GradientClip
from learnkit.data.sequence.bunch import SequenceDataBunch
from learnkit.testing import tiny_learner
from learnkit.text_language import language_learner, sample

TEXT = "to be or not to be, that is the question. " * 30


@pytest.fixture(scope="module")
def learn():
    data = SequenceDataBunch.from_text(TEXT, seq_len=16, batch_size=8)
    learner = language_learner(data, hidden=24, embedding=8, device="cpu")
    learner.fit(6, 2e-2, progress=False)
    return learner


def test_a_text_is_learned_with_accuracy_and_perplexity_beside_the_loss(learn):
    row = learn.history[-1]
    assert row["accuracy"] > 0.85
    assert row["perplexity"] == pytest.approx(
        torch.tensor(row["valid_loss"]).exp().item(), rel=1e-4
    )


def test_options_of_model_and_learner_are_handed_on():
    data = SequenceDataBunch.from_text(TEXT, seq_len=16, batch_size=8)
    made = language_learner(
        data,
        arch="gru",
        hidden=5,
        layers=2,
        dropout=0.1,
        tie=True,
        cbs=GradientClip(1.0),
        metrics=(),
    )
    assert made.model.spec["cell"] == "gru"
    assert [type(callback) for callback in made.callbacks] == [CarryHidden, GradientClip]
    assert made.metrics == [] or not made.metrics
    assert [type(c) for c in language_learner(data, carry=False).callbacks] == []
    with pytest.raises(TypeError) as error:
        language_learner(data, hiden=3)
    assert "'hiden'" in str(error.value)
    assert "hidden" in str(error.value)


def test_other_data_is_refused():
    with pytest.raises(TypeError) as error:
        language_learner(tiny_learner().data)
    assert str(error.value) == (
        "language_learner's data must be a SequenceDataBunch of a text; got DataBunch. Make one: "
        "SequenceDataBunch.from_text(text)."
    )


def test_an_export_predicts_and_draws_the_same(learn, tmp_path):
    loaded = load_learner(learn.export(tmp_path / "lm"), device="cpu")
    for prompt in ("to be or n", "", "q\u00e9?"):
        ours, theirs = learn.predict(prompt), loaded.predict(prompt)
        assert torch.equal(ours.probabilities, theirs.probabilities)
        assert sample(learn, prompt, 40, seed=3) == sample(loaded, prompt, 40, seed=3)
    assert loaded.predict("to be or no").label == "t"
    assert [p.label for p in loaded.predict_batch(["to b", "that i", "to b"])] == ["e", "s", "e"]


def test_results_are_shown_as_text(learn, capsys):
    learn.show_results(2)
    assert "predicted" in capsys.readouterr().out
