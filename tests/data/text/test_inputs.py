import pytest
import torch

from learnkit.data.inputs import inputs_from
from learnkit.data.text.inputs import TextInputs, read
from learnkit.data.text.tokenizer import WordTokenizer
from learnkit.data.text.words import Words
from learnkit.errors import DataError
from learnkit.json_fields import Fields

pytest.importorskip("tokenizers", reason="needs the extra text")


@pytest.fixture
def inputs():
    return TextInputs(WordTokenizer.of_texts(["a b c d"], Words(min_freq=1), max_len=10))


def test_texts_come_longest_first_with_their_places(inputs):
    (one, two) = inputs.loader(["a", "b c", "zebra d d"], batch_size=2).batches(0)
    assert one.indices.tolist() == [2, 1]
    assert one.batch.x.tolist() == [[1, 5, 5], [3, 4, 0]]
    assert two.indices.tolist() == [0]
    assert two.batch.x.tolist() == [[2]]
    assert one.batch.y.dtype == torch.int64
    assert inputs.words(one.batch.x[1]) == "b c"


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (["a", 3], "This model takes texts: item 1 (counted from 0) is of type int. Give a str."),
        (["a", None], "This model takes texts: item 1 (counted from 0) is of type NoneType. "
         "Give a str."),
        ([""], "Item 0 (counted from 0) has no word in it: ''. Write something there, or leave it "
         "out."),
        (["a", " \n", "", "b"], "Item 1 (counted from 0) has no word in it (and 1 more): "
         "' \\n'. Write something there, or leave it out."),
    ],
)  # fmt: skip
def test_an_item_that_is_no_text_is_named(inputs, items, message):
    with pytest.raises(DataError) as caught:
        inputs.loader(items, batch_size=2)
    assert str(caught.value) == message


def test_json_brings_them_back(inputs):
    back = inputs_from("text", Fields(inputs.to_json()))
    assert back.to_json() == inputs.to_json()
    assert (back.kind, back.n_vocab) == ("text", 6)


def test_an_unknown_kind_of_tokenizer_is_refused():
    with pytest.raises(ValueError) as caught:
        read(Fields({"tokenizer": "pickle"}, "inputs."))
    assert str(caught.value) == (
        "field 'inputs.tokenizer' must be one of words, given; found 'pickle'"
    )
