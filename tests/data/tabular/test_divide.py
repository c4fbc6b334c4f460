"""Rows are divided in one of several ways."""

import pytest

from learnkit.data.samples import Samples
from learnkit.data.splitters import stratified_splitter
from learnkit.data.table import as_table
from learnkit.data.tabular.divide import divide
from learnkit.errors import DataError

TABLE = as_table({"held": [0, 1, 0, 0, 1, 0, 0, 0, 0, 0]})
NONE = {
    "valid_given": False,
    "valid_pct": None,
    "valid_col": None,
    "split": None,
    "seed": 1,
}


def divided(table=TABLE, **options):
    samples = Samples(len(table.rows), ["a", "b"] * 5, columns=table.columns)
    return divide(table, samples, **{**NONE, **options})


def message(table=TABLE, **options):
    with pytest.raises(DataError) as caught:
        divided(table, **options)
    return str(caught.value)


def test_a_fifth_is_held_out_unless_told_otherwise():
    found = divided()
    assert sorted([*found.train, *found.valid]) == list(range(10))
    assert len(found.valid) == 2
    assert found.words == "0.2 of the samples held out at random, by seed 1"
    assert divided().valid.tolist() == found.valid.tolist()
    assert len(divided(valid_pct=0.5).valid) == 5


def test_a_column_can_say():
    assert divided(valid_col="held").valid.tolist() == [1, 4]
    assert divided(valid_col="held").words == "by the column 'held'"


def test_a_splitter_can_say():
    found = divided(split=stratified_splitter(0.4, seed=2))
    assert sum(place % 2 for place in found.valid) == 2
    assert (
        found.words == "0.4 of the samples held out at random, of each class its share, by seed 2"
    )


def test_places_can_say():
    found = divided(split=([0, 2, 4], [3, 1]))
    assert (found.train.tolist(), found.valid.tolist()) == ([0, 2, 4], [1, 3])
    assert found.words == "by the indices given"


def test_another_table_leaves_all_rows_for_training():
    assert len(divided(valid_given=True).train) == 10


def test_two_ways_at_once_are_an_error():
    assert message(valid_pct=0.2, valid_col="held") == (
        "valid_pct and valid_col were both given: give one."
    )


def test_an_empty_side_is_an_error():
    assert message(split=(range(10), [])) == "split leaves no samples for validation."
    assert message(as_table({"a": [1]})) == "The table has 1 row; a split needs two or more."
