"""Photos with several labels, values or points, from every kind of source."""

import csv

import numpy as np
import pytest
import torch

from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.photo_targets import TargetOptions
from learnkit.errors import DataError
from learnkit.tasks import MultiLabel, Regression
from learnkit.tasks.points import Points

SMALL = {"size": 16, "batch_size": 4, "num_workers": 0, "tfms": None}
FILES = [f"{number}.png" for number in range(10)]
LABELS = ["a b", "b", "", "a", "c a", "b c", "a b c", "c", "", "b"]


@pytest.fixture
def folder(tmp_path, make_photo):
    """Ten photos of 20 x 40 pixels, 0.png to 9.png."""
    for number, name in enumerate(FILES):
        make_photo(tmp_path / name, "red", size=(20, 40), seed=number)
    return tmp_path


def loaded(data):
    """Return each photo's targets by its file's name, of both sides."""
    found = {}
    for loader in (data.train_dl, data.valid_dl):
        for batch in loader.batches(0):
            names = [loader.describe(int(index)) for index in batch.indices]
            found |= {
                name.rpartition("/")[2]: y for name, y in zip(names, batch.batch.y, strict=True)
            }
    return found


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


def write_table(folder, rows):
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


# several labels


def test_a_table_of_several_labels(folder):
    write_table(folder, [["file", "tags"], *zip(FILES, LABELS, strict=True)])
    data = ImageDataBunch.from_csv(folder, label_delim=" ", **SMALL)
    assert data.classes == ("a", "b", "c")
    assert isinstance(data.task, MultiLabel)
    assert data.task.classes == data.classes
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (8, 2)
    assert data.split == "0.2 of the samples held out at random, by seed 42"
    y = loaded(data)
    assert {name: data.task.describe(y[name]) for name in FILES} == {
        name: ", ".join(sorted(labels.split())) or "(no label)"
        for name, labels in zip(FILES, LABELS, strict=True)
    }
    assert (y["0.png"].dtype, y["0.png"].shape) == (torch.bool, (3,))


def test_lists_of_labels_need_no_word_for_the_task(folder):
    lists = [labels.split() for labels in LABELS]
    data = ImageDataBunch.from_lists(folder, FILES, lists, **SMALL)
    assert data.classes == ("a", "b", "c")
    assert data.task.describe(loaded(data)["6.png"]) == "a, b, c"


def test_a_dataframe_column_of_lists(folder):
    table = {"file": FILES, "tags": [labels.split() for labels in LABELS]}
    data = ImageDataBunch.from_df(table, folder, task="multilabel", **SMALL)
    assert data.task.describe(loaded(data)["4.png"]) == "a, c"


def test_a_function_that_returns_a_list_of_labels(folder):
    data = ImageDataBunch.from_name_func(
        folder, None, lambda name: LABELS[int(name[0])].split(), task="multilabel", **SMALL
    )
    assert data.task.describe(loaded(data)["5.png"]) == "b, c"


def test_the_table_says_which_rows_are_held_out(folder):
    table = {"file": FILES, "tags": LABELS, "is_valid": [n in (3, 6) for n in range(10)]}
    data = ImageDataBunch.from_df(table, folder, label_delim=" ", valid_col="is_valid", **SMALL)
    assert data.task.describe(data.one_batch(train=False).y[1]) == "a, b, c"
    assert data.valid_dl.n_samples == 2


def test_a_label_that_only_validation_has_is_warned_of(folder):
    table = {"file": FILES, "tags": ["a"] * 9 + ["a b"], "held": [0] * 9 + [1]}
    with pytest.warns(UserWarning, match="cannot be learned") as told:
        ImageDataBunch.from_df(table, folder, label_delim=" ", valid_col="held", **SMALL)
    assert [str(one.message) for one in told] == [
        "No photo of the training rows of the table has 'b', but some of the validation rows of "
        "the table have: it cannot be learned. Add photos, or take another seed."
    ]


def test_a_label_outside_the_given_classes_names_its_line(folder):
    write_table(folder, [["file", "tags"], ["0.png", "sea"], ["1.png", "sea sun"]])
    found = message_of(
        ImageDataBunch.from_csv, folder, label_delim=" ", classes=["sea", "snu"], **SMALL
    )
    assert found == (
        f"Table {folder}/labels.csv, line 3 has the label 'sun', which is not in "
        "classes=['sea', 'snu']. Did you mean 'snu'? Name it there, or take it out."
    )


def test_the_doctor_counts_no_single_classes(folder):
    data = ImageDataBunch.from_lists(folder, FILES, [x.split() for x in LABELS], **SMALL)
    assert "missing class" not in str(data.check(show=False, near=None))


# values


def test_one_column_of_values(folder):
    write_table(folder, [["file", "age"], *((name, n / 4) for n, name in enumerate(FILES))])
    data = ImageDataBunch.from_csv(folder, y_cols="age", **SMALL)
    assert data.classes == ()
    assert isinstance(data.task, Regression)
    assert data.task.names == ("age",)
    y = loaded(data)
    assert [float(y[name]) for name in FILES] == [n / 4 for n in range(10)]
    assert (y["0.png"].dtype, y["0.png"].shape) == (torch.float32, (1,))


