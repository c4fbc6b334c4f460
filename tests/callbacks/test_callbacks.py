"""What every callback of the package owes, and the package's surface."""

from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from learnkit import callbacks
from learnkit.callback import HOOKS, Callback
from learnkit.callbacks import (
    CSVLog,
    EarlyStopping,
    GradientClip,
    LRFinder,
    LRSchedule,
    ProgressBar,
    Recorder,
    SaveBest,
)
from learnkit.schedule import cosine

ROWS = [{"train_loss": 1.0, "valid_loss": loss, "accuracy": 0.5} for loss in (0.9, 0.5)]


def every(folder: Path) -> list[Callback]:
    return [
        CSVLog(folder / "log.csv"),
        EarlyStopping(),
        GradientClip(1.0),
        LRFinder(),
        LRSchedule(cosine()),
        ProgressBar(),
        Recorder(),
        SaveBest(folder / "best.safetensors"),
    ]


NUMBERS = range(len(callbacks.__all__))


def test_the_surface_is_sorted_and_complete() -> None:
    assert callbacks.__all__ == sorted(callbacks.__all__)
    assert dir(callbacks) == callbacks.__all__
    assert all(issubclass(getattr(callbacks, name), Callback) for name in callbacks.__all__)


def test_a_misspelt_callback_names_the_nearest_one() -> None:
    with pytest.raises(AttributeError) as caught:
        callbacks.EarlyStoping  # type: ignore[attr-defined]  # noqa: B018
    assert str(caught.value) == (
        "learnkit.callbacks has no 'EarlyStoping'. Did you mean 'EarlyStopping'?"
    )


def test_this_module_tries_every_callback(tmp_path: Path) -> None:
    assert [callback.name for callback in every(tmp_path)] == callbacks.__all__


@pytest.mark.parametrize("number", NUMBERS)
def test_a_subclass_with_a_misspelt_hook_is_refused(tmp_path: Path, number: int) -> None:
    with pytest.raises(TypeError):
        type("Child", (type(every(tmp_path)[number]),), {"after_bacth": lambda self, state: None})


def plain(state: dict[str, Any]) -> dict[str, Any]:
    return {k: v.tolist() if isinstance(v, Tensor) else v for k, v in state.items()}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_callback_serves_two_fits_and_its_state_makes_the_round_trip(
    tmp_path: Path, make_state: Any, run_epochs: Any, number: int
) -> None:
    callback, other = every(tmp_path)[number], every(tmp_path)[number]
    for _ in range(2):
        state = make_state()
        callback.before_fit(state)
        run_epochs(callback, state, ROWS)
        saved = callback.state_dict()
        resumed = make_state()
        resumed.progress.steps_done = 8
        other.before_fit(resumed)
        other.load_state_dict(saved)
        assert plain(other.state_dict()) == plain(saved)
        callback.after_fit(state)


@pytest.mark.parametrize("number", NUMBERS)
def test_after_fit_may_follow_an_error_right_after_before_fit(
    tmp_path: Path, make_state: Any, number: int
) -> None:
    callback, state = every(tmp_path)[number], make_state()
    callback.before_fit(state)
    callback.on_error(state, KeyboardInterrupt())
    callback.after_fit(state)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_callback_overrides_at_least_one_hook(tmp_path: Path, number: int) -> None:
    own = vars(type(every(tmp_path)[number]))
    assert set(HOOKS) & set(own)
