"""What a table's rows become is written to JSON and read back, within bounds."""

import copy
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.table import as_table
from learnkit.data.tabular.inputs import TableInputs, read
from learnkit.data.tabular.kinds import ColumnKinds
from learnkit.data.tabular.process import Process
from learnkit.json_fields import Fields

TABLE = as_table(
    {
        "town": ["Ulm", "Bonn", None, "Ulm"],
        "size": [10.0, 20.0, 30.0, 1e6],
        "age": [1.0, None, 3.0, 5.0],
        "saledate": ["2024-12-31", None, "2025-01-02", "2025-06-30"],
        "rent": [1, 2, 3, 4],
    }
)
KINDS = ColumnKinds(("town",), ("size", "age"), ("saledate",), ("size",), ("rent",))
INPUTS = TableInputs(Process.learn(TABLE, KINDS))
ROW = {name: values[0] for name, values in TABLE.columns.items()}


def again(inputs):
    return read(Fields(json.loads(json.dumps(inputs.to_json())), "inputs."))


def test_an_export_reads_back_to_the_same():
    assert again(INPUTS) == INPUTS
    assert INPUTS.kind == "table"
    x = again(INPUTS).process.x(TABLE)
    torch.testing.assert_close(x, INPUTS.process.x(TABLE), rtol=0, atol=0)


@given(st.lists(st.text(), min_size=1), st.lists(st.floats(-1e100, 1e100), min_size=1))
def test_any_words_and_numbers_read_back_to_equal_codes(words, numbers):
    n = max(len(words), len(numbers))
    columns = {"w": (words * n)[:n], "n": (numbers * n)[:n]}
    table = as_table(columns)
    inputs = TableInputs(Process.learn(table, ColumnKinds(("w",), ("n",), (), (), ())))
    torch.testing.assert_close(
        again(inputs).process.x(table), inputs.process.x(table), rtol=0, atol=0
    )


def test_a_loader_prepares_rows_as_training_did():
    loaded = list(INPUTS.loader([ROW, {**ROW, "town": "Paris"}], batch_size=1).batches(0))
    assert [one.indices.tolist() for one in loaded] == [[0], [1]]
    torch.testing.assert_close(loaded[0].batch.x, INPUTS.process.x(TABLE)[:1], rtol=0, atol=0)
    assert loaded[1].batch.x[0, 0] == 0  # unknown
    assert loaded[0].batch.y.dtype == torch.int64


def test_words_say_a_row():
    words = INPUTS.words(INPUTS.process.x(TABLE)[1])
    assert words.startswith("town Bonn, saleMonth (missing), ")
    assert "size 20, age (missing), " in words


def test_the_model_is_told_the_sizes():
    sizes = INPUTS.category_sizes
    assert (sizes["town"], sizes["age_na"]) == (3, 3)
    assert INPUTS.number_names[:2] == ("size", "age")


SPOILT = {
    "categories": (["town", "town"], "names that all differ"),
    "words": ([], "9 lists, one for each of the categories"),
    "fills": ([1.0], "a list of 7 numbers, one for each of the numbers"),
    "stds": ([0.0] * 7, "a list of numbers between 1e-300 and 1e+300"),
    "means": ([1e301] * 7, "a list of numbers between -1e+300 and 1e+300"),
    "logs": (["height"], "some of the numbers' names"),
    "flagged": ("age", "a JSON list"),
    "dates": ([["a"]], "a list of at most 10,000 strings of at most 1,000 letters"),
    "whole": (True, "false where there are numbers"),
}


@pytest.mark.parametrize("field", SPOILT)
def test_a_field_that_is_wrong_is_named(field):
    value, expected = SPOILT[field]
    document = {**copy.deepcopy(INPUTS.to_json()), field: value}
    with pytest.raises(ValueError, match="must be") as caught:
        read(Fields(document, "inputs."))
    assert f"field 'inputs.{field}' must be {expected}; found " in str(caught.value)


def test_a_field_that_is_missing_is_named():
    document = INPUTS.to_json()
    del document["numbers"]
    with pytest.raises(
        ValueError, match=r"^field 'inputs.numbers' must be a JSON list; found noth"
    ):
        read(Fields(document, "inputs."))


def test_words_that_are_there_twice_are_refused():
    document = INPUTS.to_json()
    document["words"][0] = ["Ulm", "Ulm"]
    with pytest.raises(ValueError, match=r"'inputs.words.town' must be words that all differ"):
        read(Fields(document, "inputs."))


def test_an_export_of_no_column_is_refused():
    document = {name: [] for name in INPUTS.to_json()} | {"whole": False}
    with pytest.raises(ValueError, match="must be the names of one column or more"):
        read(Fields(document, "inputs."))


def test_flags_that_share_a_name_with_a_column_are_refused():
    document = copy.deepcopy(INPUTS.to_json())
    document["categories"][0] = "age_na"
    with pytest.raises(ValueError, match=r"numbers whose NAME_na is none of the categories"):
        read(Fields(document, "inputs."))


def test_words_for_a_missing_value_are_kept():
    """So that a row of the same file is read as in training."""
    inputs = TableInputs(INPUTS.process, ("?",))
    assert again(inputs) == inputs
    ours, plain = (
        next(i.loader([{**ROW, "age": age}], batch_size=1).batches(0)).batch.x
        for i, age in ((inputs, " ? "), (INPUTS, None))
    )
    assert torch.equal(ours, plain)
    document = {**inputs.to_json(), "na_values": ["x" * 1_001]}
    with pytest.raises(ValueError, match=r"field 'inputs.na_values' must be a list of at most"):
        read(Fields(document, "inputs."))
    del document["na_values"]
    assert read(Fields(document, "inputs.")) == INPUTS
