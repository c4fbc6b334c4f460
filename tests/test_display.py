"""Displays: a terminal, a notebook, or plain lines."""

import importlib
import io
import sys
import threading
from types import ModuleType
from typing import Any

import pytest
from tqdm import TMonitor

from learnkit import display
from learnkit.curves import Line
from learnkit.display import FastProgress, Plain, Tqdm, in_notebook, make_display


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def fake_shell(monkeypatch: pytest.MonkeyPatch, name: str, module: str = "ipykernel") -> None:
    """Pretend to run in a shell of this class."""
    ipython = ModuleType("IPython")
    shell = type(name, (), {"__module__": module})()
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)


def test_a_notebook_is_told_by_its_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    assert "IPython" not in sys.modules
    fake_shell(monkeypatch, "TerminalInteractiveShell")
    assert not in_notebook()
    fake_shell(monkeypatch, "ZMQInteractiveShell")
    assert in_notebook()
    fake_shell(monkeypatch, "Shell", "google.colab._shell")
    assert in_notebook()


def test_the_stream_decides_outside_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "in_notebook", lambda: False)
    assert type(make_display("auto", io.StringIO())) is Plain
    assert type(make_display("auto", Terminal())) is Tqdm
    assert type(make_display("plain", Terminal())) is Plain
    assert type(make_display("terminal", io.StringIO())) is Tqdm


def test_rows_are_aligned_under_the_header() -> None:
    stream = io.StringIO()
    plain = Plain(stream)
    plain.open_bar(3, title="nothing")
    plain.row(["epoch", "a", "a_long_column"])
    plain.row(["1", "0.5", "2"])
    plain.move_bar(1, "nothing")
    plain.close()
    assert stream.getvalue() == (
        "epoch           a  a_long_column\n    1         0.5              2\n"
    )


def test_a_bar_moves_and_goes_away_without_a_trace() -> None:
    stream = Terminal()
    bars = Tqdm(stream)
    bars.open_bar(10, title="epoch 1/2 train", done=2)
    assert "epoch 1/2 train" in stream.getvalue()
    bars.move_bar(5, "loss 0.25")
    assert "5/10" in stream.getvalue()
    assert "loss 0.25" in stream.getvalue()
    bars.close_bar()
    assert stream.getvalue().endswith("\r")
    bars.close_bar()
    bars.move_bar(6, "gone")
    assert "gone" not in stream.getvalue()


def test_a_line_written_while_a_bar_is_open_stands_alone() -> None:
    stream = Terminal()
    bars = Tqdm(stream)
    bars.open_bar(10, title="train")
    bars.line("a line")
    bars.close()
    assert "a line" in stream.getvalue().replace("\r", "\n").splitlines()


def test_no_thread_is_left_to_watch_the_bar() -> None:
    before = set(threading.enumerate())  # another bar of this process may have one
    bars = Tqdm(Terminal())
    bars.open_bar(10, title="train")
    bars.close()
    assert not [t for t in threading.enumerate() if isinstance(t, TMonitor) and t not in before]


class Cell:
    """A notebook cell's output: what was displayed, and how it was updated."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display(self, thing: Any, *, display_id: bool = False) -> "Cell":
        self.shown.append(str(thing))
        return self

    def update(self, thing: Any) -> None:
        self.shown.append(str(thing))


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Cell:
    """fastprogress as it is in a notebook, drawing into a list."""
    module = importlib.import_module("fastprogress.fastprogress")
    cell = Cell()
    monkeypatch.setattr(module, "IN_NOTEBOOK", True)
    monkeypatch.setattr(module, "display", cell.display, raising=False)
    monkeypatch.setattr(module, "HTML", str, raising=False)
    monkeypatch.setattr(display, "in_notebook", lambda: True)
    return cell


def test_a_notebook_gets_fastprogress_with_the_table_above_the_bar(notebook: Cell) -> None:
    stream = io.StringIO()
    found = make_display("auto", stream)
    assert isinstance(found, FastProgress)
    found.line("the opening line")
    found.row(["epoch", "loss"])
    found.open_bar(4, title="epoch 1/1 train", done=1)
    found.move_bar(2, "loss 0.25")
    assert "value='2'" in notebook.shown[-1]
    assert "loss 0.25" in notebook.shown[-1]
    found.move_bar(4, "loss 0.20")
    found.close_bar()
    found.open_bar(2, title="epoch 1/1 valid")
    found.close_bar()
    found.row(["1", "0.20"])
    found.close()
    found.close()
    assert stream.getvalue() == "the opening line\n"
    assert "<td>0.20</td>" in notebook.shown[-1]
    assert "<progress" not in notebook.shown[-1]


@pytest.mark.parametrize("widgets", [True, False])
def test_a_notebook_without_fastprogress_gets_tqdm(
    monkeypatch: pytest.MonkeyPatch, widgets: bool
) -> None:
    there = {"fastprogress": None, "ipywidgets": object() if widgets else None}
    monkeypatch.setattr("importlib.util.find_spec", there.get)
    found = make_display("notebook", io.StringIO())
    assert isinstance(found, Tqdm)
    assert found._bar_type.__module__.startswith("tqdm.notebook") is widgets


def test_a_bar_takes_another_length() -> None:
    stream = Terminal()
    bars = Tqdm(stream)
    bars.open_bar(10, title="train")
    bars.move_bar(1, "", total=4)
    assert "1/4" in stream.getvalue()
    bars.close()


def test_a_notebook_gets_the_losses_as_one_picture_that_changes(notebook: Cell) -> None:
    found = make_display("auto", io.StringIO())
    found.row(["epoch"])
    count = len(notebook.shown)
    line = Line(name="train_loss", x=[1, 2], y=[0.5, 0.25], marked=True)
    found.plot([line])
    found.plot([line])
    first, second = notebook.shown[count:]
    assert first.startswith('<img alt="losses" src="data:image/png;base64,iVBOR')
    assert second.startswith("<img")
    found.close()


def test_without_matplotlib_a_notebook_gets_no_picture(
    notebook: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = make_display("auto", io.StringIO())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found.plot([Line(name="loss", x=[1], y=[1.0])])
    assert not [text for text in notebook.shown if "<img" in text]


def test_a_name_with_angle_brackets_is_escaped_in_a_notebook(notebook: Cell) -> None:
    found = make_display("auto", io.StringIO())
    found.row(["<script>"])
    found.open_bar(2, title="<i>")
    found.move_bar(1, "<u>", total=3)
    found.close_bar()
    shown = "".join(notebook.shown)
    assert "&lt;script&gt;" in shown
    for tag in ("<script>", "<i>", "<u>"):
        assert tag not in shown
    assert "[1/3" in shown
    found.close()
