"""Ratings as a DataBunch: pairs of codes, and values."""

import pytest
import torch

from learnkit.data.tabular.collab_bunch import CollabDataBunch
from learnkit.errors import DataError

TABLE = {
    "user": [7, 8, 9] * 20,
    "film": ["Up", "Jaws"] * 30,
    "stars": [1, 5, 3, 2] * 15,
    "when": list(range(60)),
}


def message(df=TABLE, **options):
    with pytest.raises(DataError) as caught:
        CollabDataBunch.from_df(df, **options)
    return str(caught.value)


def test_ratings_become_pairs_of_codes_and_values():
    data = CollabDataBunch.from_df(TABLE, bs=16)
    x, y = data.one_batch()
    assert (x.shape, x.dtype) == ((16, 2), torch.int64)
    assert (y.shape, y.dtype) == ((16,), torch.float32)
    assert data.inputs.category_sizes == {"user": 4, "film": 3}
    assert data.inputs.process.sources == ("user", "film")
    assert set(y.tolist()) <= {1.0, 2.0, 3.0, 5.0}


def test_the_bunch_says_which_columns_it_took_for_what():
    lines = repr(CollabDataBunch.from_df(TABLE, bs=16)).splitlines()
    assert lines[-1] == "  user=user, item=film, rating=stars"
    other = CollabDataBunch.from_df(TABLE, user_col="film", item_col="when", bs=16)
    assert repr(other).splitlines()[-1] == "  user=film, item=when, rating=stars"


def test_who_is_in_validation_alone_is_unknown():
    rows = {"u": ["a", "b", "a", "zoe"], "i": ["x", "y", "y", "x"], "r": [1.0, 2, 3, 4]}
    data = CollabDataBunch.from_df(rows, split=([0, 1, 2], [3]), bs=2)
    assert data.valid_dl.batches(0).__next__().batch.x.tolist() == [[0, 1]]


def test_columns_can_be_named_and_a_file_read(tmp_path):
    lines = [",".join(map(str, row)) for row in zip(*TABLE.values(), strict=True)]
    (tmp_path / "r.csv").write_text("\n".join([",".join(TABLE), *lines]))
    named = {"user_col": "film", "item_col": "user", "rating_col": "stars"}
    data = CollabDataBunch.from_csv(tmp_path / "r.csv", bs=16, **named)
    assert data.inputs.category_sizes == {"film": 3, "user": 4}


def test_one_column_for_two_things_is_an_error():
    assert message(item_col="user") == (
        "user_col, item_col and rating_col must be three columns: found user, user, stars."
    )


def test_a_missing_column_names_the_nearest():
    assert message(item_col="films") == (
        "The table has no column 'films' (option item_col). Did you mean 'film'? Its columns are: "
        "user, film, stars, when."
    )


def test_a_rating_that_is_no_number_is_named():
    rows = {**TABLE, "stars": ["good"] * 60}
    assert "has 'good' in the column 'stars', whose values are numbers." in message(rows)


def test_a_batch_is_shown_by_names(capsys):
    CollabDataBunch.from_df(TABLE, bs=16).show_batch(1)
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["user", "film", "target"]
    assert row.split()[0] in {"7", "8", "9"}


def test_a_review_beside_a_rating_stops_nothing():
    reviews = ["so long " * 300 + str(i) for i in range(40)]
    table = {
        "user": [f"u{i % 8}" for i in range(40)],
        "film": [f"f{i % 5}" for i in range(40)],
        "stars": [i % 6 for i in range(40)],
        "review": reviews,
    }
    assert CollabDataBunch.from_df(table, bs=8).one_batch().x.shape == (8, 2)
