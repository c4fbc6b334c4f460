import pytest

from learnkit.data.table import Rows, as_table, check_files, read_csv, read_rows
from learnkit.errors import DataError


@pytest.fixture
def write(tmp_path):
    def written(text, encoding="utf-8"):
        path = tmp_path / "labels.csv"
        path.write_text(text, encoding=encoding)
        return path

    return written


def rows_of(table, **options):
    defaults = {"fn_col": 0, "label_col": 1, "valid_col": None, "folder": None, "suffix": ""}
    return read_rows(table, **{**defaults, **options})


def from_csv(path, *, delimiter=",", header=True, **options):
    return rows_of(read_csv(path, delimiter=delimiter, header=header), **options)


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


def test_a_csv_file_gives_files_and_labels(write):
    path = write("name,label\n1.jpg,ant\n\n2.jpg, bee \n1.jpg,ant\n")
    assert from_csv(path) == Rows(["1.jpg", "2.jpg", "1.jpg"], ["ant", "bee", "ant"], None)


def test_folder_and_suffix_are_added_but_not_to_the_front_of_absolute_names(write):
    path = write("id,label\n1,ant\n/far/2,bee\n")
    rows = from_csv(path, folder="images/", suffix=".jpg")
    assert rows.files == ["images/1.jpg", "/far/2.jpg"]


def test_columns_go_by_name_or_place_with_any_delimiter_byte_order_mark_and_no_header(write):
    tabs = write("label\tfile\nant\t1.jpg\n", encoding="utf-8-sig")
    rows = from_csv(tabs, delimiter="\t", label_col="label", fn_col=1)
    assert rows == Rows(["1.jpg"], ["ant"], None)
    assert from_csv(write("1.jpg,ant\n"), header=False) == Rows(["1.jpg"], ["ant"], None)


def test_a_column_tells_the_split(write):
    path = write("f,l,is_valid\n1,a,True\n2,b,0\n3,b,1.0\n")
    assert from_csv(path, valid_col="is_valid").held_out == [True, False, True]


def test_a_missing_table_is_named_with_the_nearest(write, tmp_path):
    write("f,l\n")
    assert message_of(from_csv, tmp_path / "label.csv") == (
        f"Table {tmp_path}/label.csv does not exist. Did you mean 'labels.csv'?"
    )


def test_a_missing_column_is_named_with_the_nearest(write):
    path = write("name,label\n1.jpg,ant\n")
    assert message_of(from_csv, path, label_col="lable") == (
        f"Table {path} has no column 'lable' (option label_col). Did you mean 'label'? "
        "Its columns are: name, label."
    )


def test_a_wrong_delimiter_shows_the_columns_that_were_read(write):
    path = write("name;label\n1.jpg;ant\n")
    assert message_of(from_csv, path) == (
        f"Table {path} has no column 1 (option label_col). Its columns are: name;label."
    )


@pytest.mark.parametrize("cell", ["", "NaN", "nan", "  "])
def test_a_missing_label_in_a_csv_file_is_named_by_its_line(write, cell):
    path = write(f"name,label\n1.jpg,ant\n\n2.jpg,{cell}\n")
    assert message_of(from_csv, path) == (
        f"Table {path}, line 4 has no label (column 1). Fill it in, or remove the row."
    )


def test_a_missing_file_name_is_named_by_its_line(write):
    path = write("name,label\n,ant\n")
    assert message_of(from_csv, path, fn_col="name") == (
        f"Table {path}, line 2 has no file name (column 'name'). Fill it in, or remove the row."
    )


def test_a_short_line_has_no_label(write):
    path = write("name,label\n1.jpg\n")
    assert message_of(from_csv, path) == (
        f"Table {path}, line 2 has no label (column 1). Fill it in, or remove the row."
    )


def test_a_long_line_is_refused(write):
    path = write("name,label\n1.jpg,ant, red\n")
    assert message_of(from_csv, path) == (
        f"Table {path}, line 2 has 3 cells, but the first line has 2. Quote cells that hold ',', "
        "or pass another delimiter=."
    )


def test_a_table_without_rows_is_refused(write):
    path = write("name,label\n\n")
    assert message_of(from_csv, path) == f"Table {path} has no rows."


def test_a_table_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes(b"name,label\n\xff\xfe,a\n")
    assert message_of(from_csv, path) == (
        f"Table {path} cannot be read as UTF-8 text with cells: 'utf-8' codec can't decode byte "
        "0xff in position 11: invalid start byte."
    )


def test_a_flag_that_is_none_is_named_by_its_line(write):
    path = write("f,l,v\n1,a,0\n2,b,maybe\n")
    assert message_of(from_csv, path, valid_col="v") == (
        f"Table {path}, line 3 has 'maybe' in column 'v', which must say True or 1 for "
        "validation, False or 0 for training."
    )


def test_a_split_column_needs_both_sides(write):
    path = write("f,l,v\n1,a,0\n2,b,0\n")
    assert message_of(from_csv, path, valid_col="v") == (
        f"Table {path} has no validation rows: column 'v' is False in all of them."
    )


def test_a_mapping_of_columns_is_a_table_without_pandas():
    table = as_table({"file": ["1.jpg", "2.jpg"], "label": [3, 4]})
    assert rows_of(table) == Rows(["1.jpg", "2.jpg"], ["3", "4"], None)


def test_a_dataframe_is_a_table():
    pandas = pytest.importorskip("pandas")
    df = pandas.DataFrame({"file": ["1.jpg", "2.jpg"], "label": [3, 4], "v": [True, False]})
    assert rows_of(as_table(df), valid_col="v") == Rows(
        ["1.jpg", "2.jpg"], ["3", "4"], [True, False]
    )


def test_a_nan_label_in_a_dataframe_is_named_by_its_row():
    pandas = pytest.importorskip("pandas")
    df = pandas.DataFrame({"file": ["1.jpg", "2.jpg"], "label": ["a", float("nan")]}, index=[7, 9])
    assert message_of(rows_of, as_table(df), label_col="label") == (
        "The table, row 1 (counted from 0) has no label (column 'label'). Fill it in, or remove "
        "the row."
    )


def test_something_else_is_no_table():
    assert message_of(as_table, [1, 2]) == "from_df needs a DataFrame, found list."
    assert message_of(as_table, {"a": [1], "b": []}) == (
        "The table's columns differ in length: [0, 1]."
    )
    assert message_of(as_table, {}) == "The table has no rows."


def test_files_that_do_not_exist_are_named(tmp_path):
    (tmp_path / "a.jpg").touch()
    names = ["a.jpg", "b.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]
    assert message_of(check_files, tmp_path, names, listed_in="labels.csv") == (
        f"4 of the 5 files named in labels.csv do not exist in {tmp_path}: b.jpg, c.jpg, d.jpg and "
        "1 more."
    )


def test_a_missing_suffix_is_hinted_at(tmp_path):
    (tmp_path / "a.jpg").touch()
    assert message_of(check_files, tmp_path, ["a"], listed_in="labels.csv") == (
        f"1 of the 1 files named in labels.csv does not exist in {tmp_path}: a. "
        "Did you mean suffix='.jpg'?"
    )
