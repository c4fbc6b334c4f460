import numpy as np
import torch

from learnkit.data.text.ragged import Ragged


def test_rows_come_padded_with_zeros_at_the_end():
    rows = Ragged.of([[1, 2, 3], [4], [], [5, 6]])
    assert len(rows) == 4
    assert rows.lengths.tolist() == [3, 1, 0, 2]
    x = rows.padded(np.array([1, 3]))
    assert x.dtype == torch.int64
    assert x.tolist() == [[4, 0], [5, 6]]
    assert rows.padded(np.array([2])).tolist() == [[0]]


def test_rows_are_taken_in_any_order():
    rows = Ragged.of([[1, 2, 3], [4], [5, 6]]).take(np.array([2, 0]))
    assert rows.padded(np.array([0, 1])).tolist() == [[5, 6, 0], [1, 2, 3]]


def test_no_rows_are_no_error():
    assert len(Ragged.of([])) == 0
