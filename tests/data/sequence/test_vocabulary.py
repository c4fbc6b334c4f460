import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.sequence.vocabulary import END, UNKNOWN, Vocabulary, read_vocabulary
from learnkit.errors import DataError
from learnkit.json_fields import Fields


@given(st.text(), st.sampled_from(["char", "word"]))
def test_a_text_of_training_comes_back_letter_for_letter(text, level):
    vocabulary = Vocabulary.of([text], level=level)
    assert vocabulary.decode(vocabulary.encode(text).tolist()) == text


def test_what_training_did_not_have_is_unknown():
    numbers = Vocabulary.of(["ab"]).encode("xab")
    assert numbers.tolist() == [UNKNOWN, 2, 3]
    assert Vocabulary.of(["ab"]).decode([UNKNOWN, 2]) == "<unknown>a"


def test_words_keep_the_blank_before_them():
    vocabulary = Vocabulary.of(["to be,  or\nnot"], level="word")
    numbers = vocabulary.encode("to be,  or\nnot").tolist()
    assert [vocabulary.tokens[i] for i in numbers] == ["to", " be", ",", "  ", "or", "\n", "not"]


def test_the_most_frequent_tokens_stay_and_their_order_is_that_of_text():
    assert Vocabulary.of(["ccbba"], max_tokens=4).tokens == ("<unknown>", "<end>", "b", "c")
    assert Vocabulary.of(["ccbba"], min_count=2).tokens == ("<unknown>", "<end>", "b", "c")


def test_a_stream_has_the_end_before_between_and_behind_its_texts():
    vocabulary = Vocabulary.of(["ab", "a"])
    assert vocabulary.stream(["ab", "a"]).tolist() == [END, 2, 3, END, 2, END]


def test_it_is_read_again_from_json():
    vocabulary = Vocabulary.of(["so it is"], level="word")
    assert read_vocabulary(Fields(json.loads(json.dumps(vocabulary.to_json())))) == vocabulary


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"level": "byte"}, "field 'level' must be one of char, word; found 'byte'"),
        (
            {"tokens": ["a", "b"]},
            "field 'tokens' must be different strings that begin with <unknown> and <end>; found "
            "['a', 'b']",
        ),
        (
            {"tokens": ["<unknown>", "<end>", "a", "a"]},
            "field 'tokens' must be different strings that begin with <unknown> and <end>; found "
            "['<unknown>', '<end>', 'a', 'a']",
        ),
    ],
)
def test_a_changed_vocabulary_is_refused(changed, message):
    with pytest.raises(ValueError) as error:
        read_vocabulary(Fields(Vocabulary.of(["a"]).to_json() | changed))
    assert str(error.value) == message


def test_options_are_checked():
    with pytest.raises(DataError) as error:
        Vocabulary.of(["a"], level="chars")
    assert str(error.value) == (
        "level must be 'char' or 'word': found 'chars'. Did you mean 'char'?"
    )
    with pytest.raises(DataError) as error:
        Vocabulary.of(["a"], max_tokens=2)
    assert str(error.value) == "max_tokens must be a whole number from 3 to 100,000: found 2."
