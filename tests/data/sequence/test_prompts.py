import json

import pytest

from learnkit.data.sequence.inputs import read
from learnkit.data.sequence.prompts import PromptInputs
from learnkit.data.sequence.vocabulary import END, Vocabulary
from learnkit.errors import DataError
from learnkit.json_fields import Fields

INPUTS = PromptInputs(Vocabulary.of(["abc"]), seq_len=8)


def test_a_prompt_stands_behind_the_end_of_another_text():
    assert INPUTS.encode("ab").tolist() == [END, 2, 3]
    assert INPUTS.encode("").tolist() == [END]
    assert INPUTS.encode("a!").tolist() == [END, 2, 0]


def test_prompts_of_all_lengths_are_loaded():
    batches = [
        loaded.batch.x.tolist() for loaded in INPUTS.loader(["a", "b", ""], batch_size=9).batches(0)
    ]
    assert batches == [[[END, 2], [END, 3]], [[END]]]


def test_a_prompt_that_is_no_text_is_named():
    with pytest.raises(DataError) as error:
        INPUTS.loader(["a", 7], batch_size=2)
    assert str(error.value) == (
        "item 1 of 2 (7): this model goes on with texts: give a str; found int."
    )
    with pytest.raises(DataError) as error:
        INPUTS.loader([None], batch_size=2)
    assert str(error.value) == "this model goes on with texts: give a str; found NoneType."


def test_they_are_read_again_from_json():
    assert read(Fields(json.loads(json.dumps(INPUTS.to_json())))) == INPUTS


def test_a_changed_length_is_refused():
    with pytest.raises(ValueError) as error:
        read(Fields(INPUTS.to_json() | {"seq_len": 10**9}))
    assert str(error.value) == (
        "field 'seq_len' must be a whole number between 1 and 1,000,000; found 1000000000"
    )


def test_a_sample_is_told_as_text():
    assert INPUTS.words(INPUTS.encode("cab")) == "<end>cab"
