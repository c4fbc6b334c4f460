"""SaveTopK: the best few epochs have a file each."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from learnkit.callbacks.saves import save_top_k
from learnkit.callbacks.saves.save_top_k import SaveTopK
from learnkit.checkpoint import load_tensors
from learnkit.errors import MonitorError

pytestmark = pytest.mark.usefixtures("no_flushing")


def train(
    callback: SaveTopK, state: Any, run_epochs: Any, values: list[float], name: str = "valid_loss"
) -> None:
    """Show epochs after each of which every weight is the epoch's number."""
    for value in values:
        with torch.no_grad():
            for parameter in state.model.parameters():
                parameter.fill_(state.progress.epochs_done + 1)
        run_epochs(callback, state, [{name: value}])


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_best_epochs_have_a_file_each(tmp_path: Path, make_state: Any, run_epochs: Any) -> None:
    callback, state = SaveTopK(tmp_path / "best", k=2), make_state()
    callback.before_fit(state)
    train(callback, state, run_epochs, [0.9, 0.5, 0.7, 0.8, math.nan])
    names = ["epoch_002-valid_loss-0.5000.safetensors", "epoch_003-valid_loss-0.7000.safetensors"]
    assert files(tmp_path / "best") == names
    assert [path.name for path in callback.paths] == names
    assert float(load_tensors(callback.paths[1])["weight"].mean()) == 3.0


def test_of_equal_numbers_the_earlier_epoch_stays(
    tmp_path: Path, make_state: Any, run_epochs: Any
) -> None:
    callback, state = SaveTopK(tmp_path, k=2, monitor="accuracy"), make_state()
    callback.before_fit(state)
    train(callback, state, run_epochs, [0.5, 0.6, 0.6, 0.6], "accuracy")
    assert [path.name[:9] for path in callback.paths] == ["epoch_002", "epoch_003"]


def test_the_old_file_goes_when_the_new_one_is_whole(
    tmp_path: Path, make_state: Any, run_epochs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback, state = SaveTopK(tmp_path, k=1), make_state()
    callback.before_fit(state)
    train(callback, state, run_epochs, [0.9])

    def fail(path: Path, tensors: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(save_top_k, "save_tensors", fail)
    with pytest.raises(OSError, match="no space left"):
        train(callback, state, run_epochs, [0.5])
    assert files(tmp_path) == ["epoch_001-valid_loss-0.9000.safetensors"]
    assert callback.paths == [tmp_path / files(tmp_path)[0]]


def test_a_resumed_fit_knows_its_files(tmp_path: Path, make_state: Any, run_epochs: Any) -> None:
    first, state = SaveTopK(tmp_path, k=2), make_state()
    first.before_fit(state)
    train(first, state, run_epochs, [0.9, 0.5])
    resumed = SaveTopK(tmp_path, k=2)
    resumed.before_fit(state)
    resumed.load_state_dict(first.state_dict())
    train(resumed, state, run_epochs, [0.7])
    assert [path.name[:9] for path in resumed.paths] == ["epoch_002", "epoch_003"]
    assert len(files(tmp_path)) == 2


def test_files_of_another_fit_are_left_alone(
    tmp_path: Path, make_state: Any, run_epochs: Any
) -> None:
    callback = SaveTopK(tmp_path, k=1)
    for before in (0, 1):
        state = make_state()
        state.progress.epochs_before = before
        callback.before_fit(state)
        train(callback, state, run_epochs, [0.5])
    assert [name[:9] for name in files(tmp_path)] == ["epoch_001", "epoch_002"]


def test_a_name_is_one_that_every_disk_takes(
    tmp_path: Path, make_state: Any, run_epochs: Any
) -> None:
    callback = SaveTopK(tmp_path, monitor="f1/macro of all")
    state = make_state(directions={"f1/macro of all": True})
    callback.before_fit(state)
    train(callback, state, run_epochs, [0.5], "f1/macro of all")
    assert files(tmp_path) == ["epoch_001-f1_macro_of_all-0.5000.safetensors"]


def test_an_option_out_of_range_is_refused(tmp_path: Path, make_state: Any) -> None:
    with pytest.raises(ValueError) as caught:
        SaveTopK(tmp_path, k=0)
    assert str(caught.value) == "SaveTopK(): k must be a whole number of at least 1, found 0."
    with pytest.raises(MonitorError) as wrong:
        SaveTopK(tmp_path, monitor="acuracy").before_fit(make_state())
    assert str(wrong.value) == (
        "SaveTopK(monitor='acuracy'): this fit computes train_loss, valid_loss, accuracy."
        " Did you mean 'accuracy'?"
    )
