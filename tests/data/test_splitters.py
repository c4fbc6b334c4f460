from pathlib import Path

import numpy as np
import pytest

from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.samples import Samples, divided, split_name
from learnkit.data.split import split_stratified
from learnkit.data.splitters import (
    column_splitter,
    fold_splitters,
    folder_splitter,
    grouped_splitter,
    random_splitter,
    stratified_splitter,
    time_splitter,
)
from learnkit.errors import DataError

NAMES = [f"p{i % 6}_{i}.jpg" for i in range(24)]
FILES = Samples(24, ["a", "b"] * 12, NAMES, {"day": list(range(24)), "who": [n[:2] for n in NAMES]})
ARRAYS = Samples(24, ["a", "b"] * 12)


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


def who(index: int) -> str:
    return NAMES[index].split("_")[0]


@pytest.mark.parametrize("samples", [FILES, ARRAYS])
def test_a_stratified_splitter_is_the_plain_function(samples):
    train, valid = stratified_splitter(0.25, seed=3)(samples)
    expected = split_stratified(["a", "b"] * 12, 0.25, 3)
    assert np.array_equal(train, expected[0])
    assert np.array_equal(valid, expected[1])


@pytest.mark.parametrize(
    "by",
    [r"^(p\d+)_", "who", lambda path: path.name.split("_")[0], [n[:2] for n in NAMES]],
    ids=["pattern", "column", "function", "list"],
)
def test_groups_are_told_in_four_ways(by):
    train, valid = grouped_splitter(by, 0.3)(FILES)
    assert {who(i) for i in train}.isdisjoint({who(i) for i in valid})
    assert len(train) + len(valid) == 24
    assert len(valid) == 8


def test_rows_that_name_one_file_stay_together_at_random_and_in_folds():
    twice = Samples(8, ["a", "b", "a", "b"] * 2, ["1", "2", "3", "4"] * 2)
    for split in [random_splitter(0.25), stratified_splitter(0.5), *fold_splitters(2)]:
        train, valid = split(twice)
        assert {i % 4 for i in train}.isdisjoint({i % 4 for i in valid})


