"""Rows print as an aligned table."""

import pytest

from learnkit.data.tabular.show import print_table, text_table
from learnkit.errors import DataError

ROWS = [{"town": "Ulm", "note": "x" * 30}, {"town": "Bonn am Rhein", "note": ""}]


def test_columns_are_aligned_and_long_cells_cut():
    assert text_table(ROWS) == (f"town           note\nUlm            {'x' * 21}...\nBonn am Rhein")


def test_a_table_is_printed_or_written(tmp_path, capsys):
    print_table(ROWS)
    print_table(ROWS, tmp_path / "rows.txt")
    assert (tmp_path / "rows.txt").read_text() == capsys.readouterr().out
    with pytest.raises(DataError, match=r"^This data is shown in words, as rows, and rows\.png is"):
        print_table(ROWS, tmp_path / "rows.png")
