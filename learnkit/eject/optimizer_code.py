"""Layer groups, decay groups, what trains and the optimizer, as code."""

import inspect
from collections.abc import Sequence, Set
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.optim import Optimizer

from learnkit.eject.kept import KeptFit
from learnkit.eject.values import literal
from learnkit.errors import ExportError
from learnkit.models.freeze import BATCH_NORMS, NORMS

Layers = list[tuple[str, ...]]
_OF_A_GROUP = ("params", "layer", "decayed", "lr", "weight_decay", "momentum", "betas")


class Trained(NamedTuple):
    """Which parameters train.

    Attributes:
        first: the first layer group that does.
        norms: what holds for norm layers besides: None nothing, True that all train, False that
            BatchNorm outside the last group does not.
        names: or the parameters' names, where they follow no rule.
    """

    first: int = 0
    norms: bool | None = None
    names: tuple[str, ...] = ()


def layers_of(model: nn.Module, fit: KeptFit) -> Layers:
    """Return the beginnings of the parameters' names of each layer group.

    Raises:
        ExportError: when the optimizer's groups are not these, split by decay.
    """
    found: list[tuple[int, bool, tuple[str, ...]]] = [
        (group.get("layer", -1), group.get("decayed", True), group["params"])
        for group in fit.groups
    ]
    n = max(layer for layer, _, _ in found) + 1
    members = [
        {name for layer, _, names in found if layer == i for name in names} for i in range(n)
    ]
    layers = [tuple(_cover(model, "", names)) for names in members]
    expected = [
        (number, decayed, names)
        for number, layer in enumerate(layers)
        for decayed in (True, False)
        if (names := _of_layer(model, layer, decayed))
    ]
    if not all(layers) or found != expected:
        raise ExportError(
            "The optimizer's groups are not the layer groups split by decay, as learnkit makes "
            "them. eject writes these alone: leave the optimizer's groups as they are."
        )
    return layers


def _of_layer(model: nn.Module, layer: tuple[str, ...], decayed: bool) -> tuple[str, ...]:
    named = model.named_parameters()
    return tuple(n for n, p in named if n.startswith(layer) and (p.ndim > 1) is decayed)


def _cover(module: nn.Module, prefix: str, names: Set[str]) -> list[str]:
    """Return the fewest beginnings of names that fit ``names`` and no other parameter."""
    inside = {prefix + name for name, _ in module.named_parameters()}
    if inside and inside <= names:
        return [prefix]
    found = [prefix + name for name in dict(module.named_parameters(recurse=False))]
    result = [name for name in found if name in names]
    for name, child in module.named_children():
        result += _cover(child, f"{prefix}{name}.", names)
    return result


def trained_of(model: nn.Module, layers: Layers, fit: KeptFit) -> Trained:
    """Return the rule by which parameters trained in a fit, or their names."""
    for norms in (None, False, True):
        for first in range(len(layers) + 1):
            if trained_names(model, layers, first, norms) == fit.trained:
                return Trained(first, norms)
    return Trained(names=tuple(sorted(fit.trained)))


def trained_names(
    model: nn.Module, layers: Layers, first: int, norms: bool | None
) -> frozenset[str]:
    """Return what trains by a rule; see `Trained`."""
    kinds = NORMS if norms else BATCH_NORMS
    special = {
        f"{place}.{name}" if place else name
        for place, module in model.named_modules()
        if isinstance(module, kinds)
        for name, _ in module.named_parameters(recurse=False)
    }
    last = layers[-1]
    names = {name for name, _ in model.named_parameters()}
    later = tuple(beginning for layer in layers[first:] for beginning in layer)
    chosen = {name for name in names if later and name.startswith(later)}
    if norms is True:
        chosen |= special
    elif norms is False:
        chosen -= {name for name in special if not name.startswith(last)}
    return frozenset(chosen)


def optimizer_code(optimizer: Optimizer) -> str:
    """Return the constructor call of an optimizer of torch, for ``groups``.

    Raises:
        ExportError: for any other, or one whose settings cannot be told.
    """
    cls = type(optimizer)
    name = cls.__name__
    if getattr(torch.optim, name, None) is not cls or cls is torch.optim.LBFGS:
        shown = {"LBFGS": "L-BFGS", "MuonAndAdamW": "Muon"}.get(name, name)
        raise ExportError(
            "eject writes the optimizers of torch.optim but L-BFGS and Muon, and this learner has "
            f"{shown}. Train with one of these, such as opt_func=learnkit.sgd."
        )
    given: dict[str, Any] = {}
    for word, parameter in inspect.signature(cls.__init__).parameters.items():
        if word in ("self", "params"):
            continue
        value = optimizer.defaults.get(word, parameter.default)
        if not _equal(value, parameter.default):
            given[word] = value
    words = ", ".join(f"{word}={literal(value)}" for word, value in given.items())
    odd = [word for word, value in given.items() if literal(value) is None]
    made = cls([nn.Parameter(torch.zeros(1))], **given)
    odd += [k for k, v in optimizer.defaults.items() if not _equal(made.defaults.get(k), v)]
    if odd:
        raise ExportError(
            f"The optimizer's setting {odd[0]!r} is none that eject can write as an argument of "
            f"torch.optim.{name}. Give plain numbers, which its constructor takes."
        )
    _check_groups(optimizer)
    return f"torch.optim.{name}(groups{', ' if words else ''}{words})"


def _equal(one: object, other: object) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one, other)
    return type(one) is type(other) and one == other


def _check_groups(optimizer: Optimizer) -> None:
    for group in optimizer.param_groups:
        for name, value in group.items():
            default = optimizer.defaults.get(name, value)
            odd = name in ("momentum", "betas") or name not in _OF_A_GROUP
            if odd and not name.startswith("initial_") and not _equal(value, default):
                raise ExportError(
                    f"A group of the optimizer has {name}={value!r}, where the others have "
                    f"{default!r}. eject writes one setting for all groups, but for rate and decay."
                )


def rates_of(fit: KeptFit, n_layers: int) -> list[float]:
    """Return the peak rate of each layer group in a fit."""
    by_layer = {group["layer"]: float(group["lr"]) for group in fit.groups}
    return [by_layer[layer] for layer in range(n_layers)]


def has_momentum(optimizer: Optimizer) -> str | None:
    """Return the name under which the optimizer has a momentum; None where it has none."""
    from learnkit.optim import momentum_of

    names: Sequence[str] = list(momentum_of(optimizer.param_groups[0]))
    return names[0] if names else None
