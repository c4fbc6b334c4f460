"""What is learned of a table is a pure function of its training rows."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.table import as_table
from learnkit.data.tabular.kinds import ColumnKinds
from learnkit.data.tabular.process import Process, check_names, take, with_text_names
from learnkit.errors import DataError

KINDS = ColumnKinds(("town",), ("size", "age"), (), (), ("rent",))
TABLE = as_table(
    {
        "rent": [1, 2, 3, 4],
        "town": ["Ulm", "Bonn", None, "Ulm"],
        "size": [10.0, 20.0, 30.0, 40.0],
        "age": [1.0, None, 3.0, 5.0],
    }
)


def rows():
    cell = st.floats(-1e6, 1e6) | st.none()
    row = st.tuples(st.sampled_from(["a", "b", "c", None]), st.floats(-1e6, 1e6), cell)
    return st.lists(row, min_size=2, max_size=12).filter(lambda found: found[0][2] is not None)


def table_of(found):
    town, size, age = zip(*found, strict=True)
    return as_table({"town": town, "size": size, "age": age})


def test_x_has_codes_then_flags_then_normalised_numbers():
    process = Process.learn(TABLE, KINDS)
    x = process.x(TABLE)
    assert x.dtype == torch.float32
    assert x.shape == (4, process.width) == (4, 4)
    assert [column.name for column in process.coded] == ["town", "age_na"]
    assert x[:, 0].tolist() == [2, 1, 0, 2]
    assert x[:, 1].tolist() == [1, 2, 1, 1]
    deviation = np.std([10, 20, 30, 40])
    torch.testing.assert_close(x[0, 2], torch.tensor(-15 / deviation, dtype=torch.float32))
    torch.testing.assert_close(x[:, 3].mean(), torch.tensor(0.0))


def test_rows_have_their_words_back():
    process = Process.learn(TABLE, KINDS)
    x = process.x(TABLE)
    assert process.decoded(x[0]) == {"town": "Ulm", "size": "10", "age": "1"}
    assert process.decoded(x[1]) == {"town": "Bonn", "size": "20", "age": "(missing)"}
    assert process.decoded(x[2])["town"] == "(missing)"


@given(rows(), st.randoms(use_true_random=False))
def test_the_order_of_the_training_rows_does_not_matter(found, random):
    shuffled = random.sample(found, len(found))
    assert Process.learn(table_of(shuffled), KINDS) == Process.learn(table_of(found), KINDS)


@given(rows(), rows())
def test_other_rows_do_not_matter(found, others):
    """A row's x is the same whichever rows it is prepared with."""
    process = Process.learn(table_of(found), KINDS)
    together = process.x(table_of([*found, *others]))
    torch.testing.assert_close(together[: len(found)], process.x(table_of(found)), rtol=0, atol=0)


def test_a_date_is_flagged_once():
    table = as_table({"saledate": ["2024-12-31", None, "2025-01-02"], "town": ["a", "b", "a"]})
    process = Process.learn(table, ColumnKinds(("town",), (), ("saledate",), (), ()))
    assert process.sources == ("town", "saledate")
    assert [column.name for column in process.flags] == ["saleElapsed_na"]
    x = process.x(table)
    assert x.shape == (3, 1 + 8 + 1 + 5)
    assert x[1, 1:9].tolist() == [0] * 8
    assert process.decoded(x[0])["saleYear"] == "2024"


def test_a_table_of_categories_alone_may_be_whole():
    kinds = ColumnKinds(("town",), (), (), (), ())
    x = Process.learn(TABLE, kinds, whole=True).x(TABLE)
    assert x.dtype == torch.int64
    assert x.tolist() == [[2], [1], [0], [2]]


def test_a_table_that_lacks_a_column_is_named_with_the_nearest():
    process = Process.learn(TABLE, KINDS)
    with pytest.raises(DataError) as caught:
        process.x(as_table({"Town": ["a"], "size": [1], "age": [1]}, title="The test table"))
    assert str(caught.value) == (
        "The test table has no column 'town', which the training rows have. Did you mean 'Town'? "
        "Its columns are: Town, size, age."
    )


def test_constant_columns_are_warned_of():
    table = as_table({"town": ["a", "a"], "size": [1, 1], "age": [1, 2]})
    process = Process.learn(table, KINDS)
    with pytest.warns(UserWarning, match="one value") as caught:
        process.warn_of_constants("The table", ["town", "size", "age"])
    assert str(caught[0].message) == (
        "The table: 'town', 'size' have one value in all training rows, from which nothing can be "
        "learned. Name other columns, or look at the split."
    )


def test_take_gives_rows_with_their_names():
    part = take(TABLE, [2, 0])
    assert part.columns["rent"] == [3, 1]
    assert part.rows == ["row 2 (counted from 0)", "row 0 (counted from 0)"]


def test_names_are_texts_that_differ_and_are_short():
    assert list(with_text_names(as_table({0: [1], "a": [2]})).columns) == ["0", "a"]
    with pytest.raises(DataError) as caught:
        with_text_names(as_table({0: [1], "0": [2]}))
    assert str(caught.value) == "The table has two columns named '0': rename one."
    with pytest.raises(DataError) as caught:
        check_names(["x" * 201], "The table")
    assert str(caught.value) == (
        f"The table has a column name of 201 letters, {'x' * 40!r}...: shorten it to at most 200. "
        "Is the first line one of data? Then pass names=[...]."
    )


def test_flags_do_not_share_their_name_with_a_column():
    table = as_table({"age": [None, 1.5, 2.5], "age_na": ["a", "b", "a"]})
    with pytest.raises(DataError) as caught:
        Process.learn(table, ColumnKinds(("age_na",), ("age",), (), (), ()))
    assert str(caught.value) == (
        "The table has gaps in the column of numbers 'age', which a column 'age_na' is to tell of, "
        "and another of that name. Rename or drop it: drop_cols=['age_na']."
    )
    full = as_table({"age": [1.0, 1.5, 2.5], "age_na": ["a", "b", "a"]})
    assert Process.learn(full, ColumnKinds(("age_na",), ("age",), (), (), ())).width == 2


def test_a_column_that_is_not_used_leaves_its_name_to_dates():
    table = as_table({"sale": ["2024-12-31", "2025-01-02"], "saleYear": ["x", "y"]})
    process = Process.learn(table, ColumnKinds((), (), ("sale",), (), ("saleYear",)))
    assert process.decoded(process.x(table)[0])["saleYear"] == "2024"
