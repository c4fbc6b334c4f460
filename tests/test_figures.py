import sys
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from learnkit.errors import MissingExtraError
from learnkit.figures import finish, new_figure

matplotlib.use("Agg")


def test_a_saved_figure_makes_its_folder_and_leaves_pyplot_alone(tmp_path: Path) -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    figure = new_figure((2, 1), path=tmp_path / "a" / "b.png", purpose="plot")
    finish(figure, path=tmp_path / "a" / "b.png", purpose="plot")
    assert (tmp_path / "a" / "b.png").read_bytes().startswith(b"\x89PNG")
    assert pyplot.get_fignums() == before


def test_without_a_path_the_figure_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot

    shown: list[Any] = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.gcf()))
    figure = new_figure((2, 1), path=None, purpose="plot")
    finish(figure, path=None, purpose="plot")
    pyplot.close("all")
    assert shown == [figure]


@pytest.mark.parametrize("path", [None, "plot.png"])
def test_without_matplotlib_the_pip_line_is_given(
    monkeypatch: pytest.MonkeyPatch, path: str | None
) -> None:
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError) as caught:
        new_figure((2, 1), path=path, purpose="History.plot")
    assert str(caught.value) == (
        "History.plot needs the package matplotlib, which is not installed. "
        'Install it with: pip install "learnkit[plot]"'
    )
