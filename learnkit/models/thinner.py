"""Take channels out of a plain convolutional net: the one way to make it faster too."""

import torch
from torch import Tensor, nn

from learnkit.errors import ModelError
from learnkit.models.scratch import ScratchModel, cnn
from learnkit.names import checked_keywords


@checked_keywords
def thin(model: nn.Module, amount: float) -> ScratchModel:
    """Return a net of ``models.cnn`` without the channels whose filters are smallest.

    By the sum of absolute weights of each filter (Li et al. 2017, arXiv 1608.08710, section 3.1).
    The result is an ordinary, smaller model: train it on, for what was taken out was used.

    Args:
        model: of ``models.cnn``; it stays as it is.
        amount: the share of each layer's channels to take out, in (0, 1); one always stays.

    Raises:
        ValueError: when ``amount`` is out of range.
        ModelError: for a model of another kind.

    Example:
        >>> from learnkit import models
        >>> thin(models.cnn(10, channels=(8, 16)), 0.5).spec["channels"]
        [4, 8]
    """
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 < amount < 1:
        raise ValueError(f"thin: amount must be above 0 and below 1; got {amount!r}.")
    if not isinstance(model, ScratchModel) or model.spec.get("model") != "convnet":
        raise ModelError(
            f"thin takes a model of models.cnn; got {type(model).__name__}. prune(by='channel') "
            "takes any model with convolutions."
        )
    convs = [layer for layer in model if isinstance(layer, nn.Conv2d)]
    kept = [_largest(conv.weight, amount) for conv in convs]
    spec = model.spec
    made = cnn(
        spec["n_classes"],
        channels=[len(places) for places in kept],
        in_channels=spec["in_channels"],
    )
    made.load_state_dict(_thinned(model, kept))
    return made.train(model.training)


def _largest(weight: Tensor, amount: float) -> Tensor:
    """Return the places of the filters that stay, in their order."""
    sizes = weight.detach().abs().sum((1, 2, 3))
    n = max(1, round(len(sizes) * (1 - amount)))
    return sizes.argsort(descending=True, stable=True)[:n].sort().values


def _thinned(model: ScratchModel, kept: list[Tensor]) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    places = torch.arange(model.spec["in_channels"])  # channels that come into a layer
    left = iter(kept)
    for name, layer in model.named_children():
        own = {f"{name}.{key}": value for key, value in layer.state_dict().items()}
        if isinstance(layer, nn.Conv2d):
            into, places = places, next(left)
            own = {key: value[places][:, into] for key, value in own.items()}
        elif isinstance(layer, nn.BatchNorm2d):
            own = {key: value[places] if value.ndim else value for key, value in own.items()}
        elif isinstance(layer, nn.Linear):
            own[f"{name}.weight"] = layer.weight.detach()[:, places]
        state |= own
    return state
