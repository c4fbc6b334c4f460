"""TerminateOnNaN: what is no longer finite is named."""

from typing import Any

import pytest
import torch

from learnkit.callbacks.stop.terminate_on_nan import TerminateOnNaN
from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.errors import NonFiniteLossError
from learnkit.state import State
from learnkit.testing import tiny_learner

pytestmark = pytest.mark.usefixtures("no_flushing")

ADVICE = " Try a lower learning rate, callbacks=GradientClip(1.0) or precision='fp32'."


def error_of(spoil: LambdaCallback, callback: TerminateOnNaN) -> NonFiniteLossError:
    with pytest.raises(NonFiniteLossError) as caught:
        tiny_learner().fit(2, 0.1, callbacks=[spoil, callback], progress=False)
    return caught.value


def spoil_gradients(state: State) -> None:
    if state.progress.steps_done == 2:
        for parameter in list(state.model.parameters())[:2]:
            parameter.grad = torch.full_like(parameter, torch.inf)


def spoil_weights(state: State) -> None:
    if state.progress.steps_done == 2:
        with torch.no_grad():
            next(state.model.parameters())[0, 0] = torch.nan


def test_a_gradient_is_named_before_the_step() -> None:
    error = error_of(LambdaCallback(before_step=spoil_gradients), TerminateOnNaN(every=1))
    assert str(error) == (
        "TerminateOnNaN: the gradient 0.0.weight and of 1 more is NaN or infinite in epoch 1, "
        "step 2, at lr 0.1." + ADVICE
    )
    assert error.step == 2


def test_a_weight_is_named_after_the_step() -> None:
    error = error_of(LambdaCallback(after_step=spoil_weights), TerminateOnNaN(every=1))
    assert str(error).startswith("TerminateOnNaN: the weight 0.0.weight is NaN or infinite")


def test_a_number_of_the_table_is_named() -> None:
    spoil = LambdaCallback(after_phase=lambda state: state.metrics.update(valid_loss=torch.inf))
    error = error_of(spoil, TerminateOnNaN("metrics"))
    assert str(error).startswith("TerminateOnNaN: the epoch's number valid_loss is NaN or infinite")


def test_what_is_not_looked_at_does_not_matter() -> None:
    spoil = LambdaCallback(before_step=spoil_gradients)
    callback = TerminateOnNaN(["metrics"])
    with pytest.raises(NonFiniteLossError) as caught:  # by the loop, at the next loss
        tiny_learner().fit(1, 0.1, callbacks=[spoil, callback], progress=False)
    assert not str(caught.value).startswith("TerminateOnNaN")


def test_between_two_looks_nothing_is_seen() -> None:
    spoil = LambdaCallback(before_step=spoil_gradients)
    with pytest.raises(NonFiniteLossError) as caught:
        tiny_learner().fit(1, 0.1, callbacks=[spoil, TerminateOnNaN(every=4)], progress=False)
    assert not str(caught.value).startswith("TerminateOnNaN")


def test_infinite_gradients_of_fp16_are_the_loss_scalers_business(make_state: Any) -> None:
    state = make_state()
    state.precision = "fp16"
    state.progress.steps_done = 2
    spoil_gradients(state)
    TerminateOnNaN(every=1).before_step(state)


def test_an_option_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        TerminateOnNaN(["gradient"])  # type: ignore[list-item]
    assert str(caught.value) == (
        "TerminateOnNaN(): look_at takes any of gradients, weights, metrics; found ['gradient']. "
        "Did you mean 'gradients'? The loss is looked at anyway."
    )
    with pytest.raises(ValueError) as caught:
        TerminateOnNaN(every=0)
    assert str(caught.value) == (
        "TerminateOnNaN(): every must be a whole number of steps of at least 1, found 0."
    )


@pytest.mark.parametrize("training", [True, False])
def test_a_phase_that_was_stopped_before_its_first_batch_is_no_error(training: bool) -> None:
    def stop(state: State) -> None:
        if state.training is training and state.progress.epochs_done == 1:
            state.stop("enough")

    callbacks = [LambdaCallback(before_phase=stop), TerminateOnNaN()]
    history = tiny_learner().fit(3, 0.1, callbacks=callbacks, progress=False)
    assert history.stop_reason == "enough"
