import json

import pytest

from learnkit.data.text.given_json import check_tokenizer


def document(model=None, **changes):
    base = {"type": "WordPiece", "vocab": {"[PAD]": 0, "a": 1}, "max_input_chars_per_word": 100}
    return json.dumps({"model": {**base, **(model or {})}, "added_tokens": [], **changes})


def added(*contents):
    return [{"id": 1, "content": content} for content in contents]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (document({"max_input_chars_per_word": 10**9}),
         "its words may have 1000000000 letters (max_input_chars_per_word); at most 1,000 are "
         "allowed"),
        (document({"max_input_chars_per_word": -1}),
         "its words may have -1 letters (max_input_chars_per_word); at most 1,000 are allowed"),
        (document({"type": "BPE", "dropout": 0.5}),
         "its model leaves out merges at random (dropout=0.5), so that one text has different "
         "tokens each time: set dropout to null"),
        (document({"continuing_subword_prefix": "#" * 17}),
         "its continuing_subword_prefix has more than 16 letters"),
        (document({"end_of_word_suffix": "#" * 17}),
         "its end_of_word_suffix has more than 16 letters"),
        (document({"vocab": {"a": 4294967295}}),
         "its token 'a' has the number 4294967295; they are whole and below 1,000,000"),
        (document({"vocab": {"a": None}}),
         "its token 'a' has the number None; they are whole and below 1,000,000"),
        (document({"vocab": {"a" * 1_001: 0}}),
         f"its token '{'a' * 56}... has 1,001 letters; at most 1,000 are allowed"),
        (document(added_tokens=added("c" * 4_000)),
         f"its token '{'c' * 56}... has 4,000 letters; at most 1,000 are allowed"),
        (document(added_tokens=added(*["c" * 1_000] * 51)),
         "its added_tokens have 51,000 letters; at most 50,000 are allowed"),
        (document(added_tokens=[{"id": 4294967295, "content": "c"}]),
         "its token 'c' has the number 4294967295; they are whole and below 1,000,000"),
        (document(added_tokens=["c"]), "its added_tokens must be JSON objects with a content"),
    ],
)  # fmt: skip
def test_what_could_hang_a_prediction_or_change_it_is_refused(text, message):
    with pytest.raises(ValueError) as caught:
        check_tokenizer(text)
    assert str(caught.value) == message


def test_what_tokenizers_usually_say_is_taken():
    check_tokenizer(document({"dropout": None, "end_of_word_suffix": None}))
    check_tokenizer(document({"type": "BPE", "dropout": 0.0, "end_of_word_suffix": "</w>"}))
