"""Words are printed, or written to a text file and to no picture."""

import pytest

from learnkit.data.show_text import show_text
from learnkit.errors import DataError


def test_a_text_is_printed_or_written_as_it_is(tmp_path, capsys):
    show_text("Zürich  8.1\n")
    show_text("Zürich  8.1\n", str(tmp_path / "rows.txt"))
    assert capsys.readouterr().out == "Zürich  8.1\n"
    assert (tmp_path / "rows.txt").read_text(encoding="utf-8") == "Zürich  8.1\n"


@pytest.mark.parametrize("name", ["rows.png", "rows.PDF"])
def test_no_text_gets_the_name_of_a_picture(tmp_path, name):
    with pytest.raises(DataError) as refused:
        show_text("a  b\n", tmp_path / name)
    assert str(refused.value) == (
        f"This data is shown in words, as rows, and {name} is the name of a picture: "
        'pass path="rows.txt", or no path to print them.'
    )
    assert not (tmp_path / name).exists()
