"""A date becomes the parts that fastai's add_datepart names."""

import datetime as dt

import pytest

from learnkit.data.table import as_table
from learnkit.data.tabular.dates import CATEGORY_PARTS, NUMBER_PARTS, part_names, with_parts
from learnkit.errors import DataError

DAYS = ["2024-12-31", "2024-02-29", "2025-04-01", None]


def parts(name="saledate"):
    return with_parts(as_table({name: DAYS}), [name]).columns


def test_the_parts_of_dates_are_those_of_the_calendar():
    found = parts()
    assert found["saleYear"] == [2024, 2024, 2025, None]
    assert found["saleMonth"] == [12, 2, 4, None]
    assert found["saleDay"] == [31, 29, 1, None]
    assert found["saleWeek"] == [1, 9, 14, None]  # ISO 8601: the last of December may be week 1
    assert found["saleDayofweek"] == [1, 3, 1, None]
    assert found["saleDayofyear"] == [366, 60, 91, None]
    assert found["saleElapsed"][0] == 1_735_603_200
    assert found["saleIs_month_end"] == [True, True, False, None]
    assert found["saleIs_month_start"] == [False, False, True, None]
    assert found["saleIs_quarter_end"] == [True, False, False, None]
    assert found["saleIs_quarter_start"] == [False, False, True, None]
    assert found["saleIs_year_end"] == [True, False, False, None]
    assert found["saleIs_year_start"] == [False, False, False, None]


def test_all_parts_have_a_name_and_a_kind():
    assert len(CATEGORY_PARTS) + len(NUMBER_PARTS) == 13
    assert part_names(["Date", "day"], {"Year": NUMBER_PARTS["Year"]}) == ("Year", "dayYear")


def test_a_zone_counts_in_the_seconds():
    zone = dt.timezone(dt.timedelta(hours=2))
    table = as_table({"t": [dt.datetime(1970, 1, 1, 2, tzinfo=zone)]})
    assert with_parts(table, ["t"]).columns["tElapsed"] == [0]


def test_a_part_does_not_overwrite_a_column():
    with pytest.raises(DataError) as caught:
        with_parts(as_table({"saledate": ["2024-12-31"], "saleYear": [1]}), ["saledate"])
    assert str(caught.value) == (
        "The table has a column 'saleYear', and the dates in 'saledate' would make another of that "
        "name. Rename one of them."
    )
