"""Optimizers of timm by their names: ``opt("lion")``. timm is imported when one is asked for."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn
from torch.optim import Optimizer

from learnkit.errors import MissingExtraError
from learnkit.names import did_you_mean, nearest
from learnkit.signals import import_whole
from learnkit.types import ParamGroup

_LOOKAHEAD: Final = "lookahead_"
_OF_THE_FIT: Final = ("lr", "weight_decay")
_RATE: Final = 1e-3  # until the fit sets its own; without one Adafactor would choose for itself


@dataclass(frozen=True, slots=True)
class NamedOptimizer:
    """A factory for ``opt_func``, made by `opt`; it can be compared, printed and pickled."""

    name: str
    options: tuple[tuple[str, Any], ...] = ()

    def __call__(self, groups: Sequence[ParamGroup], /) -> Optimizer:
        """Build the optimizer over ``groups``."""
        if "muon" in self.name:
            groups = _with_fallback(groups)
        made: Optimizer = _timm().create_optimizer_v2(
            list(groups), opt=self.name, lr=_RATE, **dict(self.options)
        )
        return made

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options)
        return f"opt({self.name!r}{options})"


def opt(name: str, **options: Any) -> NamedOptimizer:
    """Return an optimizer of timm for ``opt_func``, such as ``opt("lion", betas=(0.9, 0.98))``.

    Lion, Adan, LAMB, MADGRAD, Kron, Muon, Adafactor and some eighty more, see
    ``timm.optim.list_optimizers()``. ``lookahead_`` before a name takes k steps forward and one
    back (Zhang et al. 2019, arXiv 1907.08610). Rate and decay are the fit's; which parameters
    decay is said by learnkit's groups, timm's own filter takes no part.

    Args:
        name: as in timm, in small letters.
        options: of the optimizer's class, but for ``lr`` and ``weight_decay``.

    Raises:
        ValueError: when timm has no such optimizer, or it cannot be used here.
        TypeError: when it has no such option; both name the nearest.
        MissingExtraError: when timm is not installed, or is older than 1.0.12.
    """
    if not isinstance(name, str):
        raise TypeError(f'opt() takes the name of a timm optimizer, such as "lion"; got {name!r}.')
    base = name.removeprefix(_LOOKAHEAD)
    names = _timm().list_optimizers()
    if base not in names:
        hint = did_you_mean(base, names) or " timm.optim.list_optimizers() lists them."
        raise ValueError(f"opt({name!r}): timm has no optimizer of this name.{hint}")
    _check_options(name, base, options)
    made = NamedOptimizer(name, tuple(sorted(options.items())))
    try:
        made([{"params": [nn.Parameter(torch.zeros(2, 2))], "layer": 0, "decayed": True}])
    except (ValueError, TypeError, AssertionError, ImportError) as error:
        raise ValueError(f"{made} cannot be built here: {error}") from error
    return made


def _check_options(name: str, base: str, options: Mapping[str, Any]) -> None:
    """Raise when the optimizer does not take an option; timm drops some without a word."""
    info = _timm().get_optimizer_info(base)
    if info.second_order:
        raise ValueError(
            f"opt({name!r}): it needs gradients of gradients, which a fit does not compute."
        )
    for word in _OF_THE_FIT:
        if word in options:
            raise TypeError(f"opt({name!r}): {word} is an argument of fit, not of the optimizer.")
    made_by = info.opt_class
    if isinstance(made_by, str):  # of a package that may not be there
        return
    known = [p for p in inspect.signature(made_by).parameters if p not in ("params", *_OF_THE_FIT)]
    for word in options:
        if word not in known:
            closest = nearest(word, known, cutoff=0.5)
            hint = f"Did you mean {closest!r}?" if closest else f"It takes: {', '.join(known)}."
            raise TypeError(f"opt({name!r}) has no argument {word!r}. {hint}")


def _with_fallback(groups: Sequence[ParamGroup]) -> list[ParamGroup]:
    """Leave the head, the last of several layer groups, to the AdamW inside timm's Muon."""
    last = max(group["layer"] for group in groups)
    return [{**g, "use_fallback": last > 0 and g["layer"] == last} for g in groups]


def _timm() -> Any:
    try:
        found = import_whole("timm.optim")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "timm":
            raise
        raise MissingExtraError(
            'opt() needs the package timm, which is not installed. Install it with: pip install "'
            'timm>=1.0.12"'
        ) from error
    if not hasattr(found, "list_optimizers"):
        raise MissingExtraError(
            'opt() needs timm 1.0.12 or newer. Install it with: pip install "timm>=1.0.12"'
        )
    return found
