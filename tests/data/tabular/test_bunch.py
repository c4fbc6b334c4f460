"""A table as a DataBunch: what it learns it learns from the training rows."""

import numpy as np
import pytest
import torch

from learnkit.data.splitters import grouped_splitter, stratified_splitter
from learnkit.data.tabular.bunch import TabularDataBunch
from learnkit.errors import DataError
from learnkit.tasks import Regression

N = 60
TABLE = {
    "town": ["Ulm", "Bonn", "Kiel"] * 20,
    "size": [float(i) for i in range(N)],
    "rent": [10.0 * i for i in range(N)],
    "kind": ["flat", "house"] * 30,
}


def bunch(df=TABLE, y_cols="kind", **options):
    return TabularDataBunch.from_df(df, y_cols, **{"bs": 16, **options})


def message(*args, **options):
    with pytest.raises(DataError) as caught:
        bunch(*args, **options)
    return str(caught.value)


def rows_of(loader):
    x, y = zip(*loader, strict=True)
    return torch.cat(x), torch.cat(y)


def test_a_table_becomes_batches_of_codes_and_numbers():
    data = bunch(drop_cols=["rent"])
    assert data.classes == ("flat", "house")
    x, y = data.one_batch()
    assert (x.shape, x.dtype) == ((16, 2), torch.float32)
    assert (y.shape, y.dtype) == ((16,), torch.int64)
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (48, 12)
    assert data.split == "0.2 of the samples held out at random, by seed 42"


def test_values_are_a_regression_with_their_names():
    data = bunch(y_cols=["rent", "size"])
    assert data.classes == ()
    assert isinstance(data.task, Regression)
    assert data.task.names == ("rent", "size")
    assert data.one_batch().y.shape == (16, 2)


def test_only_training_rows_are_learned_from():
    """Whatever the validation rows hold, the training rows become the same x."""
    held = list(range(50, N))
    other = {**TABLE, "town": [*TABLE["town"][:50], *["Rom"] * 10]}
    other["size"] = [*TABLE["size"][:50], *[1e6] * 10]
    datas = [bunch(df, split=(range(50), held), drop_cols=["rent"]) for df in (TABLE, other)]
    assert datas[0].inputs == datas[1].inputs
    (x, _), (other_x, _) = (rows_of(data.train_dl) for data in datas)
    torch.testing.assert_close(x, other_x, rtol=0, atol=0)
    valid_x, _ = rows_of(datas[1].valid_dl)
    assert valid_x[:, 0].tolist() == [0] * 10
    torch.testing.assert_close(x[:, 1].mean(), torch.tensor(0.0), atol=1e-6, rtol=0)


def test_the_column_of_the_split_is_no_input():
    data = bunch({**TABLE, "held": [i % 3 == 0 for i in range(N)]}, valid_col="held")
    assert "held" not in data.inputs.process.sources
    assert data.valid_dl.n_samples == 20


def test_tables_of_their_own_validate_and_test():
    few = {name: values[:6] for name, values in TABLE.items()}
    unlabelled = {name: values for name, values in few.items() if name != "kind"}
    data = bunch(valid_df=few, test_df=unlabelled)
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (60, 6)
    assert rows_of(data.test_dl)[1].tolist() == [0] * 6
    assert rows_of(bunch(test_df=few).test_dl)[1].tolist() == [0, 1] * 3
    assert rows_of(bunch(y_cols="rent", test_df={**few, "rent": [1] * 6}).test_dl)[1].shape == (
        6,
        1,
    )


def test_validation_rows_need_their_targets():
    unlabelled = {name: values for name, values in TABLE.items() if name != "kind"}
    assert message(valid_df=unlabelled) == (
        "The table of validation has no column 'kind' (option y_cols). Its columns are: town, "
        "size, rent."
    )


def test_classes_are_held_out_alike():
    data = bunch(split=stratified_splitter(0.2, seed=1))
    assert np.bincount(rows_of(data.valid_dl)[1]).tolist() == [6, 6]
    assert data.split == "0.2 of the samples held out at random, of each class its share, by seed 1"


def test_a_splitter_may_ask_for_a_column():
    data = bunch(split=grouped_splitter("town", valid_pct=0.3))
    assert data.valid_dl.n_samples == 20  # one of three towns
    assert rows_of(data.valid_dl)[0][:, 0].tolist() == [0] * 20  # which training knows nothing of


def test_rare_classes_can_come_as_often():
    rare = {**TABLE, "kind": ["flat"] * 50 + ["house"] * 10}
    data = bunch(rare, sampling="balanced", split=stratified_splitter(0.2))
    share = rows_of(data.train_dl)[1].float().mean()
    assert 0.3 < share < 0.7