@pytest.mark.parametrize("samples", [FILES, ARRAYS, Samples(24)])
@pytest.mark.parametrize("by", [None, [i // 4 for i in range(24)]])
def test_every_sample_is_validated_on_in_one_fold(samples, by):
    held = [valid for _, valid in (split(samples) for split in fold_splitters(4, by=by))]
    assert sorted(np.concatenate(held)) == list(range(24))


def test_time_and_columns_split_tables():
    train, valid = time_splitter("day", 0.25)(FILES)
    assert valid.tolist() == [18, 19, 20, 21, 22, 23]
    train, valid = column_splitter("who", valid=["p0", "p1"])(FILES)
    assert {who(i) for i in valid} == {"p0", "p1"}
    assert len(train) == 16


def test_words_say_what_was_done():
    assert split_name(fold_splitters(5)[1]) == "fold 2 of 5, by seed 42"
    assert split_name(folder_splitter("val")) == "by the folder 'val'"
    assert split_name(([0], [1])) == "by the indices given"
    assert split_name(who) == "by who"


@pytest.mark.parametrize(
    ("split", "samples", "expected"),
    [
        (
            grouped_splitter("whom"),
            Samples(2, columns={"who": ["a", "b"]}),
            "split needs the column 'whom', which the table has not. Did you mean 'who'? Its "
            "columns are: who.",
        ),
        (
            grouped_splitter("who"),
            ARRAYS,
            "split needs the column 'who', but this data comes from no table.",
        ),
        (
            grouped_splitter(["a"]),
            ARRAYS,
            "by has 1 entries, but there are 24 samples.",
        ),
        (
            grouped_splitter(len),
            ARRAYS,
            "by is a function of a file's path, but this data has no files: give the name of a "
            "column, or a list with one group for each sample.",
        ),
        (
            folder_splitter(),
            ARRAYS,
            "folder_splitter divides files by their folders: there are none here.",
        ),
        (
            stratified_splitter(),
            Samples(4),
            "A stratified split needs classes: these targets are none, or are not known before "
            "the samples are loaded. Use random_splitter.",
        ),
        (
            [0, 1],
            Samples(4),
            "split must give whole numbers for training: found 0.",
        ),
        (
            lambda samples: None,
            Samples(4),
            "split must be a pair of indices (train, valid), or a function of the samples that "
            "returns one, such as stratified_splitter(0.2): it returned None.",
        ),
        (([0, 1], []), Samples(4), "split leaves no samples for validation."),
        (
            ([0, 4], [1]),
            Samples(4),
            "split gives index 4 for training, but the 4 samples are 0 to 3.",
        ),
        (([0, 0], [1]), Samples(4), "split gives 1 indices twice for training."),
        (
            ([0, 1], [1, 2]),
            Samples(4),
            "split puts 1 samples on both sides, the first is sample 1.",
        ),
        (([0.5], [1]), Samples(4), "split must give whole numbers for training: found [0.5]."),
    ],
)
def test_a_split_that_does_not_fit_is_refused(split, samples, expected):
    assert message_of(divided, samples, split) == expected


def test_folds_and_fractions_are_checked_at_once():
    assert message_of(fold_splitters, 1) == (
        "k, the number of folds, must be a whole number of at least 2: got 1."
    )
    assert message_of(random_splitter, 20) == (
        "valid_pct must be a fraction between 0 and 1, found 20. Did you mean 0.2?"
    )
    few = Samples(3)
    assert message_of(fold_splitters(5)[0], few) == "5 folds need at least 5 samples: found 3."


def photos(folder: Path, make_photo) -> Path:
    for number, name in enumerate(("red", "green") * 6):
        make_photo(folder / name / f"p{number // 2}_{number}.jpg", name, size=(16, 16))
    return folder


def sides_of(data: ImageDataBunch) -> tuple[set[str], set[str]]:
    return tuple(
        {Path(loader.describe(i)).name for i in range(loader.n_samples)}
        for loader in (data.train_dl, data.valid_dl)
    )


def test_photos_of_one_patient_are_on_one_side(tmp_path, make_photo):
    root = photos(tmp_path, make_photo)
    split = grouped_splitter(r"(p\d+)_", 0.3)
    data = ImageDataBunch.from_folder(root, split=split, size=16, bs=4)
    train, valid = sides_of(data)
    assert {name.split("_")[0] for name in train}.isdisjoint({n.split("_")[0] for n in valid})
    assert len(train) + len(valid) == 12
    assert data.split == "whole groups, 0.3 of the samples held out at random, by seed 42"
    by_name = ImageDataBunch.from_name_func(
        root, None, lambda name: str(int(name.split("_")[1][:-4]) % 2), split=split, size=16, bs=4
    )
    assert sides_of(by_name) == (train, valid)


def test_folds_make_one_bunch_each(tmp_path, make_photo):
    root = photos(tmp_path, make_photo)
    bunches = [
        ImageDataBunch.from_folder(root, split=split, size=16, bs=4) for split in fold_splitters(3)
    ]
    held = [name for data in bunches for name in sides_of(data)[1]]
    assert len(held) == len(set(held)) == 12
    assert [data.split for data in bunches] == [f"fold {i} of 3, by seed 42" for i in (1, 2, 3)]


def test_a_split_and_another_way_are_not_both_taken(tmp_path, make_photo):
    root = photos(tmp_path, make_photo)
    split = random_splitter()
    assert message_of(ImageDataBunch.from_folder, root, split=split, valid_pct=0.2) == (
        "split and valid_pct=0.2 were both given: give one."
    )
    both = {"split": split, "valid_pct": 0.5}
    assert message_of(ImageDataBunch.from_name_re, root, None, "(p)", **both) == (
        "split and valid_pct=0.5 were both given: give one."
    )
    (root / "valid").mkdir()
    assert message_of(ImageDataBunch.from_folder, root, split=split) == (
        f"split was given, but {root} has a folder 'valid' too. Leave split out to validate on "
        f"{root / 'valid'}, or move that folder away."
    )
    x, y = np.zeros((4, 2)), [0, 1, 0, 1]
    assert message_of(DataBunch.from_arrays, x, y, valid=(x, y), split=split) == (
        "valid and split were both given: give one."
    )


def test_tables_and_lists_of_photos_take_a_split(tmp_path, make_photo):
    root = photos(tmp_path, make_photo)
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.jpg"))
    table = {
        "name": files,
        "label": [name.split("/")[0] for name in files],
        "day": [int(name.split("_")[1][:-4]) for name in files],
    }
    small = {"size": 16, "bs": 4}
    data = ImageDataBunch.from_df(table, root, split=time_splitter("day", 0.25), **small)
    assert sides_of(data)[1] == {"p4_9.jpg", "p5_10.jpg", "p5_11.jpg"}
    data = ImageDataBunch.from_lists(
        root, files, table["label"], split=([0, 1, 6, 7], [2, 8]), **small
    )
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (4, 2)
    lines = ["name,label,part", *(f"{n},{n.split('/')[0]},{n[-5]}" for n in files)]
    (root / "labels.csv").write_text("\n".join(lines))
    split = column_splitter("part", valid=["8", "9"])
    assert sides_of(ImageDataBunch.from_csv(root, split=split, **small))[1] == {
        "p4_8.jpg",
        "p4_9.jpg",
    }


def test_values_have_no_classes_to_stratify(tmp_path, make_photo):
    root = photos(tmp_path, make_photo)
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.jpg"))
    table = {"name": files, "value": [float(i) for i in range(12)]}
    options = {"y_cols": "value", "task": "regression", "size": 16, "bs": 4}
    data = ImageDataBunch.from_df(table, root, split=fold_splitters(4)[0], **options)
    assert data.valid_dl.n_samples == 3
    assert "needs classes" in message_of(
        ImageDataBunch.from_df, table, root, split=stratified_splitter(), **options
    )


def test_arrays_and_tables_of_numbers_take_a_split():
    x, y = np.arange(24.0).reshape(12, 2), ["a", "b"] * 6
    data = DataBunch.from_arrays(x, y, split=fold_splitters(3)[0], batch_size=4)
    assert data.split == "fold 1 of 3, by seed 42"
    assert sorted(data.one_batch(train=False).y.tolist()) == [0, 0, 1, 1]
    table = {"day": list(range(8)), "size": [1.5] * 8, "kind": [0, 1] * 4}
    data = DataBunch.from_df(table, "kind", split=time_splitter("day", 0.25), batch_size=4)
    assert data.one_batch(train=False).x[:, 0].tolist() == [6.0, 7.0]
