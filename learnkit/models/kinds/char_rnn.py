"""A recurrent model of language."""

from typing import Final

from torch import nn

from learnkit.models.kinds.kind import Kind, Values, check_size
from learnkit.models.kinds.lstm import be_fact, be_layers, recurrent_size
from learnkit.models.language import char_rnn
from learnkit.models.spec_fields import be_fraction, be_one_of, be_width


def _check(values: Values) -> None:
    n, width, hidden = values["n_tokens"], values["embedding"], values["hidden"]
    size = recurrent_size(width, hidden, values["layers"])
    check_size("char_rnn.hidden", size + n * width + max(n, width) * hidden)


def _build(values: Values) -> nn.Module:
    return char_rnn(**values)


KIND: Final = Kind(
    fields={
        "n_tokens": be_width,
        "embedding": be_width,
        "hidden": be_width,
        "layers": be_layers,
        "dropout": be_fraction,
        "cell": be_one_of("lstm", "gru"),
        "tie": be_fact,
    },
    check=_check,
    build=_build,
    n_outputs=lambda values: int(values["n_tokens"]),
)
