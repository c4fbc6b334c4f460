import pytest

from learnkit.data.text.tokenizer import WordTokenizer, read_words
from learnkit.data.text.words import Words
from learnkit.json_fields import Fields

pytest.importorskip("tokenizers", reason="needs the extra text")

TEXTS = ["win a prize", "a b c", "Win b, b!", "zebra"]


def made(texts=TEXTS, max_len=100, **rules):
    return WordTokenizer.of_texts(texts, Words(**rules), max_len=max_len)


def test_the_most_frequent_words_come_first_and_equally_frequent_ones_by_their_text():
    assert made(min_freq=1).vocab == ("b", "a", "win", "!", ",", "c", "prize", "zebra")
    assert made(min_freq=2).vocab == ("b", "a", "win")
    assert made(min_freq=1, max_vocab=2).vocab == ("b", "a")


def test_0_is_padding_and_1_an_unknown_word():
    words = made()
    assert words.n_vocab == 5
    rows = words.encode(["a win for b", "", "what"])
    assert rows.flat.tolist() == [3, 4, 1, 2, 1]
    assert rows.lengths.tolist() == [4, 0, 1]
    assert words.decode([3, 4, 1, 2, 0, 0]) == "a win <unk> b"


def test_a_text_that_spells_the_signs_is_not_mistaken_for_them():
    words = made(["<pad> <unk> x"] * 2)
    assert 0 not in words.encode(["<pad> <unk> [PAD] x"]).flat
    assert "<pad>" not in words.vocab


def test_the_first_words_of_a_long_text_are_kept():
    assert made(max_len=2).encode(["b b a win"]).flat.tolist() == [2, 2]


def test_a_word_of_more_than_100_letters_is_unknown():
    long = "".join("ab"[i % 2] for i in range(101))
    assert made([f"{long} c", f"{long} c"]).vocab == ("c",)


def test_a_vocabulary_that_nothing_makes_is_empty():
    assert made(["a", "b"], min_freq=2).encode(["a b"]).flat.tolist() == [1, 1]


def test_the_same_texts_give_the_same_vocabulary_and_json_brings_it_back():
    texts = [f"w{chr(97 + i % 26)}{chr(97 + i % 7)} x{i}" for i in range(500)]
    first, second = made(texts, min_freq=1, digits=False), made(texts, min_freq=1, digits=False)
    assert first.vocab == second.vocab
    back = read_words(Fields(first.to_json()))
    assert back.words == Words(digits=False)
    assert back.encode(texts).flat.tolist() == first.encode(texts).flat.tolist()
    assert back.to_json() == first.to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab": ["a", "a"]}, "field 'vocab' must be words that differ from each other and from "
         "<pad> and <unk>; found ['a', 'a']"),
        ({"vocab": ["<pad>"]}, "field 'vocab' must be words that differ from each other and from "
         "<pad> and <unk>; found ['<pad>']"),
        ({"vocab": ["a", 3]}, "field 'vocab' must be a list of at most 100,000 strings of at most "
         "100 letters; found ['a', 3]"),
        ({"vocab": ["a" * 101]}, "field 'vocab' must be a list of at most 100,000 strings of at "
         "most 100 letters; found ['" + "a" * 55 + "..."),
        ({"vocab": "abc"}, "field 'vocab' must be a JSON list; found 'abc'"),
        ({"lower": 1}, "field 'lower' must be true or false; found 1"),
        ({"max_len": 0}, "field 'max_len' must be a whole number between 1 and 100,000; found 0"),
        ({"max_len": 2.5}, "field 'max_len' must be a JSON whole number; found 2.5"),
    ],
)  # fmt: skip
def test_what_a_stranger_may_not_say_of_words(change, message):
    with pytest.raises(ValueError) as caught:
        read_words(Fields({**made().to_json(), **change}))
    assert str(caught.value) == message


def test_too_many_words_are_refused():
    with pytest.raises(ValueError, match="a list of at most 100,000 strings"):
        read_words(Fields({**made().to_json(), "vocab": [str(i) for i in range(100_001)]}))
