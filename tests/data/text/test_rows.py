import numpy as np
import pytest

from learnkit.data.table import as_table
from learnkit.data.text.rows import rows_of_folder, rows_of_table
from learnkit.errors import DataError


def test_a_table_gives_texts_labels_and_what_to_call_them():
    table = as_table({"text": ["a b", "c"], "label": ["x", 3]})
    rows = rows_of_table(table, text_col="text", label_col=1)
    assert rows.texts == ["a b", "c"]
    assert rows.labels == ["x", "3"]
    assert rows.rows == ["The table, row 0 (counted from 0)", "The table, row 1 (counted from 0)"]
    taken = rows.take(np.array([1]), "half")
    assert taken == (["c"], ["3"], ["The table, row 1 (counted from 0)"], "half", None)


@pytest.mark.parametrize("missing", [None, float("nan"), "", "  \n"])
def test_a_missing_text_names_its_row(missing):
    table = as_table({"text": ["a", missing], "label": ["x", "y"]})
    with pytest.raises(DataError) as caught:
        rows_of_table(table, text_col="text", label_col="label")
    assert str(caught.value) == (
        "The table, row 1 (counted from 0) has no text (column 'text'). "
        "Fill it in, or remove the row."
    )


def test_a_missing_label_is_one_that_names_its_row_unless_several_are_allowed():
    table = as_table({"text": ["a", "b", "c"], "label": ["x", None, float("nan")]})
    with pytest.raises(DataError, match=r"row 1 \(counted from 0\) has no label"):
        rows_of_table(table, text_col="text", label_col="label")
    rows = rows_of_table(table, text_col="text", label_col="label", label_delim=" ")
    assert (rows.labels, rows.sets) == (["", "", ""], [("x",), (), ()])


def test_labels_in_one_cell_are_several_whether_listed_or_written_with_a_sign_between():
    table = as_table({"text": ["a", "b", "c"], "label": [["x", "y"], [], ("y",)]})
    for delim in (None, " "):
        rows = rows_of_table(table, text_col="text", label_col="label", label_delim=delim)
        assert rows.sets == [("x", "y"), (), ("y",)]
    assert rows.take(np.array([2, 0]), "").sets == [("y",), ("x", "y")]
    table = as_table({"text": ["a", "b"], "label": ["x; y ;", ""]})
    rows = rows_of_table(table, text_col="text", label_col="label", label_delim=";")
    assert rows.sets == [("x", "y"), ()]


def test_pandas_na_is_a_text_without_a_label_where_several_are_allowed():
    pandas = pytest.importorskip("pandas")
    df = pandas.DataFrame({"text": ["a", "b"], "label": ["x", pandas.NA]}, dtype="string")
    rows = rows_of_table(as_table(df), text_col="text", label_col="label", label_delim=" ")
    assert rows.sets == [("x",), ()]


def test_a_text_among_lists_of_labels_names_its_row():
    table = as_table({"text": ["a", "b"], "label": [["x"], "y"]})
    with pytest.raises(DataError) as caught:
        rows_of_table(table, text_col="text", label_col="label")
    assert str(caught.value) == (
        "The table, row 1 (counted from 0) has 'y' where a list of labels is expected: write "
        "['y'], or say by label_delim=' ' what is between the labels of a text."
    )


def test_a_missing_column_names_the_nearest():
    with pytest.raises(DataError) as caught:
        rows_of_table(as_table({"texts": ["a"], "label": ["x"]}), text_col="text", label_col=1)
    assert str(caught.value) == (
        "The table has no column 'text' (option text_col). Did you mean 'texts'? "
        "Its columns are: texts, label."
    )


def test_a_folder_gives_the_files_of_its_class_folders(tmp_path):
    for name in ("ham/b.txt", "ham/deep/a.txt", "spam/c.txt"):
        (tmp_path / "train" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "train" / name).write_text(f"text {name}", "utf-8")
    (tmp_path / "train" / "ham" / "notes.md").write_text("no text")
    rows = rows_of_folder(tmp_path, "train")
    assert rows.labels == ["ham", "ham", "spam"]
    assert rows.texts == ["text ham/b.txt", "text ham/deep/a.txt", "text spam/c.txt"]
    assert rows.rows[0] == "train/ham/b.txt"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b" \n", "Text {} is empty. Write something in it, or remove the file."),
        (b"ab\xff", "Text {} is not in UTF-8 from byte 2 on. Save it in UTF-8."),
    ],
)
def test_a_file_that_is_no_text_is_named(tmp_path, content, message):
    file = tmp_path / "ham" / "a.txt"
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        rows_of_folder(tmp_path, "")
    assert str(caught.value) == message.format(file)


def test_a_folder_without_texts_says_what_is_there(tmp_path):
    (tmp_path / "ham").mkdir()
    with pytest.raises(DataError) as caught:
        rows_of_folder(tmp_path, "")
    base = tmp_path
    assert str(caught.value) == (
        f"Folder {base} has no class folders with .txt files: found 1 folder (ham). Expected "
        f"{base}/<class>/*.txt; texts in a table are read by from_csv."
    )
