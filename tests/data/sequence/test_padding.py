import numpy as np
import pytest
import torch

from learnkit.data.sequence.padding import (
    Scale,
    as_sequence,
    as_sequences,
    padded,
    with_presence,
)
from learnkit.errors import DataError


@pytest.mark.parametrize("values", [[1, 2], (1.0, 2.0), np.array([1, 2]), torch.tensor([1, 2])])
def test_plain_numbers_are_a_sequence_of_one_feature(values):
    rows = as_sequence(values, "sequence 0")
    assert rows.dtype == np.float32
    assert rows.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([], "there is no sequence: give at least one."),
        ([[1], []], "sequence 1 must be numbers (T,) or (T, F), at least one; found shape (0,)."),
        (
            [[[1, 2]], [[1, 2, 3]]],
            "sequence 1 has 3 features a step; the others have 2. Give each step of each sequence "
            "as many.",
        ),
        (
            [[[1, 2], [3, float("nan")]]],
            "sequence 0 has nan in step 1, feature 1 (from 0). Fill it in, or leave the sequence "
            "out.",
        ),
        (
            [["a"]],
            "sequence 0 must be numbers (T,) or (T, F); found list that is not: could not convert "
            "string to float: 'a'.",
        ),
    ],
)
def test_a_sequence_that_cannot_be_used_is_named(sequences, message):
    with pytest.raises(DataError) as error:
        as_sequences(sequences)
    assert str(error.value) == message


def test_each_feature_is_scaled_by_all_steps_together():
    scale = Scale.of(as_sequences([[[0, 7], [2, 7]], [[4, 7]]]))
    assert scale.mean == pytest.approx((2.0, 7.0))
    assert scale.std == pytest.approx((np.sqrt(8 / 3), 1.0))  # of a constant nothing is left
    assert scale(np.array([[2, 7]], np.float32)).tolist() == [[0.0, 0.0]]
    assert Scale()(np.array([[2, 7]], np.float32)).tolist() == [[2.0, 7.0]]


def test_a_feature_that_is_constant_up_to_rounding_is_not_blown_up():
    assert Scale.of([np.full((7, 1), 0.1, np.float32)]).std == (1.0,)


def test_padding_is_told_from_zeros():
    samples = [with_presence(np.zeros((n, 1), np.float32)) for n in (1, 3)]
    assert padded(samples)[:, :, 1].tolist() == [[1, 0, 0], [1, 1, 1]]


def test_tensors_that_are_trained_are_read():
    found = as_sequences([torch.ones(2, requires_grad=True)])
    assert found[0].tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize("sequences", [(s for s in [[1]]), {0: [1]}, "12", 7], ids=type)
def test_what_is_no_list_of_sequences_is_said(sequences):
    with pytest.raises(DataError) as error:
        as_sequences(sequences)
    assert str(error.value) == (
        "sequences must be a list of arrays (T,) or (T, F), or one array (N, T, F); found "
        f"{type(sequences).__name__}."
    )


@pytest.mark.parametrize("value", [1e39, np.array(1e39)])
def test_a_number_that_float32_does_not_hold_is_named(value):
    with pytest.raises(DataError, match="sequence 0 has inf in step 1, feature 0"):
        as_sequences([[0.0, value]])
