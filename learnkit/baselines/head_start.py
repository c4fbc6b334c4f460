"""Let a head start from a linear probe, where the head is nothing but a linear layer."""

import torch
from torch import nn

from learnkit.baselines.features import Tap
from learnkit.baselines.probe import Probe
from learnkit.errors import ModelError


def linear_to_start(tap: Tap, model: nn.Module) -> nn.Linear:
    """Return the layer that a probe can be put into.

    Raises:
        ModelError: when the head has other weights besides one linear layer with a bias.
    """
    linear = tap.linear
    # torch's own annotation does not know that a bias may be None
    if linear is not None and "bias" in dict(linear.named_parameters()):
        return linear
    what = "this model has more layers" if tap.raw else "this head has other layers"
    if linear is not None:
        what = "the linear layer of this head has none"
    raise ModelError(
        f"baselines(init_head=True): a probe is one linear layer with a bias, and {what} "
        f"({type(model).__name__}). It fits a head of pooling and one linear layer: "
        'cnn_learner(..., head="plain"), or models.plain_head, or models.linear for numbers.'
    )


def start_head(linear: nn.Linear, probe: Probe) -> None:
    """Copy a probe into a linear layer, in the layer's own type.

    Raises:
        ModelError: when their shapes differ.
    """
    if linear.weight.shape != probe.weight.shape:
        raise ModelError(
            f"baselines(init_head=True): the probe gives {len(probe.weight)} outputs from "
            f"{probe.weight.shape[1]} features, but the head's linear layer gives "
            f"{linear.out_features} from {linear.in_features}."
        )
    with torch.no_grad():
        linear.weight.copy_(probe.weight)
        linear.bias.copy_(probe.bias)
