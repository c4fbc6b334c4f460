"""SWA: the equal mean of the weights at the ends of the last epochs."""

import os
import signal
from typing import Any

import pytest
import torch
from torch import Tensor

from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.callbacks.weights.bn_freeze import BnFreeze
from learnkit.callbacks.weights.swa import SWA
from learnkit.learner import Learner
from learnkit.state import State
from learnkit.testing import tiny_learner
from tests.doubles import double_learner

pytestmark = pytest.mark.usefixtures("no_flushing")


def weights(learn: Learner) -> dict[str, Tensor]:
    return {n: t.clone() for n, t in learn.model.state_dict().items() if t.is_floating_point()}


def steps_of(learn: Learner, epochs: int, *callbacks: Any) -> list[dict[str, Tensor]]:
    """Fit, and return the weights after each step."""
    seen: list[dict[str, Tensor]] = []
    look = LambdaCallback(after_step=lambda state: seen.append(weights(learn)))
    learn.fit(epochs, 0.1, callbacks=[*callbacks, look], progress=False)
    return seen


def assert_mean(learn: Learner, of: list[dict[str, Tensor]]) -> None:
    for name, value in learn.model.named_parameters():
        expected = torch.stack([one[name] for one in of]).mean(0)
        torch.testing.assert_close(value, expected, rtol=0, atol=1e-10, msg=name)


@pytest.mark.parametrize("valid", [True, False])
def test_the_model_ends_with_the_mean_of_the_last_epochs(valid: bool) -> None:
    learn, swa = double_learner(norm=True, valid=valid), SWA(start=0.5)
    seen = steps_of(learn, 4, swa)  # of 4 steps
    assert swa.count == 3
    assert_mean(learn, [seen[7], seen[11], seen[15]])


def test_weights_may_be_taken_every_few_steps() -> None:
    learn, swa = double_learner(), SWA(start=0.5, every=2)
    seen = steps_of(learn, 2, swa)
    assert swa.count == 2  # from step 4 on, its second and fourth
    assert_mean(learn, [seen[4], seen[6]])


def test_before_the_start_validation_is_of_the_models_own_weights() -> None:
    plain, learn = tiny_learner(), tiny_learner()
    steps_of(plain, 4)
    steps_of(learn, 4, SWA(start=0.75))
    pairs = list(zip(plain.history, learn.history, strict=True))
    same = [a["valid_loss"] == b["valid_loss"] for a, b in pairs]
    assert same == [True, True, False, False]  # statistics of one more pass
    assert [a["train_loss"] for a, _ in pairs] == [b["train_loss"] for _, b in pairs]
    assert learn.validate()["valid_loss"] == learn.history[-1]["valid_loss"]


def test_statistics_of_norms_are_those_of_one_more_pass_as_torchs_update_bn() -> None:
    batches: list[Tensor] = []
    epoch = LambdaCallback(
        before_epoch=lambda state: batches.clear(),
        before_batch=lambda state: batches.append(state.batch.x) if state.training else None,
    )
    learn = tiny_learner()
    learn.fit(3, 0.1, callbacks=[SWA(start=0.3), epoch], progress=False)
    found = weights(learn)
    torch.optim.swa_utils.update_bn(batches, learn.model)
    for name, value in weights(learn).items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-6, msg=name)


def test_a_norm_that_is_frozen_keeps_its_statistics() -> None:
    learn = tiny_learner().freeze()
    before = weights(learn)
    learn.fit(3, 0.1, callbacks=SWA(start=0.3), progress=False)
    after = weights(learn)
    kept = [name for name in before if torch.equal(before[name], after[name])]
    assert "0.1.running_mean" in kept
    assert "1.1.weight" not in kept


def test_a_fit_that_ends_before_the_start_keeps_its_weights() -> None:
    plain, learn, swa = tiny_learner(), tiny_learner(), SWA(start=0.9)
    stop = LambdaCallback(after_step=lambda state: state.stop("enough"))
    steps_of(plain, 1, stop)
    steps_of(learn, 1, swa, stop)
    assert swa.count == 0
    for name, value in weights(plain).items():
        assert torch.equal(value, weights(learn)[name])


def test_an_option_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        SWA(1.5)
    assert str(caught.value) == "SWA(): start must be a fraction in [0, 1], found 1.5."
    with pytest.raises(ValueError) as caught:
        SWA(every="epochs")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "SWA(): every must be \"epoch\" or a whole number of steps of at least 1, found 'epochs'."
    )


@pytest.mark.parametrize("order", [1, -1])
def test_statistics_that_are_frozen_stay_with_the_callback_in_any_place(order: int) -> None:
    learn = tiny_learner()
    before = {name: t.clone() for name, t in learn.model.named_buffers()}
    callbacks = [BnFreeze(head=True), SWA(0.0)][::order]
    learn.fit(2, 0.1, callbacks=callbacks, progress=False)
    for name, value in learn.model.named_buffers():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("momentum", [0.1, None])
def test_what_norms_have_counted_in_training_is_not_changed(momentum: float | None) -> None:
    found = []
    for swa in ([], [SWA(0.0)]):
        learn = tiny_learner()
        learn.model[0][1].momentum = momentum
        seen: list[Tensor] = []
        look = LambdaCallback(
            after_step=lambda s, seen=seen: seen.extend(t.clone() for t in s.model.buffers())
        )
        learn.fit(3, 0.1, callbacks=[look, *swa], progress=False)
        found.append(seen)
    assert len(found[0]) == 36
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_after_ctrl_c_no_batch_is_computed_for_a_mean_that_goes_away() -> None:
    learn, calls = tiny_learner(), [0]
    sent = []

    def send(state: State) -> None:
        if state.training and state.progress.batches_seen == 6:
            sent.append(os.kill(os.getpid(), signal.SIGINT))

    learn.model.register_forward_hook(lambda *_: calls.append(len(sent)))
    callbacks = [LambdaCallback(before_batch=send), SWA(0.0)]
    with pytest.raises(KeyboardInterrupt):
        learn.fit(3, 0.1, callbacks=callbacks, progress=False)
    assert sum(calls) == 1  # the batch itself


def test_a_stop_amid_training_ends_with_the_mean_and_its_statistics() -> None:
    learn, batches = tiny_learner(), []

    def look(state: State) -> None:
        if state.training and state.progress.epochs_done == 1:
            batches.append(state.batch.x)

    def stop(state: State) -> None:
        if state.progress.steps_done == 7:
            state.stop("enough")

    other = LambdaCallback(before_batch=look, after_step=stop)
    learn.fit(3, 0.1, callbacks=[SWA(0.0, every=1), other], progress=False)
    assert learn.history.stop_reason == "enough"
    norm = learn.model[0][1]
    assert int(norm.num_batches_tracked) == 4  # a whole pass, though training had 3
    assert len(batches) == 3
