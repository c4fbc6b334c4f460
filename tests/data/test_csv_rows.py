import warnings

import pytest

from learnkit.data.csv_rows import csv_rows
from learnkit.errors import DataError


@pytest.fixture
def write(tmp_path):
    def written(*lines):
        path = tmp_path / "q.tsv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return written


def messages(**changed):
    """Lines 1 to 30, where some have another text."""
    return [f"ham\t{changed.get(f'line{n}', f'message {n}')}" for n in range(1, 31)]


def message_of(path, **options):
    with pytest.raises(DataError) as caught:
        csv_rows(path, "\t", **options)
    return str(caught.value)


def test_rows_that_a_pair_of_quotes_swallows_are_warned_of(write):
    path = write(*messages(line5='"so he said', line25='and she: no"'))
    with pytest.warns(UserWarning, match="look like rows") as caught:
        rows = csv_rows(path, "\t", quotes=True)
    assert str(caught[0].message) == (
        f'Table {path}, line 5 has a cell that begins with a " and goes on to line 25: the 19 '
        'lines between look like rows, but are read as text of that cell. Double each " within a '
        "cell, or pass quotes=False where it is a sign like any other, if they are rows."
    )
    assert len(rows) == 10
    assert [number for number, _ in rows][3:6] == [4, 25, 26]
    assert len(csv_rows(path, "\t", quotes=False)) == 30


def test_text_behind_the_quote_that_ends_a_cell_of_many_lines_is_an_error(write):
    path = write(*messages(line5='"so he said', line25='"and she'))
    begin = f'Table {path}, line 5 has a cell that begins with a " and goes on to line 25: '
    assert message_of(path, quotes=True) == (
        f'{begin}more text follows the " that ends it. Close it, double each " within a cell, or '
        "pass quotes=False where it is a sign like any other."
    )
    assert message_of(path) == (
        f'{begin}more text follows the " that ends it. Close it, double each " within a cell.'
    )


@pytest.mark.parametrize(("line", "on"), [(5, " and goes on to line 30"), (30, "")])
def test_a_quote_that_is_open_at_the_end_of_the_file_is_an_error(write, line, on):
    path = write(*messages(**{f"line{line}": '"so he said'}))
    assert message_of(path) == (
        f'Table {path}, line {line} has a cell that begins with a "{on}: the file '
        'ends before it does. Close it, double each " within a cell.'
    )


def test_cells_of_several_lines_and_quotes_on_one_line_are_read_as_ever(write):
    path = write('a\t"one', "two", "three\t4", '5"', 'b\t"x" y', '"c" \t"say ""hi"""', "", "d\te")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = csv_rows(path, "\t")
    assert rows == [
        (4, ["a", "one\ntwo\nthree\t4\n5"]),
        (5, ["b", "x y"]),
        (6, ["c ", 'say "hi"']),
        (8, ["d", "e"]),
    ]


def test_a_last_line_without_an_end_is_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('a,b\n1,"2"')
    assert csv_rows(path, ",") == [(1, ["a", "b"]), (2, ["1", "2"])]
