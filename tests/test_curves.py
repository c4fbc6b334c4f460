"""Lines over steps: what is drawn, and how it is smoothed."""

import math

import pytest
from matplotlib.figure import Figure

from learnkit.curves import Line, draw_lines, smoothed


def test_lines_are_drawn_with_their_names_and_empty_ones_left_out() -> None:
    axis = Figure().subplots()
    lines = [Line(name="a", x=[1, 2], y=[0.5, 0.25]), Line(name="b", x=[], y=[])]
    draw_lines(axis, lines, x="step", y="loss")
    assert [line.get_label() for line in axis.get_lines()] == ["a"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("step", "loss")


def test_a_single_value_is_a_dot() -> None:
    axis = Figure().subplots()
    draw_lines(axis, [Line(name="a", x=[1], y=[0.5])], x="", y="")
    assert axis.get_lines()[0].get_marker() == "o"


def test_a_name_is_shown_as_it_is() -> None:
    axis = Figure().subplots()
    draw_lines(axis, [Line(name=name, x=[1], y=[1.0]) for name in ("_a", "$b$")], x="", y="")
    assert [text.get_text() for text in axis.get_legend().get_texts()] == [" _a", r"\$b\$"]
    axis.figure.canvas.draw()


def test_nothing_at_all_can_be_drawn() -> None:
    draw_lines(Figure().subplots(), [], x="step", y="")


def test_a_smoothed_line_starts_where_the_line_does_and_forgets() -> None:
    assert smoothed([2.0, 4.0, 4.0], share=0.5) == pytest.approx(
        [2.0, (2 * 0.25 + 4 * 0.5) / 0.75, (2 * 0.125 + 4 * 0.25 + 4 * 0.5) / 0.875]
    )
    assert smoothed([1.0, 5.0], share=0.0) == [1.0, 5.0]


def test_what_is_not_finite_leaves_no_trace_in_a_smoothed_line() -> None:
    first, second, third = smoothed([1.0, math.nan, 3.0], share=0.5)
    assert math.isnan(second)
    assert [first, third] == smoothed([1.0, 3.0], share=0.5)
