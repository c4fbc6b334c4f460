"""History: a row of numbers per epoch."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from learnkit.history import History

ROWS = [
    {"train_loss": 1.5, "valid_loss": 1.25, "accuracy": 0.5, "seconds": 2.0},
    {"train_loss": 1.0, "valid_loss": 1.0, "accuracy": 0.75, "seconds": 2.0},
]


def test_a_history_is_a_sequence_of_rows() -> None:
    history = History(ROWS)
    assert len(history) == 2
    assert history[-1]["accuracy"] == 0.75
    assert [row["train_loss"] for row in history] == [1.5, 1.0]
    assert list(history) == ROWS


def test_a_history_keeps_copies_of_its_rows() -> None:
    row = {"train_loss": 1.0}
    history = History()
    history.append(row)
    row["train_loss"] = 9.0
    assert history[0] == {"train_loss": 1.0}


def test_a_fit_that_goes_on_has_its_earlier_rows_and_no_others() -> None:
    history, rows = History(ROWS), [dict(ROWS[0])]
    history.restart(rows)
    rows[0]["train_loss"] = 9.0
    assert list(history) == ROWS[:1]


def test_histories_with_equal_rows_are_equal() -> None:
    assert History(ROWS) == History(ROWS, stop_reason="enough")
    assert History(ROWS) != History(ROWS[:1])
    assert History(ROWS) != ROWS


def test_a_column_goes_over_the_epochs_with_nan_where_it_is_missing() -> None:
    history = History([{"train_loss": 1.0}, {"train_loss": 0.5, "mine": 2.0}])
    assert history.columns == ("train_loss", "mine")
    first, second = history.column("mine")
    assert math.isnan(first)
    assert second == 2.0


def test_an_unknown_column_lists_those_there_are() -> None:
    with pytest.raises(KeyError) as caught:
        History(ROWS).column("acc")
    expected = "no column 'acc'; there are: train_loss, valid_loss, accuracy, seconds"
    assert caught.value.args == (expected,)


def test_json_holds_the_rows(tmp_path: Path) -> None:
    path = History(ROWS).to_json(tmp_path / "history.json")
    assert json.loads(path.read_text()) == ROWS


def test_a_data_frame_is_indexed_by_epoch_from_one() -> None:
    frame = History(ROWS).to_df()
    assert frame.index.name == "epoch"
    assert frame.index.tolist() == [1, 2]
    assert frame.loc[2, "accuracy"] == 0.75


def test_the_table_shows_a_row_per_epoch() -> None:
    assert str(History(ROWS)) == (
        "epoch  train_loss  valid_loss    accuracy     seconds\n"
        "    1         1.5        1.25         0.5           2\n"
        "    2           1           1        0.75           2"
    )


def test_what_a_cell_ending_in_fit_shows_is_one_line_below_the_bars_table() -> None:
    assert repr(History(ROWS)) == (
        "History(2 epochs, the last: train_loss 1, valid_loss 1, accuracy 0.75, seconds 2)"
    )
    assert repr(History()) == "History(0 epochs)"


@pytest.mark.parametrize("rows", [ROWS, [{"train_loss": 1.0, "seconds": 2.0}], []])
def test_the_plot_is_saved(tmp_path: Path, rows: list[dict[str, float]]) -> None:
    History(rows).plot(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_numbers_of_numpy_and_torch_become_floats() -> None:
    history = History()
    history.append({"a": np.float32(0.5), "b": torch.tensor(2.0), "c": 3})  # type: ignore[dict-item]
    assert history[0] == {"a": 0.5, "b": 2.0, "c": 3.0}
    assert [type(value) for value in history[0].values()] == [float, float, float]


@pytest.mark.parametrize("value", [None, torch.zeros(3), "high"])
def test_what_is_no_number_is_named(value: Any) -> None:
    with pytest.raises(TypeError) as caught:
        History().append({"score": value})
    assert str(caught.value) == (
        "state.metrics['score'] must be a number at the end of an epoch; "
        f"got {type(value).__name__}."
    )


def test_the_plot_is_shown_once_and_marks_whole_epochs_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from matplotlib import pyplot

    shown: list[Any] = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.gcf()))
    assert History(ROWS).plot() is None  # a notebook would draw a returned figure again
    pyplot.close("all")
    (figure,) = shown
    assert all(tick == int(tick) for tick in figure.axes[0].get_xticks())


def test_losses_and_metrics_have_plots_of_their_own(tmp_path: Path) -> None:
    History(ROWS).plot_losses(tmp_path / "losses.png")
    History(ROWS).plot_metrics(tmp_path / "metrics.png")
    for name in ("losses", "metrics"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_notebook_shows_one_line_with_the_best_epoch_and_no_second_table() -> None:
    rows = [*ROWS, {"train_loss": 0.5, "valid_loss": 1.1, "accuracy": 0.7, "seconds": 2.0}]
    assert History(rows)._repr_html_() == (
        "<p><b>History</b>: 3 epochs; lowest valid_loss in epoch 2: "
        "train_loss 1, valid_loss 1, accuracy 0.75</p>"
    )
    assert History()._repr_html_() == "<p><b>History</b>: 0 epochs</p>"
    nan = [{"valid_loss": float("nan")}]
    assert History(nan)._repr_html_() == "<p><b>History</b>: 1 epoch</p>"


def test_what_is_not_our_own_is_escaped_in_a_notebook() -> None:
    rows = [{"valid_loss": 1.0, "<b>": 0.5}]
    assert History(rows, stop_reason="a < b")._repr_html_() == (
        "<p><b>History</b>: 1 epoch; lowest valid_loss in epoch 1: valid_loss 1, &lt;b&gt; 0.5; "
        "stopped: a &lt; b</p>"
    )
