"""SaveBest: the file holds the best epoch's weights, and so does the model in the end."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from learnkit.callbacks.saves.save_best import SaveBest
from learnkit.checkpoint import load_tensors
from learnkit.errors import CheckpointError, MonitorError
from learnkit.state import State


def train(callback: SaveBest, state: State, run_epochs: Any, losses: list[float]) -> None:
    """Show epochs after each of which every weight is the epoch's number."""
    for loss in losses:
        with torch.no_grad():
            for parameter in state.model.parameters():
                parameter.fill_(state.progress.epochs_done + 1)
        run_epochs(callback, state, [{"valid_loss": loss}])


def weight(state: State) -> float:
    return float(next(state.model.parameters()).detach().mean())


def test_the_best_weights_are_on_disk_and_back_in_the_model(
    tmp_path: Path, make_state: Any, run_epochs: Any
) -> None:
    state, callback = make_state(), SaveBest(tmp_path / "new" / "best.safetensors")
    callback.before_fit(state)
    train(callback, state, run_epochs, [0.9, 0.4, 0.5])
    assert weight(state) == 3.0
    callback.after_fit(state)
    assert weight(state) == 2.0
    assert float(load_tensors(callback.path)["weight"].mean()) == 2.0
    assert (callback.best.value, callback.best.epoch) == (0.4, 2)


def test_without_restore_the_model_keeps_its_last_weights(
    tmp_path: Path, make_state: Any, run_epochs: Any
) -> None:
    state, callback = make_state(), SaveBest(tmp_path / "best.safetensors", restore=False)
    callback.before_fit(state)
    train(callback, state, run_epochs, [0.4, 0.5])
    callback.after_fit(state)
    assert weight(state) == 2.0


def test_nan_never_replaces_the_best(tmp_path: Path, make_state: Any, run_epochs: Any) -> None:
    state, callback = make_state(), SaveBest(tmp_path / "best.safetensors")
    callback.before_fit(state)
    train(callback, state, run_epochs, [math.nan, 0.5, math.nan])
    callback.after_fit(state)
    assert weight(state) == 2.0


def test_when_nothing_was_saved_nothing_is_restored(
    tmp_path: Path, make_state: Any, run_epochs: Any
) -> None:
    state, callback = make_state(), SaveBest(tmp_path / "best.safetensors")
    callback.before_fit(state)
    train(callback, state, run_epochs, [math.nan])
    callback.after_fit(state)
    assert weight(state) == 1.0
    assert not callback.path.exists()


def test_a_second_fit_does_not_measure_itself_by_the_first(
    tmp_path: Path, make_state: Any, run_epochs: Any
) -> None:
    callback = SaveBest(tmp_path / "best.safetensors")
    for losses in ([0.1], [0.9, 0.8]):
        state = make_state()
        callback.before_fit(state)
        train(callback, state, run_epochs, losses)
        callback.after_fit(state)
    assert weight(state) == 2.0


def test_a_resumed_fit_knows_the_best_so_far(
    tmp_path: Path, make_state: Any, run_epochs: Any
) -> None:
    first, state = SaveBest(tmp_path / "best.safetensors"), make_state()
    first.before_fit(state)
    train(first, state, run_epochs, [0.4])
    resumed, state = SaveBest(tmp_path / "best.safetensors"), make_state()
    state.progress.epochs_done = 1
    resumed.before_fit(state)
    resumed.load_state_dict(first.state_dict())  # comes after before_fit
    train(resumed, state, run_epochs, [0.6])
    assert resumed.state_dict() == {"best": 0.4, "best_epoch": 1}
    resumed.after_fit(state)
    assert weight(state) == 1.0


def test_a_number_that_the_fit_does_not_compute_is_an_error_before_training(
    tmp_path: Path, make_state: Any
) -> None:
    with pytest.raises(MonitorError) as caught:
        SaveBest(tmp_path / "best.safetensors", "valid_accuracy").before_fit(make_state())
    assert str(caught.value) == (
        "SaveBest(monitor='valid_accuracy'): this fit computes train_loss, valid_loss, accuracy."
        " Did you mean 'accuracy'?"
    )


def test_a_folder_in_place_of_the_file_is_an_error_before_training(
    tmp_path: Path, make_state: Any
) -> None:
    with pytest.raises(CheckpointError) as caught:
        SaveBest(tmp_path).before_fit(make_state())
    assert str(caught.value) == (
        f"SaveBest cannot write {tmp_path}: it is a folder. "
        f"Give a file in it, such as {tmp_path / 'best.safetensors'}."
    )


def test_a_place_that_cannot_be_written_is_an_error_before_training(
    tmp_path: Path, make_state: Any
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError) as caught:
        SaveBest(tmp_path / "file" / "new" / "best.safetensors").before_fit(make_state())
    assert str(caught.value) == (
        f"SaveBest cannot write {tmp_path / 'file' / 'new'}: "
        f"{tmp_path / 'file'} is a file, not a folder. "
        "Give a folder that you may write to."
    )


def test_a_mode_is_checked_when_the_callback_is_made(tmp_path: Path) -> None:
    with pytest.raises(MonitorError) as caught:
        SaveBest(tmp_path / "best.safetensors", mode="mn")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "SaveBest(mode='mn'): mode must be 'min', 'max', or None to follow the metric's own "
        "direction. Did you mean 'min'?"
    )
