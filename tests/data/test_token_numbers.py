import pytest

from learnkit.data.token_numbers import known_tokens, unfit_tokens


@pytest.mark.parametrize(
    ("spec", "known"),
    [
        ({"model": "text_rnn", "n_vocab": 7, "n_classes": 2}, 7),
        ({"model": "char_rnn", "n_tokens": 8}, 8),
        ({"model": "transformer", "config": {"vocab_size": 9}, "shift": 1}, 10),
        ({"model": "compressed", "inner": {"model": "char_rnn", "n_tokens": 8}}, 8),
        ({"model": "mlp", "sizes": [3, 2]}, None),
    ],
)
def test_the_tokens_of_a_model_are_in_its_description(spec, known):
    assert known_tokens(spec) == known


def test_a_model_must_know_every_token():
    spec = {"model": "char_rnn", "n_tokens": 8}
    assert unfit_tokens(spec, 8) == ""
    assert unfit_tokens(spec, 9) == "texts have 9 different tokens, but the model knows 8"
    assert unfit_tokens({"model": "mlp", "sizes": [3, 2]}, 2) == (
        "texts become token numbers, but the model mlp takes none"
    )
