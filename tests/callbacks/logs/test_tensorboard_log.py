"""TensorBoardLog: what tensorboard's own reader reads."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from learnkit.callbacks.logs.tensorboard_log import TensorBoardLog
from learnkit.errors import CheckpointError, MissingExtraError
from learnkit.learner import Learner

pytest.importorskip("tensorboard", reason="needs the extra tensorboard")


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (run,) = folder.iterdir()
    events = EventAccumulator(str(run))
    events.Reload()
    return {
        tag: [(point.step, point.value) for point in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def texts(folder: Path, tag: str) -> list[str]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (run,) = folder.iterdir()
    events = EventAccumulator(str(run))
    events.Reload()
    found = events.Tensors(f"{tag}/text_summary")
    return [point.tensor_proto.string_val[0].decode() for point in found]


def test_steps_and_rows_are_read_back(tmp_path: Path, make_learner: Callable[[], Learner]) -> None:
    learn = make_learner()
    log = TensorBoardLog(tmp_path / "tb", name="one", every=2, config={"note": "first"})
    history = learn.fit(2, 0.1, callbacks=log, progress=False)
    found = read(tmp_path / "tb")
    steps = list(range(2, 15, 2))
    losses = [(step, learn.recorder.losses[step - 1]) for step in steps]
    assert [step for step, _ in found["loss"]] == steps
    assert [value for _, value in found["loss"]] == pytest.approx([value for _, value in losses])
    assert [step for step, _ in found["lr"]] == steps
    rows = [(7, history[0]["valid_loss"]), (14, history[1]["valid_loss"])]
    assert [step for step, _ in found["epoch/valid_loss"]] == [7, 14]
    assert [v for _, v in found["epoch/valid_loss"]] == pytest.approx([v for _, v in rows])
    assert [value for _, value in found["epoch/epoch"]] == [1.0, 2.0]
    assert log.run is not None
    assert Path(log.run).name.startswith("one-")
    (settings,) = texts(tmp_path / "tb", "settings")
    assert "| model | Linear |" in settings
    assert "| note | first |" in settings
    assert texts(tmp_path / "tb", "end") == ["finished"]


@pytest.mark.parametrize(("every_steps", "after"), [(None, 3), (4, 5), (2, 9)])
def test_a_fit_that_goes_on_doubles_no_point(
    tmp_path: Path, fit_in_two_parts: Any, every_steps: int | None, after: int
) -> None:
    make = lambda: TensorBoardLog(tmp_path / "tb", every=1)  # noqa: E731
    fit_in_two_parts(make, after=after, every_steps=every_steps)
    found = read(tmp_path / "tb")
    assert [step for step, _ in found["loss"]] == list(range(1, 15))
    assert [step for step, _ in found["epoch/train_loss"]] == [7, 14]


def test_a_fit_that_dies_in_the_validation_doubles_no_row(
    tmp_path: Path, make_learner: Callable[[], Learner]
) -> None:
    """The checkpoint of before the validation has the step that the row has."""
    from learnkit.callback import Callback
    from learnkit.state import State

    class Fails(Callback):
        looks_on = True

        def after_epoch(self, state: State) -> None:
            raise RuntimeError("after the row was logged")

    make = lambda: TensorBoardLog(tmp_path / "tb", every=1)  # noqa: E731
    options: Any = {"checkpoint": "ck", "every_steps": 1, "progress": False}
    with pytest.raises(RuntimeError):
        make_learner().fit(1, callbacks=[make(), Fails()], **options)
    make_learner().fit(1, callbacks=make(), **options)
    found = read(tmp_path / "tb")
    assert [step for step, _ in found["loss"]] == list(range(1, 8))
    assert [step for step, _ in found["epoch/valid_loss"]] == [7]


def test_a_second_fit_with_one_object_goes_on_in_its_run(
    tmp_path: Path, make_learner: Callable[[], Learner]
) -> None:
    learn, log = make_learner(), TensorBoardLog(tmp_path / "tb", every=7)
    learn.fit(1, callbacks=log, progress=False)
    learn.fit(1, callbacks=log, progress=False)
    found = read(tmp_path / "tb")
    assert [step for step, _ in found["loss"]] == [7, 14]
    assert found["epoch/epoch"] == [(7, 1.0), (14, 2.0)]


def test_another_object_opens_another_run(
    tmp_path: Path, make_learner: Callable[[], Learner]
) -> None:
    for _ in range(2):
        make_learner().fit(1, callbacks=TensorBoardLog(tmp_path / "tb"), progress=False)
    assert len(list((tmp_path / "tb").iterdir())) == 2


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (KeyboardInterrupt(), "killed KeyboardInterrupt"),
        (RuntimeError("it broke"), "failed RuntimeError: it broke"),
    ],
)
def test_an_error_and_ctrl_c_are_told(
    tmp_path: Path, make_learner: Callable[[], Learner], error: BaseException, end: str
) -> None:
    from learnkit.callback import Callback

    class Fails(Callback):
        def before_step(self, state: Any) -> None:
            if state.progress.batches_done == 3:
                raise error

    log = TensorBoardLog(tmp_path / "tb", every=1)
    with pytest.raises(type(error)):
        make_learner().fit(1, callbacks=[log, Fails()], progress=False)
    assert [step for step, _ in read(tmp_path / "tb")["loss"]] == [1, 2, 3]
    assert texts(tmp_path / "tb", "end") == [end]


def test_without_tensorboard_the_pip_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingExtraError) as caught:
        TensorBoardLog()
    assert str(caught.value) == (
        "TensorBoardLog needs the package tensorboard, which is not installed. "
        'Install it with: pip install "learnkit[tensorboard]"'
    )


def test_a_place_that_cannot_be_written_ends_the_fit_at_its_first_batch(
    tmp_path: Path, make_learner: Callable[[], Learner]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="TensorBoardLog cannot write"):
        make_learner().fit(1, callbacks=TensorBoardLog(tmp_path / "file"), progress=False)


@pytest.mark.parametrize(
    ("every", "error", "message"),
    [
        (0, ValueError, "must be at least 1; got 0. None sends rows only."),
        (1.5, TypeError, "must be a whole number of steps or None; got 1.5."),
        (True, TypeError, "must be a whole number of steps or None; got True."),
    ],
)
def test_every_is_checked(every: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        TensorBoardLog(every=every)
    assert str(caught.value) == f"TensorBoardLog(): every {message}"


def test_a_setting_that_no_log_can_hold_is_named() -> None:
    with pytest.raises(TypeError) as caught:
        TensorBoardLog(config={"model": object()})
    assert str(caught.value) == (
        "TensorBoardLog(): config['model'] must be a text, a number, a bool, None or a list of "
        "numbers, under a name that is a text; got object."
    )
