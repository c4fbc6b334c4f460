"""SaveLast: the file holds the newest epoch's weights."""

from pathlib import Path
from typing import Any

import pytest

from learnkit.callbacks.saves.save_last import SaveLast
from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.checkpoint import load_tensors
from learnkit.errors import CheckpointError
from learnkit.testing import tiny_learner

pytestmark = pytest.mark.usefixtures("no_flushing")


def writes(callback: SaveLast, epochs: int, *more: Any) -> list[bool]:
    """Fit, and say of each epoch whether its weights are in the file after it."""
    learn, seen = tiny_learner(), []

    def look(state: Any) -> None:
        saved = load_tensors(callback.path) if callback.path.exists() else {}
        own = state.model.state_dict()
        seen.append(bool(saved) and all(saved[name].equal(own[name]) for name in own))

    after = LambdaCallback(after_epoch=look)
    learn.fit(epochs, 0.1, callbacks=[*more, callback, after], progress=False)
    return seen


def test_the_file_is_that_of_the_newest_epoch(tmp_path: Path) -> None:
    assert writes(SaveLast(tmp_path / "new" / "last.safetensors"), 3) == [True] * 3


def test_it_may_be_written_less_often_and_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    assert writes(SaveLast(path, every=2), 5) == [False, True, False, True, True]


def test_a_fit_that_is_stopped_is_written_too(tmp_path: Path) -> None:
    stop = LambdaCallback(after_step=lambda state: state.stop("enough"))
    assert writes(SaveLast(tmp_path / "last.safetensors", every=9), 9, stop) == [True]


def test_a_folder_in_place_of_the_file_is_an_error_before_training(
    tmp_path: Path, make_state: Any
) -> None:
    with pytest.raises(CheckpointError) as caught:
        SaveLast(tmp_path).before_fit(make_state())
    assert str(caught.value) == (
        f"SaveLast cannot write {tmp_path}: it is a folder. "
        f"Give a file in it, such as {tmp_path / 'last.safetensors'}."
    )


def test_an_option_out_of_range_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:
        SaveLast(tmp_path / "last.safetensors", every=0)
    assert str(caught.value) == (
        "SaveLast(): every must be a whole number of epochs of at least 1, found 0."
    )
