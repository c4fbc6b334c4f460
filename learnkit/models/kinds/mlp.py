"""A perceptron."""

import itertools
from typing import Any, Final

from torch import nn

from learnkit.models.dense import ACTIVATIONS, NORMS
from learnkit.models.initialise import INITS, MAX_STD, is_deviation
from learnkit.models.kinds.kind import Kind, Values, check_size
from learnkit.models.perceptron import mlp
from learnkit.models.spec_fields import be_fraction, be_one_of, be_widths, refusal

# a description has those of the switches that are not as they come
_DEFAULTS: Final[dict[str, Any]] = {
    "activation": "relu",
    "norm": None,
    "dropout": 0.0,
    "residual": False,
    "bias": True,
    "init": "torch",
}


def _be_switch(where: str, value: object) -> None:
    if not isinstance(value, bool):
        raise refusal(where, "true or false", value)


def _be_init(where: str, value: object) -> None:
    if not (isinstance(value, str) and value in INITS) and not is_deviation(value):
        raise refusal(where, f"one of {', '.join(INITS)} or a number from 0 to {MAX_STD:g}", value)


def _check(values: Values) -> None:
    sizes = values["sizes"]
    if len(sizes) < 2:
        raise refusal("mlp.sizes", "a list of at least 2 numbers", sizes)
    check_size("mlp.sizes", sum(a * b for a, b in itertools.pairwise(sizes)))


def _build(values: Values) -> nn.Module:
    return mlp(*values["sizes"], **{name: values[name] for name in _DEFAULTS})


KIND: Final = Kind(
    fields={
        "sizes": be_widths,
        "activation": be_one_of(*ACTIVATIONS),
        "norm": be_one_of(*NORMS, None),
        "dropout": be_fraction,
        "residual": _be_switch,
        "bias": _be_switch,
        "init": _be_init,
    },
    defaults=_DEFAULTS,
    check=_check,
    build=_build,
    n_outputs=lambda values: int(values["sizes"][-1]),
    takes_photos=lambda values, height, width: bool(values["sizes"][0] == 3 * height * width),
)
