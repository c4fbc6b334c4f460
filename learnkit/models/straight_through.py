"""Weights that count as signs while a model trains, and are learned as the numbers behind them."""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from learnkit.models.packings import binary_of


class BinaryWeight(nn.Module):
    """Gives `binary_of` a weight, and hands its gradient straight through to the weight.

    Courbariaux, Bengio and David 2015, arXiv 1511.00363, algorithm 1, with the scale of Rastegari
    et al. 2016, arXiv 1603.05279. A weight beyond -1 or 1 gets no gradient, where the first paper
    cuts it off.
    """

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight of two values by channel."""
        within = weight.clamp(-1, 1)
        return within + (binary_of(weight) - within).detach()


def weighted_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Return the linear and convolution layers of a model by name, in their order."""
    kinds = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, kinds)}


def be_binary(layer: nn.Module) -> None:
    """Let a layer compute with binary weights from here on; its own stay behind them."""
    if not parametrize.is_parametrized(layer, "weight"):
        parametrize.register_parametrization(layer, "weight", BinaryWeight())


def is_binary(layer: nn.Module) -> bool:
    """Whether a layer computes with binary weights."""
    if not parametrize.is_parametrized(layer, "weight"):
        return False
    chain = layer.parametrizations.weight  # type: ignore[union-attr]
    return any(isinstance(step, BinaryWeight) for step in chain)  # type: ignore[union-attr]


def plain_state(model: nn.Module, names: list[str]) -> dict[str, Tensor]:
    """Return tensors by the names that the architecture has without any reparametrisation.

    A binary weight is the number behind it, a pruned one is 0 where it was cut.

    Raises:
        KeyError: for a name that the model does not have.
    """
    state = model.state_dict()
    found: dict[str, Tensor] = {}
    for name in names:
        module, _, leaf = name.rpartition(".")
        inner = f"{module}.parametrizations.{leaf}.original".lstrip(".")
        if name in state:
            found[name] = state[name]
        elif inner in state:
            found[name] = state[inner]
        else:
            found[name] = state[f"{name}_orig"] * state[f"{name}_mask"]
    return {name: value.detach().cpu() for name, value in found.items()}


def weights_of(model: nn.Module) -> set[str]:
    """Return the names of weights that are binary in the model."""
    layers = weighted_layers(model)
    return {f"{name}.weight".lstrip(".") for name, layer in layers.items() if is_binary(layer)}


def finite(weights: dict[str, Tensor]) -> list[str]:
    """Return the names of tensors that hold NaN or infinity."""
    return [name for name, value in weights.items() if not torch.isfinite(value).all()]
