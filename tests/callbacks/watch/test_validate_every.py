"""ValidateEvery: rows inside an epoch, and no trace."""

import pytest

from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.callbacks.watch.validate_every import ValidateEvery
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner
from learnkit.state import State
from learnkit.testing import tiny_learner

pytestmark = pytest.mark.usefixtures("no_flushing")


def test_there_is_a_row_every_few_steps(capsys: pytest.CaptureFixture[str]) -> None:
    learn, callback = tiny_learner(), ValidateEvery(3)
    learn.fit(2, 0.1, callbacks=callback)
    assert [row["step"] for row in callback.rows] == [3, 6]
    assert [*callback.rows[0]] == ["step", "valid_loss", "accuracy"]
    lines = [
        f"step {row['step']}: valid_loss {row['valid_loss']:.4f}  accuracy {row['accuracy']:.4f}"
        for row in callback.rows
    ]
    shown = capsys.readouterr().out.splitlines()
    assert [line for line in shown if line.startswith("step ")] == lines


def test_the_numbers_are_those_of_the_epochs_end(capsys: pytest.CaptureFixture[str]) -> None:
    learn, callback = tiny_learner(), ValidateEvery(4)
    history = learn.fit(2, 0.1, callbacks=callback, progress=False)
    assert [row["valid_loss"] for row in callback.rows] == [row["valid_loss"] for row in history]
    assert capsys.readouterr().out == ""


def test_a_second_fit_begins_anew() -> None:
    learn, callback = tiny_learner(), ValidateEvery(4)
    for _ in range(2):
        learn.fit(1, 0.1, callbacks=callback, progress=False)
        assert [row["step"] for row in callback.rows] == [4]


def test_training_goes_on_in_its_mode() -> None:
    modes: list[bool] = []

    def look(state: State) -> None:
        modes.append(all(module.training for module in state.model.modules()))

    after = LambdaCallback(after_step=look)
    given = [ValidateEvery(1), after]
    tiny_learner().fit(1, 0.1, callbacks=given, progress=False)
    assert modes == [True] * 4


def test_data_without_validation_is_refused() -> None:
    given = tiny_learner()
    learn = Learner(
        DataBunch.from_dls(given.data.train_dl, classes=[0, 1]), given.model, device="cpu"
    )
    with pytest.raises(ValueError) as caught:
        learn.fit(1, 0.1, callbacks=ValidateEvery(1), progress=False)
    assert str(caught.value) == (
        "ValidateEvery() needs validation samples, and the data has none; split some off, as with "
        "valid_pct=0.2, or leave the callback out."
    )


def test_an_option_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        ValidateEvery(0)
    assert str(caught.value) == (
        "ValidateEvery(): steps must be a whole number of at least 1, found 0."
    )
