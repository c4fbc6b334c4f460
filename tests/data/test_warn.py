import pytest

from learnkit.data.layout import class_files


def test_a_warning_points_at_the_line_of_the_user(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.jpg").touch()
    (tmp_path / "2.jpg").touch()
    with pytest.warns(UserWarning, match="left out") as warned:
        class_files(tmp_path, "", "")
    assert [warning.filename for warning in warned] == [__file__]
