import torch

from learnkit.text_language import sample


def test_an_lstm_is_less_surprised_than_counts_and_its_export_says_the_same(
    example, tmp_path, capsys
):
    losses, learn, loaded = example("char_rnn").main(out=tmp_path / "model")
    assert losses["LSTM"] < losses["2-gram"] < losses["1-gram"]
    assert losses["LSTM"] < losses["3-gram"]
    told = capsys.readouterr().out
    assert "LSTM" in told
    assert "This is the" in told
    ours, theirs = learn.predict("This is the ma"), loaded.predict("This is the ma")
    assert torch.equal(ours.probabilities, theirs.probabilities)
    assert sample(learn, "This is ", 60, seed=1) == sample(loaded, "This is ", 60, seed=1)
