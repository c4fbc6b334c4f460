import json

import pytest

from learnkit.data.text.given import GivenTokenizer, given_tokenizer, read_given
from learnkit.errors import DataError
from learnkit.json_fields import Fields

tokenizers = pytest.importorskip("tokenizers", reason="needs the extra text")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "win", "a", "prize", "##s"]


def word_pieces(words=WORDS):
    from tokenizers import models, normalizers, pre_tokenizers, processors

    tool = tokenizers.Tokenizer(
        models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]")
    )
    tool.normalizer = normalizers.BertNormalizer()
    tool.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(name, words.index(name)) for name in ("[CLS]", "[SEP]")]
    tool.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ends
    )
    tool.decoder = tokenizers.decoders.WordPiece()
    return tool


def changed(**changes):
    document = json.loads(word_pieces().to_str())
    document.update(changes)
    return json.dumps(document)


def test_a_tokenizer_keeps_its_numbers_and_special_tokens_where_0_is_padding():
    given = given_tokenizer(word_pieces(), max_len=10)
    assert (given.shift, given.n_vocab) == (0, 8)
    assert given.encode(["Win prizes", "zebra"]).flat.tolist() == [2, 4, 6, 7, 3, 2, 1, 3]
    assert given.decode([4, 6, 7, 0, 0]) == "win prizes"


def test_numbers_are_higher_by_one_where_0_is_a_token():
    given = given_tokenizer(word_pieces([*WORDS[1:], "[PAD]"]), max_len=10)
    assert (given.shift, given.n_vocab) == (1, 9)
    tokens = given.encode(["win zebra"]).flat.tolist()
    assert tokens == [2, 4, 1, 3]
    assert given.decode([4, 5, 0]) == "win a"


def test_the_first_tokens_are_kept_between_the_special_ones():
    given = given_tokenizer(word_pieces(), max_len=4)
    assert given.encode(["win a prize a win"]).flat.tolist() == [2, 4, 5, 3]


def test_the_callers_own_tokenizer_is_left_as_it_was():
    own = word_pieces()
    before = own.to_str()
    given_tokenizer(own, max_len=4).encode(["a"])
    assert own.to_str() == before


def test_json_brings_it_back():
    given = given_tokenizer(word_pieces(), max_len=10)
    back = read_given(Fields(given.to_json()))
    texts = ["Win a prize", "what?"]
    assert back.encode(texts).flat.tolist() == given.encode(texts).flat.tolist()


def test_a_folder_and_a_file_give_their_tokenizer(tmp_path):
    word_pieces().save(str(tmp_path / "tokenizer.json"))
    for place in (tmp_path, tmp_path / "tokenizer.json", str(tmp_path)):
        assert given_tokenizer(place, max_len=10).n_vocab == 8


def test_what_is_no_tokenizer_is_refused(tmp_path):
    with pytest.raises(DataError) as caught:
        given_tokenizer(3, max_len=10)
    assert str(caught.value) == (
        "tokenizer must be Words(...), a tokenizers.Tokenizer, a fast tokenizer of transformers, "
        "or the folder that holds tokenizer.json; found int."
    )
    with pytest.raises(DataError) as caught:
        given_tokenizer(tmp_path, max_len=10)
    assert str(caught.value) == (
        f"cannot read the tokenizer {tmp_path / 'tokenizer.json'}: No such file or directory. "
        "Give the folder that holds tokenizer.json."
    )
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(DataError) as caught:
        given_tokenizer(tmp_path, max_len=10)
    assert str(caught.value) == (
        f"{tmp_path} cannot be used: it must hold a JSON object with a model. Exports keep "
        "tokenizers of the kinds WordPiece, BPE and WordLevel."
    )


def test_padding_that_the_file_asks_for_is_not_done():
    huge = {"strategy": {"Fixed": 10**9}, "direction": "Right", "pad_to_multiple_of": None,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}  # fmt: skip
    given = GivenTokenizer(changed(padding=huge), max_len=10)
    assert given.encode(["a"]).flat.tolist() == [2, 5, 3]


@pytest.mark.parametrize("number", [10**6, 4294967295])
def test_a_number_outside_the_vocabulary_is_an_error_not_a_crash(number):
    document = json.loads(changed())
    document["post_processor"]["special_tokens"]["[CLS]"]["ids"] = [number]
    given = GivenTokenizer(json.dumps(document), max_len=10)
    with pytest.raises(DataError) as caught:
        given.encode(["a"])
    assert str(caught.value) == (
        "The tokenizer gives token numbers that are not in its vocabulary of 8: its file was "
        "changed or put together wrongly."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "it must hold a JSON object with a model"),
        ('{"model": {"type": "Unigram"}}',
         "its model is 'Unigram'; known are BPE, WordLevel, WordPiece"),
        (changed(normalizer={"type": "Precompiled", "precompiled_charsmap": ""}),
         "its step 'Precompiled' is not among those that are run"),
        (changed(normalizer={"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}),
         "its step Replace puts in more than one letter at a time"),
        (changed(normalizer={"type": "Sequence", "normalizers": [{"type": "NFC"}] * 20}),
         "it has 24 steps; at most 16 are run"),
        (changed(post_processor={"type": "TemplateProcessing", "single": [{}] * 17, "pair": [],
                                 "special_tokens": {}}),
         "its template must have lists of at most 16 pieces"),
        (changed(post_processor={"type": "TemplateProcessing", "single": [], "pair": [],
                                 "special_tokens": {"a": {"ids": [1] * 17}}}),
         "its template must have lists of at most 16 pieces"),
        (changed(post_processor={"type": "TemplateProcessing", "special_tokens": []}),
         "its template must have at most 16 special tokens"),
        ("x" * (4 << 20), "it has 4,194,304 bytes; at most 3,145,728 are read"),
        ('{"model": {"type": "WordLevel", "type": "BPE"}}', "it has the field 'type' twice"),
    ],
)  # fmt: skip
def test_what_a_stranger_may_not_put_into_a_tokenizer(text, message):
    with pytest.raises(ValueError) as caught:
        GivenTokenizer(text, max_len=10)
    assert str(caught.value) == message


def test_what_the_library_refuses_is_an_error_of_ours():
    with pytest.raises(ValueError, match="the library tokenizers says: "):
        GivenTokenizer('{"model": {"type": "WordPiece"}}', max_len=10)


@pytest.mark.parametrize("max_len", [0, 10**9, "4", None])
def test_a_length_out_of_bounds_is_refused(max_len):
    fields = {**given_tokenizer(word_pieces(), max_len=4).to_json(), "max_len": max_len}
    with pytest.raises(ValueError, match="field 'max_len' must be a"):
        read_given(Fields(fields))
