"""Columns are what the options name, or what their cells look like."""

import datetime as dt

import pytest

from learnkit.data.table import as_table
from learnkit.data.tabular.kinds import choose_kinds, names_of
from learnkit.errors import DataError

N = 100
COLUMNS = {
    "town": ["Ulm", "Bonn"] * 50,
    "size": [i / 2 for i in range(N)],
    "rooms": [1, 2, 3, 4] * 25,
    "day": [dt.date(2026, 1, 1 + i % 28) for i in range(N)],
    "rent": list(range(N)),
}
NONE = {
    "cat_cols": None,
    "num_cols": None,
    "date_cols": (),
    "log_cols": (),
    "drop_cols": (),
    "targets": ("rent",),
}


def chosen(columns=COLUMNS, **options):
    return choose_kinds(as_table(columns), **{**NONE, **options})


def kind_of(values):
    """The kind of one column, beside one that is always a number."""
    found = chosen({"size": [i / 2 for i in range(len(values))], "it": values, "rent": values})
    names = {"categories": found.categories, "numbers": found.numbers, "dates": found.dates}
    return next(kind for kind, columns in names.items() if "it" in columns)


def message(**options):
    with pytest.raises(DataError) as caught:
        chosen(**options)
    return str(caught.value)


def test_columns_are_chosen_by_their_cells():
    found = chosen()
    assert found.categories == ("town", "rooms")
    assert found.numbers == ("size",)
    assert found.dates == ("day",)
    assert found.ignored == ("rent",)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 1] * 50, "categories"),
        ([0, 1] * 4, "numbers"),  # fewer than five rows each
        (list(range(20)) * 5, "categories"),
        (list(range(21)) * 5, "numbers"),
        ([0.5, 1.0] * 50, "numbers"),
        ([True, False] * 50, "categories"),
        (["1.5", "2"] * 50, "numbers"),
        (["01", "02"] * 50, "categories"),  # codes, such as those of places
        (["2026-01-31", "2026-02-01 12:00"] * 50, "dates"),
        (["2026-01-31", "tomorrow"] * 50, "categories"),
        ([1.0, None] * 50, "categories"),  # that nothing is known tells something
        ([f"a{i}" for i in range(15)], "categories"),
    ],
)
def test_a_column_is_of_the_kind_that_its_cells_look_like(values, kind):
    assert kind_of(values) == kind


@pytest.mark.parametrize("values", [[7] * N, ["a"] * N, [None] * N, [f"id{i}" for i in range(N)]])
def test_a_column_that_tells_nothing_is_left_out_with_a_warning(values):
    with pytest.warns(UserWarning, match="nothing can be learned") as caught:
        found = chosen({**COLUMNS, "it": values})
    assert "it" in found.ignored
    assert str(caught[0].message) == (
        "The table: nothing can be learned from 'it', left out: in the training rows every cell is "
        "the same, missing, or a text of its own. drop_cols=[...] says so, cat_cols=[...] takes it "
        "all the same."
    )


def test_named_columns_are_taken_as_named_and_the_rest_is_chosen():
    found = chosen(cat_cols=["size"], drop_cols=["day"])
    assert found.categories == ("size",)
    assert found.numbers == ()
    found = chosen(num_cols=[2], drop_cols=["day"])  # by place
    assert (found.categories, found.numbers) == (("town",), ("rooms",))
    assert chosen(cat_cols=(), num_cols=["size"]).dates == ()


def test_log_cols_makes_a_column_one_of_numbers():
    found = chosen(log_cols=["rooms"])
    assert (found.categories, found.logs) == (("town",), ("rooms",))
    assert message(log_cols=["town"], cat_cols=["town"]) == (
        "log_cols names 'town', which is no column of numbers."
    )


def test_a_target_among_the_inputs_is_an_error():
    assert message(num_cols=["rent"]) == (
        "num_cols names 'rent', which is the target: the model would be given the answer. Take it "
        "out of one of the two."
    )


def test_a_column_in_two_lists_is_an_error():
    assert message(num_cols=["size"], cat_cols=["size"]) == (
        "The column 'size' is in cat_cols and in num_cols."
    )


def test_a_missing_column_is_named_with_the_nearest():
    assert message(num_cols=["sise"]) == (
        "The table has no column 'sise' (option num_cols). Did you mean 'size'? Its columns are: "
        "town, size, rooms, day, rent."
    )


def test_a_column_that_is_named_twice_is_an_error():
    assert names_of(as_table(COLUMNS), "town", "cat_cols") == ["town"]
    with pytest.raises(DataError, match="cat_cols names the column 'town' more than once"):
        names_of(as_table(COLUMNS), ["town", 0], "cat_cols")


def test_nothing_to_learn_from_is_an_error():
    assert message(cat_cols=(), num_cols=()) == (
        "The table has no column to learn from besides the target: name some in cat_cols or "
        "num_cols."
    )


def test_numbers_with_commas_are_no_silent_categories():
    with pytest.raises(DataError) as caught:
        chosen({**COLUMNS, "pay": ["900", "1,200"] * 50})
    assert str(caught.value) == (
        "The table, row 1 (counted from 0) has '1,200' in the column 'pay', a number with commas "
        "in it. Take them out of the column, or name it in cat_cols or drop_cols."
    )


def test_one_wrong_cell_does_not_make_words_of_numbers():
    values = [str(i / 2) for i in range(199)]
    with pytest.raises(DataError) as caught:
        kind_of([*values, "12a"])
    assert str(caught.value) == (
        "The table, row 199 (counted from 0) has '12a' in the column 'it', where 199 of 200 cells "
        "are numbers. Correct it, or leave it empty (na_values of from_csv reads a word as such); "
        "a column that is meant so goes into cat_cols or drop_cols."
    )
    many = {**COLUMNS, "it": [*range(98), "a", "b"]}
    assert "it" in chosen(many, cat_cols=["it", "town"]).categories
    assert "it" not in chosen(many, num_cols=["size"], drop_cols=["it"]).categories
    with pytest.raises(DataError, match="where 98 of 100 cells are numbers"):
        chosen(many, cat_cols=["town"])


def test_one_wrong_cell_does_not_make_words_of_dates():
    with pytest.raises(DataError, match=r"has '2020-02-31' .* 199 of 200 cells are dates"):
        kind_of([*(f"2020-01-{1 + i % 28:02}" for i in range(199)), "2020-02-31"])


@pytest.mark.parametrize(
    "values",
    [
        ["0", "1", "2"] * 65 + ["3+"],  # few whole numbers are categories with or without
        [f"{i:04}" for i in range(95)] * 2 + ["A1"],  # codes
        [str(i / 2) for i in range(90)] + ["unknown"] * 10,
    ],
)
def test_words_among_numbers_may_be_meant(values):
    assert kind_of(values) == "categories"


@pytest.mark.parametrize("values", [["x" * 2_000] * N, ["1,234"] * N, [[1, 2]] * N])
def test_columns_that_are_not_used_are_not_looked_at(values):
    found = chosen({**COLUMNS, "it": values}, cat_cols=["town"], num_cols=["size"])
    assert (found.categories, found.numbers, found.dates) == (("town",), ("size",), ())
    assert "it" in found.ignored


def test_long_texts_stop_nothing_where_only_numbers_are_chosen():
    found = chosen({**COLUMNS, "it": [f"{'x' * 2_000}{i}" for i in range(N)]}, cat_cols=["town"])
    assert found.numbers == ("size",)
