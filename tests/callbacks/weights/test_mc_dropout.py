"""MCDropout: the mean of several passes, in validation alone."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnkit.callback import Callback
from learnkit.callbacks.weights.mc_dropout import MCDropout
from learnkit.errors import ModelError
from learnkit.learner import Learner
from learnkit.sanity.names import CHECKS
from learnkit.state import Phase, State
from learnkit.testing import tiny_learner
from learnkit.types import Batch


class Passes(nn.Module):
    """Gives these predictions, one after the other."""

    def __init__(self, *preds: Tensor) -> None:
        super().__init__()
        self.drop = nn.Dropout()
        self.preds = list(preds)

    def forward(self, x: Tensor) -> Tensor:
        return self.preds.pop(0)


ONE, TWO = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[-1.0, 0.5], [3.0, 1.0]])


def averaged(y: Tensor, phase: Phase = Phase.VALID, **options: Any) -> Tensor:
    state = State(Passes(TWO))
    state.open_phase(phase, batches=1)
    state.batch = Batch(torch.zeros(2, 1), y)
    state.preds = ONE
    MCDropout(2, **options).after_forward(state)
    return state.preds


def test_class_probabilities_are_averaged() -> None:
    found = averaged(torch.tensor([0, 1]))
    torch.testing.assert_close(found.softmax(1), (ONE.softmax(1) + TWO.softmax(1)) / 2)


def test_probabilities_of_several_labels_are_averaged() -> None:
    expected = (ONE.sigmoid() + TWO.sigmoid()) / 2
    torch.testing.assert_close(averaged(ONE > 0).sigmoid(), expected)
    torch.testing.assert_close(averaged(ONE, average="sigmoid").sigmoid(), expected)


def test_values_are_averaged_as_they_are() -> None:
    torch.testing.assert_close(averaged(torch.zeros(2, 2)), (ONE + TWO) / 2)
    torch.testing.assert_close(averaged(torch.tensor([0, 1]), average="identity"), (ONE + TWO) / 2)


def test_predictions_of_training_are_left_alone() -> None:
    assert averaged(torch.tensor([0, 1]), Phase.TRAIN) is ONE


def test_a_certain_model_stays_finite() -> None:
    sure = torch.tensor([[200.0, -200.0]])
    for y in (torch.tensor([1]), torch.tensor([[True, False]])):
        state = State(Passes(sure))
        state.open_phase(Phase.VALID, batches=1)
        state.batch, state.preds = Batch(torch.zeros(1, 1), y), sure
        MCDropout(2).after_forward(state)
        assert torch.isfinite(state.preds).all()


class Modes(Callback):
    """Note how often the model runs, and what is in training mode."""

    def __init__(self) -> None:
        self.seen: list[tuple[bool, int, bool, bool]] = []
        self.passes = 0

    def before_fit(self, state: State) -> None:
        self.hook = state.model.register_forward_hook(self.count)

    def count(self, *given: Any) -> None:
        self.passes += 1

    def after_loss(self, state: State) -> None:
        norm, drop = state.model[0][1], state.model[1][0]
        self.seen.append((state.training, self.passes, norm.training, drop.training))
        self.passes = 0

    def after_fit(self, state: State) -> None:
        self.hook.remove()


def test_validation_runs_n_times_with_dropout_and_without_the_batch_statistics() -> None:
    modes = Modes()
    tiny_learner().fit(1, callbacks=[MCDropout(5), modes], progress=False)
    assert modes.seen == [(True, 1, True, True)] * 4 + [(False, 5, False, True)] * 2


def test_dropout_is_off_again_when_the_phase_is_over() -> None:
    """So that what a neighbour computes after it is what it always is."""
    seen: list[bool] = []

    class After(Callback):
        def after_phase(self, state: State) -> None:
            seen.append(state.model[1][0].training)

    tiny_learner().fit(1, callbacks=[MCDropout(2), After()], progress=False)
    assert seen == [True, False]


def fitted(*callbacks: Callback) -> tuple[dict[str, Tensor], list[float]]:
    learn = tiny_learner()
    history = learn.fit(2, callbacks=callbacks, progress=False)
    return dict(learn.model.state_dict()), [row["valid_loss"] for row in history]


def test_training_is_what_it_is_without() -> None:
    weights, losses = fitted()
    found, others = fitted(MCDropout(4))
    torch.testing.assert_close(found, weights, rtol=0, atol=0)
    assert others != losses


def test_more_passes_come_nearer_to_the_expected_probabilities() -> None:
    """By the loss: one pass is worse than the mean of many, whose loss moves little."""
    _, one = fitted(MCDropout(1))
    _, many = fitted(MCDropout(100))
    _, more = fitted(MCDropout(200))
    assert abs(many[-1] - more[-1]) < 0.25 * abs(one[-1] - more[-1])


def test_a_batch_in_parts_is_averaged_in_parts() -> None:
    tiny = tiny_learner()
    learn = Learner(tiny.data, tiny.model, device="cpu", micro_batch=2, mute=CHECKS)
    history = learn.fit(1, callbacks=MCDropout(2), progress=False)
    assert math.isfinite(history[-1]["valid_loss"])


def test_it_validates_in_bf16() -> None:
    tiny = tiny_learner()
    learn = Learner(tiny.data, tiny.model, device="cpu", precision="bf16", mute=CHECKS)
    dtypes: list[torch.dtype] = []
    linear = tiny.model[1][1]
    hook = linear.register_forward_hook(lambda module, x, result: dtypes.append(result.dtype))
    learn.fit(1, callbacks=MCDropout(3), progress=False)
    hook.remove()
    assert set(dtypes) == {torch.bfloat16}


def test_a_model_without_dropout_is_refused() -> None:
    tiny = tiny_learner()
    plain = Learner(tiny.data, nn.Linear(4, 2), device="cpu", mute=CHECKS)
    with pytest.raises(ModelError) as caught:
        plain.fit(1, callbacks=MCDropout(), progress=False)
    assert str(caught.value) == (
        "MCDropout needs a model with dropout layers, such as nn.Dropout; this one has none."
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "MCDropout(): n must be a whole number of at least 1, found 0."),
        ({"n": True}, "MCDropout(): n must be a whole number of at least 1, found True."),
        (
            {"average": "sofmax"},
            "MCDropout(): average must be one of softmax, sigmoid, identity, or None; found "
            "'sofmax'. Did you mean 'softmax'?",
        ),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        MCDropout(**options)
    assert str(caught.value) == message
