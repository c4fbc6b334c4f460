"""GradientClip: the norm of all gradients together, or each value."""

import math
from typing import Any

import pytest
import torch

from learnkit.callbacks.gradients.gradient_clip import GradientClip


def gradients(state: Any) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in state.model.parameters() if p.grad is not None])


def set_gradients(state: Any, value: float) -> None:
    for parameter in state.model.parameters():
        parameter.grad = torch.full_like(parameter, value)


def test_the_common_norm_is_scaled_down(make_state: Any) -> None:
    """8 gradients of 3 have norm 3 * sqrt(8); clipped to 1, each is 1 / sqrt(8)."""
    state = make_state()
    set_gradients(state, 3.0)
    GradientClip(1.0).before_step(state)
    torch.testing.assert_close(gradients(state), torch.full((8,), 1 / math.sqrt(8)))


def test_a_norm_below_the_limit_is_left_alone(make_state: Any) -> None:
    state = make_state()
    set_gradients(state, 0.125)
    GradientClip(1.0).before_step(state)
    assert gradients(state).tolist() == [0.125] * 8


def test_values_are_clamped(make_state: Any) -> None:
    state = make_state()
    set_gradients(state, -3.0)
    state.model.bias.grad.fill_(0.25)
    GradientClip(value=0.5).before_step(state)
    assert gradients(state).tolist() == [-0.5] * 6 + [0.25] * 2


@pytest.mark.parametrize("callback", [GradientClip(1.0), GradientClip(value=1.0)])
def test_parameters_without_a_gradient_are_left_alone(
    make_state: Any, callback: GradientClip
) -> None:
    state = make_state()
    callback.before_step(state)
    state.model.bias.grad = torch.full((2,), 8.0)
    callback.before_step(state)
    assert state.model.weight.grad is None
    assert state.model.bias.grad.max() <= 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {},
            "GradientClip() takes either max_norm or value, found max_norm=None and value=None.",
        ),
        (
            {"max_norm": 1.0, "value": 0.5},
            "GradientClip() takes either max_norm or value, found max_norm=1.0 and value=0.5.",
        ),
        ({"max_norm": 0.0}, "GradientClip(): max_norm must be a number above 0, found 0.0."),
        ({"value": -1}, "GradientClip(): value must be a number above 0, found -1."),
        ({"max_norm": "1"}, "GradientClip(): max_norm must be a number above 0, found '1'."),
        ({"max_norm": math.nan}, "GradientClip(): max_norm must be a number above 0, found nan."),
    ],
)
def test_exactly_one_positive_limit_is_needed(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        GradientClip(**options)
    assert str(caught.value) == message
