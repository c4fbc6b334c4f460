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
