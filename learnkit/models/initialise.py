"""How the weights of linear layers start: by the schemes that have a name, or a deviation.

Knows no model: it goes through the linear layers that a module holds.
"""

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from torch import Tensor, nn

from learnkit.names import did_you_mean

Init: TypeAlias = Literal["torch", "he", "xavier", "normal", "zeros"] | float

NORMAL_STD: Final = 0.01
MAX_STD: Final = 1_000.0
_SCHEMES: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "he": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "xavier": lambda weight: nn.init.xavier_normal_(weight),
    "normal": lambda weight: nn.init.normal_(weight, std=NORMAL_STD),
    "zeros": lambda weight: nn.init.zeros_(weight),
}
INITS: Final = ("torch", *_SCHEMES)


def initialise(model: nn.Module, init: Init) -> None:
    """Set the weights of all linear layers by one scheme, and their biases to 0.

    - ``"torch"``: leave them as ``nn.Linear`` makes them, uniform within ``1 / sqrt(n_in)``, as its
      biases.
    - ``"he"``: normal with variance ``2 / n_in``, which keeps activations as large as they are
      through ReLUs (He et al. 2015, arXiv 1502.01852, equation 10).
    - ``"xavier"``: normal with variance ``2 / (n_in + n_out)``, for tanh (Glorot and Bengio 2010,
      "Understanding the difficulty of training deep feedforward neural networks", equation 12).
    - ``"normal"``: normal with deviation 0.01, as in AlexNet (Krizhevsky et al. 2012, section 5).
    - ``"zeros"``: all 0, for seeing that the units of a layer then stay alike.
    - a number: normal with that deviation.

    Draws from torch's default generator: see `seeded`.

    Raises:
        ValueError: when ``init`` is none of these.
    """
    check_init(init)
    if init == "torch":
        return
    for module in model.modules():
        if isinstance(module, nn.Linear):
            if isinstance(init, str):
                _SCHEMES[init](module.weight)
            else:
                nn.init.normal_(module.weight, std=float(init))
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def is_deviation(value: object) -> bool:
    """Say whether a value is a standard deviation that weights may start with."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= MAX_STD  # NaN is not


def check_init(init: object) -> None:
    """Raise ValueError unless ``init`` is one of the schemes, or a deviation from 0 to 1000."""
    if isinstance(init, str) and init in INITS:
        return
    if not is_deviation(init):
        hint = did_you_mean(init, INITS) if isinstance(init, str) else ""
        raise ValueError(
            f"init must be one of {', '.join(INITS)}, or the standard deviation of normal weights "
            f"from 0 to {MAX_STD:g}; found {init!r}.{hint}"
        )
