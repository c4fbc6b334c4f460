"""A recurrent net over token numbers."""

from typing import Final

from torch import nn

from learnkit.models.kinds.kind import Kind, Values, check_size
from learnkit.models.recurrent_text import CELLS, text_rnn
from learnkit.models.spec_fields import (
    MAX_LAYERS,
    be_fraction,
    be_one_of,
    be_width,
    refusal,
)

MAX_VOCAB: Final = 1_000_000
_GATES: Final = {"lstm": 4, "gru": 3}


def _be_vocab(where: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_VOCAB:
        raise refusal(where, f"a whole number from 1 to {MAX_VOCAB}", value)


def _be_flag(where: str, value: object) -> None:
    if not isinstance(value, bool):
        raise refusal(where, "true or false", value)


def _check(values: Values) -> None:
    ways = 2 if values["bidirectional"] else 1
    hidden = values["n_hidden"]
    first = values["n_embed"] + hidden
    later = (values["n_layers"] - 1) * (ways * hidden + hidden)
    check_size(
        "text_rnn",
        values["n_vocab"] * values["n_embed"]
        + ways * _GATES[values["cell"]] * hidden * (first + later)
        + 3 * ways * hidden * values["n_classes"],
    )


def _build(values: Values) -> nn.Module:
    given = dict(values)
    return text_rnn(given.pop("n_vocab"), given.pop("n_classes"), **given)


KIND: Final = Kind(
    fields={
        "cell": be_one_of(*CELLS),
        "n_vocab": _be_vocab,
        "n_classes": be_width,
        "n_embed": be_width,
        "n_hidden": be_width,
        "n_layers": be_one_of(*range(1, MAX_LAYERS + 1)),
        "bidirectional": _be_flag,
        "dropout": be_fraction,
    },
    check=_check,
    build=_build,
    n_outputs=lambda values: int(values["n_classes"]),
)
