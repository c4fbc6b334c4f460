"""A recurrent network of sequences of numbers."""

from typing import Final

from torch import nn

from learnkit.models.kinds.kind import Kind, Values, check_size
from learnkit.models.recurrent import lstm
from learnkit.models.spec_fields import MAX_LAYERS, be_fraction, be_one_of, be_width, refusal


def be_fact(where: str, value: object) -> None:
    """Check a boolean."""
    if not isinstance(value, bool):
        raise refusal(where, "true or false", value)


def be_layers(where: str, value: object) -> None:
    """Check a number of layers."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_LAYERS:
        raise refusal(where, f"a whole number from 1 to {MAX_LAYERS}", value)


def recurrent_size(n_in: int, hidden: int, layers: int, directions: int = 1) -> int:
    """Return about how many parameters the recurrent layers have: of an LSTM, the larger one."""
    first = n_in + hidden + 2
    others = (layers - 1) * (directions * hidden + hidden + 2)
    return 4 * hidden * directions * (first + others)


def _check(values: Values) -> None:
    directions = 2 if values["bidirectional"] else 1
    hidden = values["hidden"]
    size = recurrent_size(values["n_in"], hidden, values["layers"], directions)
    check_size("lstm.hidden", size + directions * hidden * values["n_out"])


def _build(values: Values) -> nn.Module:
    return lstm(**values)


KIND: Final = Kind(
    fields={
        "n_in": be_width,
        "n_out": be_width,
        "hidden": be_width,
        "layers": be_layers,
        "bidirectional": be_fact,
        "dropout": be_fraction,
        "cell": be_one_of("lstm", "gru"),
        "ragged": be_fact,
    },
    check=_check,
    build=_build,
    n_outputs=lambda values: int(values["n_out"]),
)