def test_several_columns_and_lists_of_values_are_alike(folder):
    table = {"file": FILES, "a": list(range(10)), "b": [n / 2 for n in range(10)]}
    pairs = [[n, n / 2] for n in range(10)]
    by_columns = ImageDataBunch.from_df(table, folder, y_cols=["a", "b"], **SMALL)
    by_lists = ImageDataBunch.from_lists(folder, FILES, pairs, task="regression", **SMALL)
    by_func = ImageDataBunch.from_name_func(
        folder, FILES, lambda name: np.array(pairs[int(name[0])]), task="regression", **SMALL
    )
    first = loaded(by_columns)
    assert first["7.png"].tolist() == [7.0, 3.5]
    for other in (by_lists, by_func):
        y = loaded(other)
        assert all(torch.equal(y[name], first[name]) for name in FILES)


def test_the_column_of_labels_may_hold_the_values(folder):
    table = {"file": FILES, "age": list(range(10))}
    data = ImageDataBunch.from_df(table, folder, task="regression", **SMALL)
    assert loaded(data)["8.png"].tolist() == [8.0]


def test_a_missing_value_names_row_file_and_column(folder):
    table = {"file": FILES, "age": [1.0] * 9 + [float("nan")]}
    assert message_of(ImageDataBunch.from_df, table, folder, y_cols=["age"], **SMALL) == (
        "The table, row 9 (counted from 0) (9.png) has no value in column 'age'. Fill a number "
        "in, or remove the row."
    )


def test_a_function_without_an_answer_names_the_file(folder):
    found = message_of(
        ImageDataBunch.from_name_func, folder, None, lambda name: None, task="points", **SMALL
    )
    assert found == (
        "The label function, 0.png has no value in column 'label'. Fill a number in, or remove the "
        "row."
    )


def test_a_function_that_fails_names_the_file(folder):
    found = message_of(
        ImageDataBunch.from_name_func, folder, None, lambda n: 1 / 0, task="regression", **SMALL
    )
    assert found == (
        "The label function failed on '0.png': ZeroDivisionError: division by zero. It is given "
        "the file's name as a string."
    )


# points


def test_points_in_pixels_become_places_on_the_picture(folder):
    columns = {"eye_x": [20.0] * 10, "eye_y": [5.0] * 10, "ear_x": [2.0] * 10, "ear_y": [20.0] * 10}
    data = ImageDataBunch.from_df(
        {"file": FILES} | columns, folder, y_cols=list(columns), task="points", resize="squish",
        **SMALL,
    )  # fmt: skip
    assert isinstance(data.task, Points)
    assert data.task.names == ("eye", "ear")
    torch.testing.assert_close(loaded(data)["3.png"], torch.tensor([0.0, -0.5, -0.9, 1.0]))
    cropped = ImageDataBunch.from_df(
        {"file": FILES} | columns, folder, y_cols=list(columns), task="points", **SMALL
    )
    # of 40 x 20 the middle 20 x 20 is seen: the ear is beyond the left border
    torch.testing.assert_close(loaded(cropped)["3.png"], torch.tensor([0.0, -0.5, -1.8, 1.0]))


def test_points_by_a_function_of_any_shape(folder):
    data = ImageDataBunch.from_name_func(
        folder, None, lambda name: torch.tensor([[20.0, 10.0], [40.0, 0.0]]), task="points",
        resize="squish", **SMALL,
    )  # fmt: skip
    assert data.task.names == ()
    torch.testing.assert_close(loaded(data)["3.png"], torch.tensor([0.0, 0.0, 1.0, -1.0]))


def test_points_are_drawn_on_the_photos_shown(folder, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    data = ImageDataBunch.from_lists(folder, FILES, [[20, 10]] * 10, task="points", **SMALL)
    data.show_batch(path=tmp_path / "grid.png")
    assert (tmp_path / "grid.png").stat().st_size > 1000


# options


def test_rows_of_one_file_stay_on_one_side(folder):
    files = FILES[:4] * 5
    data = ImageDataBunch.from_lists(folder, files, [0.5] * 20, task="regression", **SMALL)
    sides = [
        {dl.source.describe(index) for index in range(dl.n_samples)}
        for dl in (data.train_dl, data.valid_dl)
    ]
    assert not sides[0] & sides[1]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"task": "multi"},
            "task must be one of 'classification', 'multilabel', 'regression', 'points': found "
            "'multi'. Did you mean 'multilabel'?",
        ),
        (
            {"label_delim": ""},
            "label_delim is the sign between labels, such as ' ' or ';': found ''.",
        ),
        (
            {"label_delim": " ", "task": "points"},
            "label_delim=' ' is for several labels a photo, but task='points': leave one of them "
            "out.",
        ),
        (
            {"y_cols": "age", "task": "classification"},
            "y_cols= names columns of values, for task='regression' or 'points'; labels are in "
            "label_col=. Found y_cols=['age'] for task='classification'.",
        ),
        ({"y_cols": []}, "y_cols= must name at least one column of values: found none."),
        (
            {"y_cols": "age", "classes": ["a"]},
            "classes= names labels, and task='regression' has none: leave it out.",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, expected):
    assert message_of(TargetOptions.checked, 1, **options) == expected


def test_without_any_of_these_options_a_photo_has_one_class():
    assert TargetOptions.checked("kind") == TargetOptions(task="classification", columns=("kind",))
