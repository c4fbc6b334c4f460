"""DropoutSchedule: the rates of each step, and back to what they were."""

import os
import signal
from typing import Any

import pytest
from torch import nn

from learnkit.callback import Callback
from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.callbacks.weights.dropout_schedule import DropoutSchedule
from learnkit.callbacks.weights.mc_dropout import MCDropout
from learnkit.learner import Learner
from learnkit.testing import tiny_learner

pytestmark = pytest.mark.usefixtures("no_flushing")


def rate(learn: Learner) -> float:
    return next(m.p for m in learn.model.modules() if isinstance(m, nn.Dropout))


def test_each_step_has_its_rate_and_the_fit_leaves_the_layers_own() -> None:
    learn, seen = tiny_learner(), []
    look = LambdaCallback(after_step=lambda state: seen.append(rate(learn)))
    learn.fit(1, 0.1, callbacks=[DropoutSchedule(lambda done: 2 * done), look], progress=False)
    assert seen == [0.0, 0.1, 0.2, pytest.approx(0.3)]
    assert rate(learn) == 0.2


def test_the_rates_are_put_back_after_an_error() -> None:
    learn = tiny_learner()

    def fail(state: Any) -> None:
        raise ZeroDivisionError

    callbacks = [DropoutSchedule(lambda done: 0.5), LambdaCallback(after_step=fail)]
    with pytest.raises(ZeroDivisionError):
        learn.fit(1, callbacks=callbacks, progress=False)
    assert rate(learn) == 0.2


def test_a_rate_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError) as caught:
        tiny_learner().fit(1, callbacks=DropoutSchedule(lambda done: 6.0), progress=False)
    assert str(caught.value) == (
        "DropoutSchedule(): the schedule gives 6 at 0 of the fit, and 6 times the layer's 0.2 is "
        "no rate in [0, 1]."
    )


def test_a_model_without_dropout_is_refused(make_state: Any) -> None:
    with pytest.raises(ValueError) as caught:
        DropoutSchedule(lambda done: done).before_fit(make_state())
    assert str(caught.value) == (
        "DropoutSchedule(): Linear has no dropout layer, so there is nothing to change; leave the "
        "callback out or add nn.Dropout to the model."
    )


def test_a_number_in_place_of_a_schedule_is_refused() -> None:
    with pytest.raises(TypeError) as caught:
        DropoutSchedule(0.5)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "DropoutSchedule() takes a function of the fraction done, found 0.5; a fixed multiplier is "
        "lambda done: 0.5."
    )


def test_a_fit_that_goes_on_in_its_validation_has_the_rates_of_the_one_that_did_not_stop(
    tmp_path: Any,
) -> None:
    def fit(*more: Callback, **options: Any) -> float:
        callbacks = [MCDropout(2), DropoutSchedule(lambda done: done), *more]
        history = tiny_learner().fit(1, 0.1, callbacks=callbacks, progress=False, **options)
        return history[-1]["valid_loss"]

    saved = {"checkpoint": tmp_path / "ck", "every_steps": 1}
    send = LambdaCallback(after_forward=_send_in_validation, looks_on=True)
    with pytest.raises(KeyboardInterrupt):
        fit(send, **saved)
    assert fit(**saved) == fit()


def _send_in_validation(state: Any) -> None:
    if not state.training and state.progress.batches_done == 0:
        os.kill(os.getpid(), signal.SIGINT)
