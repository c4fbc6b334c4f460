"""Messages of our own are told apart; the real ones are in the example's own run."""

import pytest


def test_an_lstm_tells_spam_from_ham_as_well_as_word_counts(example, capsys):
    pytest.importorskip("sklearn", reason="needs the extra dev")
    pytest.importorskip("tokenizers", reason="needs the extra text")
    found, wrong, learn = example("spam").main()
    (accuracy, f1), (by_counts, _) = found["lstm"][0], found["tf-idf"][0]
    assert accuracy >= by_counts
    assert accuracy >= 0.9
    assert f1 >= 0.9
    assert len(wrong) == round((1 - accuracy) * len(learn.data.valid_texts))
    out = capsys.readouterr().out
    assert f"lstm    accuracy {accuracy:.4f}" in out
    assert "free prize, call now: spam (" in out
    assert learn.predict("are you home for dinner").label == "ham"
