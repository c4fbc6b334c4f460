"""Optimizers over layer groups: what decays, and which rate each depth gets."""

from typing import TYPE_CHECKING

from learnkit.lazy import lazy_names
from learnkit.optim.closures import asks_for, words_for
from learnkit.optim.depth import by_depth
from learnkit.optim.factories import adamw, sgd
from learnkit.optim.groups import LayerGroups, build_optimizer, has_decay, set_rates
from learnkit.optim.momentum import (
    keep_momentum,
    kept_momentum,
    momentum_of,
    put_momentum_back,
    set_momentum,
)
from learnkit.optim.named import NamedOptimizer, opt
from learnkit.optim.rates import LayerDecay, LearningRate, layer_decay, spread_rates
from learnkit.optim.state import clear_gradients, match_layouts

__all__ = [
    "LayerDecay",
    "LayerGroups",
    "LearningRate",
    "NamedOptimizer",
    "Newton",
    "adamw",
    "asks_for",
    "build_optimizer",
    "by_depth",
    "clear_gradients",
    "has_decay",
    "keep_momentum",
    "kept_momentum",
    "layer_decay",
    "match_layouts",
    "momentum_of",
    "opt",
    "put_momentum_back",
    "set_momentum",
    "set_rates",
    "sgd",
    "spread_rates",
    "words_for",
]

if TYPE_CHECKING:
    from learnkit.optim.newton import Newton
else:  # type checkers would take any name for granted
    __getattr__ = lazy_names(__name__, {"Newton": "newton"})
