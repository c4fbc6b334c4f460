"""What a callback can see of the settings of a fit, as plain values."""

import math
from collections.abc import Mapping
from typing import TypeAlias

import torch

from learnkit.state import State
from learnkit.version import __version__

Setting: TypeAlias = str | int | float | bool | list[float] | None
Settings: TypeAlias = dict[str, Setting]


def fit_settings(state: State) -> Settings:
    """Return the settings of a fit that has begun: model, data, optimizer, lengths, versions.

    Rates are the peaks, which the schedule multiplies, from the first layer group to the last.
    """
    groups = state.optimizer.param_groups
    parameters = list(state.model.parameters())
    found: Settings = {
        "model": type(state.model).__name__,
        "layers": sum(1 for module in state.model.modules() if not list(module.children())),
        "weights": sum(p.numel() for p in parameters),
        "weights_trained": sum(p.numel() for p in parameters if p.requires_grad),
        "optimizer": type(state.optimizer).__name__,
        "lr": [float(group.get("initial_lr", group["lr"])) for group in groups],
        "weight_decay": [float(group.get("weight_decay", 0.0)) for group in groups],
        "epochs": state.progress.epochs_planned,
        "steps": state.progress.steps_planned,
        "epochs_before": state.progress.epochs_before,
        "device": str(state.device),
        "columns": ", ".join(state.metric_names),
    }
    if state.train_dl is not None:
        found |= {
            "batch_size": state.train_dl.batch_size,
            "train_samples": state.train_dl.n_samples,
        }
        # most loaders of learnkit have one, and the protocol asks for none
        seed = getattr(state.train_dl, "seed", None)
        found |= {"seed": seed} if isinstance(seed, int) else {}
    if state.valid_dl is not None:
        found["valid_samples"] = state.valid_dl.n_samples
    return found | {"torch": str(torch.__version__), "learnkit": __version__}


def with_config(settings: Settings, config: Mapping[str, Setting]) -> Settings:
    """Return the settings of a fit and a user's; what the fit has too is ``config.NAME``."""
    return settings | {f"config.{n}" if n in settings else n: v for n, v in config.items()}


def plain_config(config: Mapping[str, object] | None, *, owner: str) -> dict[str, Setting]:
    """Return a copy of the settings that a user gave.

    Raises:
        TypeError: naming the one that is no text, number, bool, None or list of numbers.
        ValueError: naming the one that is NaN or infinite, for which JSON has no word.
    """
    found: dict[str, Setting] = {}
    for name, value in (config or {}).items():
        if isinstance(name, str) and (value is None or isinstance(value, str | int | float | bool)):
            found[name] = value
        elif isinstance(value, list | tuple) and all(isinstance(v, int | float) for v in value):
            found[name] = [float(v) for v in value]
        else:
            raise TypeError(
                f"{owner}(): config[{name!r}] must be a text, a number, a bool, None or a list of "
                f"numbers, under a name that is a text; got {type(value).__name__}."
            )
        numbers = value if isinstance(value, list | tuple) else [value]
        if any(isinstance(v, float) and not math.isfinite(v) for v in numbers):
            raise ValueError(
                f"{owner}(): config[{name!r}] must be finite, as JSON has no word for other "
                f"numbers; found {value!r}. Give a text or None."
            )
    return found
