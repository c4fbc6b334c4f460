"""Momentum under the names that optimizers have for it.

``momentum`` of SGD and its kin, the first of ``betas`` of the Adam family, ``beta1`` of Adafactor;
timm's Muon has two of them. 0 or None is no momentum, and such a group is left alone.
"""

from collections.abc import Mapping
from typing import Any, Final

_NAMES: Final = ("momentum", "betas", "beta1")
_KEPT: Final = "initial_"  # kept in the group, so that a checkpoint of the optimizer holds it


def momentum_of(group: Mapping[str, Any]) -> dict[str, float]:
    """Return the group's momentum by the name it has there; empty where there is none."""
    found = {name: group[name] for name in _NAMES if group.get(name) is not None}
    values = {name: float(v[0] if name == "betas" else v or 0.0) for name, v in found.items()}
    return {name: value for name, value in values.items() if value != 0.0}


def keep_momentum(group: dict[str, Any]) -> None:
    """Remember the group's momentum, unless that was done already."""
    for name, value in momentum_of(group).items():
        group.setdefault(_KEPT + name, value)


def kept_momentum(group: Mapping[str, Any]) -> dict[str, float]:
    """Return what `keep_momentum` remembers."""
    return {name: float(group[_KEPT + name]) for name in _NAMES if _KEPT + name in group}


def set_momentum(group: dict[str, Any], name: str, momentum: float) -> None:
    """Give the group a momentum under this name."""
    group[name] = (momentum, *group[name][1:]) if name == "betas" else momentum


def put_momentum_back(group: dict[str, Any]) -> None:
    """Undo what came since `keep_momentum`."""
    for name, momentum in kept_momentum(group).items():
        set_momentum(group, name, momentum)
        del group[_KEPT + name]
