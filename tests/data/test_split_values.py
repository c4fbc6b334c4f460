import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.split_values import (
    split_by_column,
    split_by_folder,
    split_by_time,
    split_grouped,
)
from learnkit.errors import DataError

GROUPS = st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=60)


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


@given(GROUPS, st.floats(0.05, 0.9), st.integers(0, 5), st.booleans())
def test_a_grouped_split_is_a_partition_that_no_group_straddles(groups, pct, seed, stratified):
    if len(set(groups)) < 2:
        return
    labels = [(group < "c" and "x") or "y" for group in groups] if stratified else None
    train, valid = split_grouped(groups, pct, labels=labels, seed=seed)
    assert sorted([*train, *valid]) == list(range(len(groups)))
    assert len(train) >= 1
    assert len(valid) >= 1
    assert not {groups[i] for i in train} & {groups[i] for i in valid}
    again = split_grouped(groups, pct, labels=labels, seed=seed)
    assert np.array_equal(valid, again[1])


def test_a_grouped_split_depends_on_the_groups_and_not_on_the_order_of_samples():
    groups = [f"patient {i % 9}" for i in range(45)]
    held = {groups[i] for i in split_grouped(groups, 0.3)[1]}
    backwards = groups[::-1]
    assert {backwards[i] for i in split_grouped(backwards, 0.3)[1]} == held


def test_a_grouped_split_holds_out_about_the_fraction_of_samples_not_of_groups():
    groups = ["large"] * 50 + [f"small {i}" for i in range(50)]
    sizes = [len(split_grouped(groups, 0.2, seed=seed)[1]) for seed in range(10)]
    assert sizes == [20] * 10


def test_a_stratified_grouped_split_shares_every_class_out():
    groups = [f"p{i // 4}" for i in range(80)]
    labels = ["ill" if i // 4 % 5 == 0 else "well" for i in range(80)]
    for seed in range(10):
        _, valid = split_grouped(groups, 0.25, labels=labels, seed=seed)
        assert [labels[i] for i in valid].count("ill") == 4
        assert len(valid) == 20


def test_groups_that_cannot_be_split_are_named():
    assert message_of(split_grouped, ["a"] * 3) == (
        "A split by group needs at least two groups: all 3 samples are of one."
    )
    assert message_of(split_grouped, ["a", None]) == (
        "Sample 1 (counted from 0) has no group: None. Give every sample one."
    )
    assert message_of(split_grouped, ["a", "b"], labels=["x"]) == (
        "groups and labels must be equally long: found 2 and 1."
    )


def test_files_below_a_folder_are_held_out():
    names = ["train/a/1.jpg", "valid/a/2.jpg", "extra/valid/3.jpg", "4.jpg"]
    train, valid = split_by_folder(names)
    assert (train.tolist(), valid.tolist()) == ([0, 3], [1, 2])
    train, valid = split_by_folder(names, train="train")
    assert (train.tolist(), valid.tolist()) == ([0], [1, 2])


def test_a_folder_that_is_not_there_is_named_with_the_nearest():
    names = ["train/a/1.jpg", "val/a/2.jpg"]
    assert message_of(split_by_folder, names) == (
        "No file is in a folder 'valid'. Did you mean 'val'? The folders are: 'a', 'train', 'val'."
    )
    assert message_of(split_by_folder, names, "val", train="tain") == (
        "No file is in a folder 'tain'. Did you mean 'train'? The folders are: 'a', 'train', 'val'."
    )
    assert message_of(split_by_folder, ["valid/1.jpg"]) == (
        "All files are in a folder 'valid': nothing is left to train on."
    )


@pytest.mark.parametrize("values", [[True, False, True], ["true", "False", "1"], [1, 0, 1.0]])
def test_a_column_says_true_in_any_way(values):
    train, valid = split_by_column(values)
    assert (train.tolist(), valid.tolist()) == ([1], [0, 2])


def test_a_column_may_name_several_parts():
    train, valid = split_by_column(["train", "dev", "test", "train"], ["dev", "test"])
    assert (train.tolist(), valid.tolist()) == ([0, 3], [1, 2])
    assert message_of(split_by_column, ["train", "dev"], "valid") == (
        "None of the 2 samples have 'valid' in the column that tells the split; its values are "
        "'train', 'dev'."
    )


@given(st.lists(st.integers(0, 8), min_size=2, max_size=40), st.floats(0.05, 0.9))
def test_a_split_by_time_holds_out_what_is_later_than_all_training(times, pct):
    if len(set(times)) < 2:
        return
    train, valid = split_by_time(times, pct)
    assert sorted([*train, *valid]) == list(range(len(times)))
    assert max(times[i] for i in train) < min(times[i] for i in valid)


def test_dates_as_texts_are_split_by_time():
    train, valid = split_by_time(["2024-03-01", "2023-01-01", "2024-01-01", "2022-05-05"], 0.25)
    assert (train.tolist(), valid.tolist()) == ([1, 2, 3], [0])
    assert message_of(split_by_time, [1, 1]) == (
        "A split by time needs at least two different times; all are equal."
    )
    assert message_of(split_by_time, [1, None]) == "Sample 1 (counted from 0) has no time: None."


def test_many_groups_are_held_out_as_before_but_one_is_kept():
    train, valid = split_grouped(list(range(20_000)), 0.3)
    assert (len(train), len(valid)) == (14_000, 6_000)
    train, valid = split_grouped(["a", "b", "c"], 0.99)
    assert (len(train), len(valid)) == (1, 2)
