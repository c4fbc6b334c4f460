import sys

import matplotlib
import pytest
import torch
from PIL import Image

from learnkit.data.show import draw_grid
from learnkit.errors import MissingExtraError

matplotlib.use("Agg")


def test_a_grid_is_saved_with_its_folder(tmp_path):
    path = tmp_path / "new" / "grid.png"
    draw_grid(torch.rand(5, 3, 8, 8), ["a title that is much too long for it", *"bcde"], path=path)
    with Image.open(path) as drawn:
        assert drawn.size == (720, 540)


def test_a_title_is_drawn_as_it_is_written(tmp_path):
    path = tmp_path / "grid.png"
    draw_grid(torch.rand(2, 3, 8, 8), ["$5 or \\frac$", "no UTF-8: \udcff"], path=path)
    assert path.is_file()


def test_without_a_path_the_grid_is_shown(monkeypatch):
    import matplotlib.pyplot as plt

    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(len(plt.gcf().axes)))
    draw_grid(torch.rand(2, 3, 8, 8), ["a", "b"])
    plt.close("all")
    assert shown == [2]


def test_without_matplotlib_the_pip_line_is_given(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError) as error:
        draw_grid(torch.rand(1, 3, 8, 8), ["a"], path=tmp_path / "grid.png")
    assert str(error.value) == (
        "show_batch needs the package matplotlib, which is not installed. "
        'Install it with: pip install "learnkit[plot]"'
    )
