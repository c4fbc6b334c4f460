"""AdaptiveGradientClip: each unit's gradient beside the norm of its weights."""

from typing import Any

import pytest
import torch
from torch import nn

from learnkit.callbacks.gradients.adaptive_gradient_clip import AdaptiveGradientClip
from learnkit.state import State

pytestmark = pytest.mark.usefixtures("no_flushing")


def clipped(callback: AdaptiveGradientClip) -> list[list[list[float]]]:
    """Return gradients of two layers; units have norm 5 and 0, their gradients 10 and 1."""
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False), nn.Tanh())
    for parameter in model.parameters():
        parameter.data = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
        parameter.grad = torch.tensor([[6.0, 8.0], [0.6, 0.8]])
    state = State(model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    callback.before_fit(state)
    callback.before_step(state)
    callback.after_fit(state)
    return [p.grad.tolist() for p in model.parameters() if p.grad is not None]


def test_a_unit_is_clipped_to_a_fraction_of_its_weights_norm() -> None:
    """Equation 3 by hand: 10 to 0.1 * 5, and 1 to 0.1 * eps, as the weights are 0."""
    first, last = clipped(AdaptiveGradientClip(0.1, eps=0.5))
    assert first == [pytest.approx([0.3, 0.4]), pytest.approx([0.03, 0.04])]
    assert last == [pytest.approx([6.0, 8.0]), pytest.approx([0.6, 0.8])]  # is left out


def test_the_last_layer_is_clipped_when_it_is_asked_for() -> None:
    first, last = clipped(AdaptiveGradientClip(0.1, eps=0.5, last=True))
    assert first == last


def test_small_gradients_stay_what_they_are() -> None:
    first, _ = clipped(AdaptiveGradientClip(10.0, eps=0.5))
    assert first == [pytest.approx([6.0, 8.0]), pytest.approx([0.6, 0.8])]


@pytest.mark.parametrize(("options", "name"), [({"factor": 0}, "factor"), ({"eps": -1}, "eps")])
def test_an_option_out_of_range_is_refused(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError) as caught:
        AdaptiveGradientClip(**options)
    assert str(caught.value) == (
        f"AdaptiveGradientClip(): {name} must be a number above 0, found {options[name]}."
    )
