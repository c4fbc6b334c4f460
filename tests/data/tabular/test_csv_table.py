"""CSV files with and without a header, with words for what is not known."""

import pytest

from learnkit.data.tabular.csv_table import na_words, read_table
from learnkit.errors import DataError


@pytest.fixture
def write(tmp_path):
    def make(text):
        path = tmp_path / "t.csv"
        path.write_text(text)
        return path

    return make


def test_words_for_nothing_known_become_blank(write):
    path = write("a,b\n ?,1\nNA,n/a\nx,nan\n")
    assert read_table(path).columns == {"a": ["", "", "x"], "b": ["1", "n/a", ""]}
    assert read_table(path, na_values="x").columns["a"] == ["?", "NA", ""]


def test_names_stand_for_a_header(write):
    path = write("1;2\n3;4\n")
    table = read_table(path, names=["a", "b"], delimiter=";")
    assert table.columns == {"a": ["1", "3"], "b": ["2", "4"]}


def test_a_quote_may_follow_a_space(write):
    path = write('a, b\n1, "x, y"\n')
    assert read_table(path, skipinitialspace=True).columns == {"a": ["1"], "b": ["x, y"]}


def test_a_wrong_number_of_names_is_an_error(write):
    path = write("1;2\n")
    with pytest.raises(DataError) as caught:
        read_table(path, names=["a", "b"])
    assert str(caught.value) == (
        f"Table {path} has 1 cells in a line, but names= has 2. Is the delimiter= right?"
    )


def test_two_columns_of_one_name_are_an_error(write):
    path = write("a, a\n1,2\n")
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert str(caught.value) == (
        f"Table {path} has two columns named 'a'. Rename one in the first line, or pass "
        "names=[...] if that line is a row."
    )
    with pytest.raises(DataError, match="names= has 'a' more than once"):
        read_table(path, names=["a", "a"])


def test_words_for_a_missing_value_are_few_and_short():
    assert na_words("?") == ("?",)
    assert na_words(["-", "?", "-"]) == ("-", "?")
    with pytest.raises(DataError) as caught:
        na_words(["x" * 1_001])
    assert str(caught.value) == "na_values has at most 10,000 words of at most 1,000 letters."
