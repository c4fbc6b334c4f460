"""Recurrent models of language, whose state may travel from batch to batch.

They can be rebuilt from their ``spec``, plain values that go into an export.
"""

from typing import Any, Protocol, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learnkit.models.backbone import ParameterGroups
from learnkit.models.recurrent import Cell, check_sizes, recurrent_layers
from learnkit.models.seeded import seeded
from learnkit.names import checked_keywords


class Carried(Protocol):
    """Hands a model what it shall remember from the batch before, and takes what it ended with."""

    def begin(self, x: Tensor) -> Tensor | None:
        """Return the state to begin ``x`` with, or None to begin with zeros."""

    def finish(self, x: Tensor, state: Tensor) -> None:
        """Take the state after ``x``."""


@final
class CharRnn(nn.Module):
    """A recurrent model of language: x int64 (B, T) -> logits (B, T, V). See `char_rnn`.

    Attributes:
        spec: from which ``build_from_spec`` rebuilds the model.
        carried: who keeps the state between batches, set by the callback `CarryHidden`; None
            begins each batch with zeros.
    """

    def __init__(self, *, spec: dict[str, Any]) -> None:
        super().__init__()
        self.spec = spec
        n, width, hidden = spec["n_tokens"], spec["embedding"], spec["hidden"]
        self.embedding = nn.Embedding(n, width)
        self.recurrent = recurrent_layers(spec, width)
        self.drop = nn.Dropout(spec["dropout"])
        tied = spec["tie"]
        self.project = nn.Linear(hidden, width) if tied and hidden != width else nn.Identity()
        self.decoder = nn.Linear(width if tied else hidden, n)
        if tied:
            self.decoder.register_parameter("weight", None)  # the embedding's own
        self.carried: Carried | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of the token after each place."""
        if self.carried is None:
            return self.run(x)[0]
        logits, state = self.run(x, self.carried.begin(x))
        self.carried.finish(x, state.detach())
        return logits

    def run(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read tokens from a state on.

        Args:
            x: int64 (B, T).
            state: as returned, of the tokens before; None at the beginning.

        Returns:
            Logits (B, T, V), and the state (S, layers, B, hidden); S is 2 for an LSTM, 1 for a GRU.
        """
        start: Any = None
        if state is not None:
            start = (state[0].contiguous(), state[1].contiguous()) if len(state) == 2 else state[0]
        out, end = self.recurrent(self.drop(self.embedding(x)), start)
        hidden = self.project(self.drop(out))
        tied = self.spec["tie"]
        weight = self.embedding.weight if tied else self.decoder.weight
        logits = F.linear(hidden, weight, self.decoder.bias)
        return logits, torch.stack(end) if isinstance(end, tuple) else end[None]

    def layer_groups(self) -> ParameterGroups:
        """Return all parameters as one group: nothing here is pretrained."""
        return [list(self.parameters())]


@checked_keywords
def char_rnn(
    n_tokens: int,
    *,
    embedding: int = 64,
    hidden: int = 256,
    layers: int = 1,
    dropout: float = 0.0,
    cell: Cell = "lstm",
    tie: bool = False,
    seed: int = 0,
) -> CharRnn:
    """Build a recurrent model of language: tokens int64 (B, T) -> logits (B, T, n_tokens).

    Example:
        >>> import torch
        >>> char_rnn(65)(torch.zeros(2, 10, dtype=torch.int64)).shape
        torch.Size([2, 10, 65])

    Args:
        n_tokens: V, ``data.n_classes``.
        embedding: numbers of a token.
        hidden: what each layer remembers.
        layers: one upon the other.
        dropout: before, between and behind them, in [0, 1).
        cell: ``"lstm"`` or ``"gru"``.
        tie: whether the embedding is the last layer's matrix too (Press and Wolf, 2017, arXiv
            1608.05859); where ``hidden`` is not ``embedding``, a linear layer stands between.
        seed: of the initialisation.
    """
    widths = {"embedding": embedding, "hidden": hidden, "layers": layers}
    check_sizes(cell, dropout, n_tokens=n_tokens, **widths)
    spec = {"model": "char_rnn", "n_tokens": n_tokens, **widths}
    spec |= {"dropout": float(dropout), "cell": cell, "tie": bool(tie)}
    with seeded(seed, "char_rnn"):
        return CharRnn(spec=spec)
