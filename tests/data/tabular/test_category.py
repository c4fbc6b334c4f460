"""Words are numbered from 1; 0 is what training did not see."""

from learnkit.data.table import as_table
from learnkit.data.tabular.category import Category
from learnkit.data.tabular.cells import Cells


def column(*values):
    return Cells.of(as_table({"c": list(values)}), "c")


def test_codes_begin_at_1_and_0_is_missing_or_unknown():
    category = Category.learn(column("b", "a", None, "b"))
    assert category == Category("c", ("a", "b"))
    assert category.size == 3
    assert category.codes(column("a", "b", None, "new")).tolist() == [1, 2, 0, 0]


def test_whole_numbers_are_sorted_by_value():
    assert Category.learn(column(10, 9, 2.0)).words == ("2", "9", "10")


def test_codes_have_their_words_back():
    category = Category("c", ("a", "b"))
    assert [category.word(code) for code in (0, 1, 2, 3)] == ["(missing)", "a", "b", "(missing)"]
    assert category.places(["b", "x"]) == [2, 0]


def test_whole_numbers_are_one_word_as_text_and_as_number():
    """As pandas writes a column with gaps: 1.0, empty, 2.0."""
    category = Category.learn(column("1.0", "", "2.0", "1"))
    assert category.words == ("1", "2")
    assert category.codes(column("1.0", "1", 1, 1.0, "+1", "2.0", 3)).tolist() == [
        *[1] * 5,
        2,
        0,
    ]
    assert Category("c", ("1.0", "2.0")).codes(column(1, "2")).tolist() == [1, 2]


def test_codes_of_places_and_words_keep_their_letters():
    assert Category.learn(column("01", "1")).words == ("01", "1")
    assert Category.learn(column("250.0", "250", "V27")).words == ("250", "250.0", "V27")
