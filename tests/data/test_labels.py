from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.file_names import FileNames
from learnkit.data.labels import (
    Labelled,
    decide_classes,
    encode,
    is_missing,
    label_by_folder,
    label_by_func,
    label_by_regex,
    names_of_classes,
    sorted_classes,
)
from learnkit.errors import DataError


def side(labels, where="photos/train"):
    return Labelled.of([f"{i}.jpg" for i in range(len(labels))], labels, where)


def decide(train, valid, given=None):
    return decide_classes(side(train), side(valid, "photos/valid"), given, advice="Do this.")


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


def test_the_first_folder_is_the_class_however_deep_the_file():
    assert label_by_folder(["daisy/1.jpg", "rose/macro/2020/1.jpg"]) == ["daisy", "rose"]


def test_a_file_in_no_folder_has_no_class():
    assert message_of(label_by_folder, ["1.jpg"]) == "1.jpg is in no folder, so it has no class."


@pytest.mark.parametrize(
    ("pattern", "label"),
    [(r"^(.*)_\d+.jpg$", "big_pug"), (r"/([^/]+)_\d+.jpg$", "big_pug"), (r"pets/(\w)", "b")],
)
def test_a_pattern_is_searched_in_the_name_and_then_in_the_whole_path(pattern, label):
    assert label_by_regex(pattern)(Path("/data/pets/big_pug_12.jpg")) == label


def test_a_file_that_does_not_match_is_named():
    label = label_by_regex(r"^(\d+)_")
    assert message_of(label, Path("pets/pug_1.jpg")) == (
        r"The pattern '^(\\d+)_' does not match the file pets/pug_1.jpg."
    )


def test_an_optional_group_that_took_no_part_is_no_match():
    assert message_of(label_by_regex(r"^(x)?pug"), Path("pug_1.jpg")) == (
        "The pattern '^(x)?pug' does not match the file pug_1.jpg."
    )


def test_a_pattern_without_a_group_is_refused():
    assert message_of(label_by_regex, r"^.*_") == (
        "The pattern '^.*_' has no group: put the part of the name that is the class in round "
        "brackets, as in '^(.*)_'."
    )


def test_a_broken_pattern_is_refused():
    assert message_of(label_by_regex, "(") == (
        "'(' is not a regular expression: missing ), unterminated subpattern at position 0."
    )


def test_a_function_gets_the_name_as_a_string():
    label = label_by_func(lambda name: name[0].isupper())
    assert [label(Path("pets/Abyssinian_1.jpg")), label(Path("pets/pug_1.jpg"))] == [
        "True",
        "False",
    ]


def test_a_function_that_fails_is_told_on_which_file():
    label = label_by_func(lambda name: name.parent)
    assert message_of(label, Path("pets/pug_1.jpg")) == (
        "The label function failed on 'pug_1.jpg': AttributeError: 'str' object has no attribute "
        "'parent'. It is given the file's name as a string."
    )


def test_a_function_that_gives_nothing_is_told_for_which_file():
    assert message_of(label_by_func(lambda name: None), Path("pug_1.jpg")) == (
        "The label function gave no label for 'pug_1.jpg': None."
    )


@pytest.mark.parametrize(
    "value", [None, float("nan"), np.float32("nan"), np.datetime64("NaT", "s"), " "]
)
def test_missing_values_are_seen(value):
    assert is_missing(value)


@pytest.mark.parametrize("value", [0, "a", False, 0.0, np.int64(0), "nan"])
def test_present_values_are_not_missing(value):
    assert not is_missing(value)


def test_the_missing_value_of_pandas_is_seen():
    assert is_missing(pytest.importorskip("pandas").NA)


def test_classes_are_sorted_as_text_and_by_value_when_all_are_whole_numbers():
    assert sorted_classes(["b", "a", "b", "10", "9"]) == ("10", "9", "a", "b")
    assert sorted_classes(["10", "9", "-1", "9"]) == ("-1", "9", "10")


@given(st.lists(st.text(min_size=1), min_size=1))
def test_encoding_is_undone_by_indexing_the_classes(labels):
    classes = sorted_classes(labels)
    assert [classes[i] for i in encode(labels, classes)] == labels


def test_the_order_of_files_does_not_change_the_classes():
    assert decide("cab", "bca") == decide("abc", "ab") == ("a", "b", "c")


def test_one_class_is_refused():
    assert message_of(decide, "aaa", "a") == (
        "Training needs images of at least two classes: all 3 of photos/train are of class 'a'."
    )


def test_a_class_only_in_valid_is_named_with_the_folders():
    assert message_of(decide, "aab", "abc") == (
        "Class 'c' is in photos/valid but not in photos/train, which has 'a', 'b'. Do this."
    )


def test_several_classes_only_in_valid_are_named():
    assert message_of(decide, "aab", "dabc") == (
        "Classes 'c', 'd' are in photos/valid but not in photos/train, which has 'a', 'b'. Do this."
    )


def test_given_classes_keep_their_order_and_may_be_absent_from_training():
    assert decide("aab", "abc", ["c", "b", "a", "z"]) == ("c", "b", "a", "z")


def test_a_class_that_is_not_given_is_named_with_the_nearest():
    assert message_of(decide, ["daisy", "rose"], ["rose"], ["dasy", "rose"]) == (
        "Class 'daisy' of photos/train is not in classes=['dasy', 'rose']. Did you mean 'dasy'? "
        "Name it there, or leave its images out."
    )


def test_classes_must_be_a_list_without_doubles():
    assert message_of(names_of_classes, "ab") == (
        "classes must be a list of names, found the text 'ab'."
    )
    assert message_of(names_of_classes, ["a", "b", "a"]) == (
        "classes names 'a' more than once: ['a', 'b', 'a']."
    )


def test_files_and_labels_are_taken_together():
    files = side("abca").take(np.array([3, 1]), "photos/valid")
    assert files == (["3.jpg", "1.jpg"], ["a", "b"], "photos/valid")


def test_labels_by_folder_are_those_of_the_files_there_are():
    names = FileNames.of(["a/1.jpg", "b/x/1.jpg", "b/y/1.jpg"]).take(np.array([2, 1]))
    labels = label_by_folder(names)
    assert labels == ["b", "b"]
    assert labels.texts == ("b",)


def test_a_label_that_is_no_class_has_no_number():
    with pytest.raises(KeyError, match="c"):
        encode(["a", "c"], ["a", "b"])
