import json

import numpy as np
import pytest
import torch

from learnkit.data.sequence.inputs import SequenceInputs, read
from learnkit.data.sequence.padding import Scale
from learnkit.errors import DataError
from learnkit.json_fields import Fields

INPUTS = SequenceInputs(2, Scale((1.0, 0.0), (2.0, 1.0)), ragged=True)


def test_a_sequence_is_scaled_and_says_which_steps_are_there():
    assert INPUTS.n_in == 3
    assert INPUTS.encode([[1, 5], [3, 6]]).tolist() == [[0, 5, 1], [1, 6, 1]]
    assert SequenceInputs(1).encode([4, 5]).tolist() == [[4], [5]]


def test_sequences_of_all_lengths_are_loaded():
    loader = INPUTS.loader([np.ones((3, 2)), np.ones((4, 2))], batch_size=2)
    assert [tuple(loaded.batch.x.shape) for loaded in loader.batches(0)] == [(1, 3, 3), (1, 4, 3)]


def test_a_sequence_that_does_not_fit_is_named():
    with pytest.raises(DataError) as error:
        INPUTS.loader([[[1, 2]], [[1, 2, 3]]], batch_size=2)
    assert str(error.value) == (
        "item 1 of 2 ([[1, 2, 3]]): the sequence has 3 features a step; the others have 2. Give "
        "each step of each sequence as many."
    )


def test_they_are_read_again_from_json():
    for inputs in (INPUTS, SequenceInputs(4)):
        assert read(Fields(json.loads(json.dumps(inputs.to_json())))) == inputs


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"of": "sounds"}, "field 'of' must be one of numbers, text; found 'sounds'"),
        (
            {"n_features": 3},
            "field 'mean' must be 3 numbers, as for std, or none; found [1.0, 0.0]",
        ),
        (
            {"std": [0.0, 1.0]},
            "field 'std' must be a list of numbers between 1e-30 and 1e+30; found [0.0, 1.0]",
        ),
        ({"ragged": 1}, "field 'ragged' must be true or false; found 1"),
    ],
)
def test_changed_inputs_are_refused(changed, message):
    with pytest.raises(ValueError) as error:
        read(Fields(INPUTS.to_json() | changed))
    assert str(error.value) == message


def test_a_sample_is_told_by_its_length_and_first_numbers():
    x = torch.zeros(6, 3)
    x[:5, 2] = 1
    assert INPUTS.words(x) == "5 steps of 2: 0, 0, 0, 0, ..."
    assert SequenceInputs(1).words(torch.ones(2, 1)) == "2 steps of 1: 1, 1"


def test_a_number_that_is_too_large_once_it_is_scaled_is_named():
    """Such as where an export tells a deviation of 1e-30: infinity would become NaN unseen."""
    inputs = SequenceInputs(1, Scale((0.0,), (1e-30,)))
    with pytest.raises(DataError) as error:
        inputs.encode([0.0, 1e10])
    assert str(error.value) == (
        "the sequence has 1e+10 in step 1, feature 0 (from 0), which is too large for float32 when "
        "it is scaled as the training sequences were."
    )
