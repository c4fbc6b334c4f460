"""Rows to predict are dicts, Series, named tuples or a DataFrame, and name what is wrong."""

import pytest

from learnkit.data.tabular.rows import table_of_rows
from learnkit.errors import DataError

NEEDED, IGNORED = ["town", "size"], ["rent"]


def table(items):
    return table_of_rows(items, needed=NEEDED, ignored=IGNORED)


def message(items):
    with pytest.raises(DataError) as caught:
        table(items)
    return str(caught.value)


def test_dicts_become_columns_and_what_is_not_used_is_left_out():
    found = table([{"size": 1, "town": "Ulm", "rent": 5}, {"town": "Bonn", "size": 2}])
    assert found.columns == {"town": ["Ulm", "Bonn"], "size": [1, 2]}


def test_the_rows_of_pandas_are_rows():
    pd = pytest.importorskip("pandas")
    df = pd.DataFrame({"town": ["Ulm", "Bonn"], "size": [1, 2], "rent": [3, 4]})
    expected = {"town": ["Ulm", "Bonn"], "size": [1, 2]}
    assert table(df).columns == expected
    assert table([row for _, row in df.iterrows()]).columns == expected
    assert table(df.to_dict("records")).columns == expected
    assert table(list(df.itertuples())).columns == expected


def test_a_row_that_lacks_a_column_is_named_with_the_nearest():
    assert message([{"town": "Ulm", "size": 1}, {"twon": "Ulm", "size": 1}]) == (
        "row 1 (counted from 0) has no column 'town', which the model was trained on. Did you mean "
        "'twon'? Give None where its value is not known."
    )


def test_a_column_that_training_did_not_have_is_named_with_the_nearest():
    assert message([{"town": "Ulm", "size": 1, "sizes": 2}]) == (
        "row 0 (counted from 0) has the column 'sizes', which the training table did not have. Did "
        "you mean 'size'? The model takes: town, size."
    )


@pytest.mark.parametrize("item", ["town", 3, ["Ulm", 1]])
def test_what_is_no_row_is_an_error(item):
    assert message([item]) == (
        "A row to predict is a dict or a Series of values by column; row 0 (counted from 0) is "
        f'{item!r}. Of a DataFrame: df.to_dict("records").'
    )