def test_a_class_that_validation_lacks_is_warned_of():
    with pytest.warns(UserWarning, match="Class 'house' is trained on, but validation has no sam"):
        bunch(split=(range(1, N), [0]))


def test_a_dataframe_is_a_table():
    pd = pytest.importorskip("pandas")
    df = pd.DataFrame(TABLE)
    df["kind"] = df["kind"].astype("category")
    x, _ = rows_of(bunch(df).train_dl)
    torch.testing.assert_close(x, rows_of(bunch().train_dl)[0], rtol=0, atol=0)
    with pytest.raises(DataError) as caught:
        bunch(pd.concat([df, df[["town"]]], axis=1))
    assert str(caught.value) == "The table has two columns named 'town': rename one."


def test_a_csv_file_is_a_table(tmp_path):
    lines = [",".join(map(str, row)) for row in zip(*TABLE.values(), strict=True)]
    (tmp_path / "t.csv").write_text("\n".join([",".join(TABLE), *lines]))
    (tmp_path / "v.csv").write_text("\n".join([",".join(TABLE), *lines[:5]]))
    data = TabularDataBunch.from_csv(tmp_path / "t.csv", "kind", bs=16)
    assert data.inputs.process == bunch().inputs.process
    x, _ = rows_of(data.train_dl)
    torch.testing.assert_close(x, rows_of(bunch().train_dl)[0], rtol=0, atol=0)
    data = TabularDataBunch.from_csv(tmp_path / "t.csv", "kind", valid=tmp_path / "v.csv", bs=16)
    assert data.valid_dl.n_samples == 5


@pytest.mark.parametrize("empty", [{}, {"a": []}])
def test_an_empty_table_is_an_error(empty):
    assert message(empty) == "The table has no rows."


def test_something_else_is_no_table():
    assert message([1, 2]) == "from_df needs a DataFrame, found list."


def test_a_misspelt_option_names_the_nearest():
    with pytest.raises(TypeError, match=r"has no argument 'cat_col'\. Did you mean 'cat_cols'"):
        bunch(cat_col=["town"])


def test_a_batch_is_shown_in_words(tmp_path, capsys):
    data = bunch(y_cols="rent")
    data.show_batch(2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["town", "kind", "size", "target"]
    town, kind, size, rent = lines[1].split()
    place = int(size)
    assert (town, kind) == (TABLE["town"][place], TABLE["kind"][place])
    assert float(rent) == TABLE["rent"][place]
    data.show_batch(2, path=tmp_path / "rows.txt")
    assert (tmp_path / "rows.txt").read_text().splitlines() == lines
    with pytest.raises(DataError, match="show_batch shows at least 1 row: found n=0"):
        data.show_batch(0)


def test_batches_of_tensors_have_no_columns_to_show():
    data = TabularDataBunch.from_arrays(torch.zeros(40, 2), [0, 1] * 20, bs=4)
    with pytest.raises(DataError, match="were not made from a table"):
        data.show_batch()


def test_a_table_is_checked_for_copies(capsys):
    report = bunch(split=(range(50), range(50, N))).check()
    assert report.findings == ()
    assert "TabularDataBunch: 60 samples of 2 classes" in capsys.readouterr().out


def test_a_word_for_a_missing_value_is_one_in_prediction_too(tmp_path):
    lines = [f"{'?' if i % 7 == 0 else i / 2},{'ab'[i % 2]}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["size,kind", *lines]))
    data = TabularDataBunch.from_csv(tmp_path / "t.csv", "kind", bs=16)
    rows = [{"size": "?"}, {"size": None}]
    x = next(data.inputs.loader(rows, batch_size=2).batches(0)).batch.x
    assert torch.equal(x[0], x[1])


def test_a_test_table_may_have_an_empty_target():
    few = {name: values[:6] for name, values in TABLE.items()}
    data = bunch(test_df={**few, "kind": ["", None] * 3})
    assert rows_of(data.test_dl)[1].tolist() == [0] * 6
    assert message(test_df={**few, "kind": ["flat", None] * 3}) == (
        "The test table: the target 'kind' is missing in 3 of 6 rows, the first of them row 1 "
        "(counted from 0). Fill it in, or leave these rows out."
    )


def test_a_rare_count_makes_values_of_all_of_them_whichever_side_it_is_on():
    counts = {"size": TABLE["size"], "n": [i % 20 for i in range(N - 1)] + [20]}
    sides = (range(N - 1), [N - 1]), (range(1, N), [0])
    assert [bunch(counts, "n", split=side).classes for side in sides] == [(), ()]
