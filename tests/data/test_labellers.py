from pathlib import Path

import pytest

from learnkit.data.labellers import label_by_parent, label_by_path, labels_of_column, split_labels
from learnkit.errors import DataError


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


def test_the_folder_is_the_label():
    assert label_by_parent(Path("flowers/daisy/1.jpg")) == "daisy"
    assert (
        message_of(label_by_parent, Path("1.jpg")) == "1.jpg is in no folder, so it has no class."
    )


def test_a_function_of_the_path_is_asked():
    label = label_by_path(lambda path: path.parts[0])
    assert label(Path("daisy/macro/1.jpg")) == "daisy"
    assert label_by_path(lambda path: 3)(Path("1.jpg")) == "3"


def test_a_function_that_fails_or_says_nothing_is_named_with_the_file():
    assert message_of(label_by_path(lambda path: path.parts[3]), Path("a/1.jpg")) == (
        "The label function failed on a/1.jpg: IndexError: tuple index out of range. It is given "
        "the file's Path."
    )
    assert message_of(label_by_path(lambda path: None), Path("a/1.jpg")) == (
        "The label function gave no label for a/1.jpg: None."
    )


def test_a_column_is_read_and_gaps_are_named():
    assert labels_of_column({"kind": [1, "b"]}, "kind") == ["1", "b"]
    assert message_of(labels_of_column, {"kind": ["a", None]}, "kind") == (
        "The table, row 1 (counted from 0) has no label (column 'kind'). Fill it in, or remove the "
        "row."
    )


@pytest.mark.parametrize(
    ("text", "delim", "labels"),
    [
        ("red car", " ", ("red", "car")),
        (" red   car ", " ", ("red", "car")),
        ("red car; bus;red car", ";", ("red car", "bus")),
        ("", " ", ()),
    ],
)
def test_a_text_names_several_labels(text, delim, labels):
    assert split_labels(text, delim) == labels


def test_an_empty_delimiter_is_refused():
    assert message_of(split_labels, "a", "") == "delim, the text between two labels, is empty."
