"""A recurrent net over token numbers, for one answer a text.

Embedding, LSTM (Hochreiter and Schmidhuber, 1997, "Long short-term memory") or GRU (Cho et al.,
2014, arXiv 1406.1078), and the concat pooling of ULMFiT (Howard and Ruder, 2018, arXiv 1801.06146,
section 3.3): the last state, the maximum and the mean of all states. Padding has no part in any.
"""

from typing import Any, Final, Literal, TypeAlias, final

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from learnkit.errors import ModelError
from learnkit.models.backbone import ParameterGroups
from learnkit.models.seeded import seeded
from learnkit.names import checked_keywords

Cell: TypeAlias = Literal["lstm", "gru"]
CELLS: Final = {"lstm": nn.LSTM, "gru": nn.GRU}


@final
class TextRNN(nn.Module):
    """int64 (B, T), padded with 0 at the end, to logits (B, n_classes); use `text_rnn`.

    Attributes:
        spec: from which ``build_from_spec`` rebuilds the model.
    """

    def __init__(self, *, spec: dict[str, Any]) -> None:
        super().__init__()
        self.spec = spec
        n_embed, n_hidden, dropout = spec["n_embed"], spec["n_hidden"], spec["dropout"]
        n_layers, both = spec["n_layers"], spec["bidirectional"]
        self.embedding = nn.Embedding(spec["n_vocab"], n_embed, padding_idx=0)
        self.drop = nn.Dropout(dropout)
        self.rnn = CELLS[spec["cell"]](
            n_embed,
            n_hidden,
            n_layers,
            batch_first=True,
            bidirectional=both,
            dropout=dropout if n_layers > 1 else 0.0,
        )
        width = 3 * n_hidden * (2 if both else 1)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, spec["n_classes"]))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, n_classes).

        Raises:
            ModelError: when x is not int64 (B, T), or has a number outside the vocabulary.
        """
        if x.ndim != 2 or x.is_floating_point():
            raise ModelError(
                "a TextRNN takes token numbers int64 (B, T); it was given "
                f"{str(x.dtype).removeprefix('torch.')} of shape {tuple(x.shape)}."
            )
        there = x != 0  # (B, T)
        lengths = there.sum(1).clamp(min=1)
        packed = pack_padded_sequence(
            self.drop(self._embedded(x)), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        states, last = self.rnn(packed)
        hidden = last[0] if isinstance(last, tuple) else last  # (layers x directions, B, H)
        padded, _ = pad_packed_sequence(states, batch_first=True)  # (B, T', n x H)
        there = there[:, : padded.shape[1], None]
        pooled = (
            torch.cat([*hidden[-2:]], 1) if self.rnn.bidirectional else hidden[-1],
            padded.masked_fill(~there, -1.0).amax(1),  # no state is below -1
            padded.sum(1) / lengths[:, None],  # states behind the end are 0
        )
        logits: Tensor = self.head(torch.cat(pooled, 1))
        return logits

    def layer_groups(self) -> ParameterGroups:
        """Return the parameters of the embedding, the cells and the head."""
        return [list(part.parameters()) for part in (self.embedding, self.rnn, self.head)]

    def _embedded(self, x: Tensor) -> Tensor:
        try:
            found: Tensor = self.embedding(x)
        except IndexError as error:
            raise ModelError(
                f"a token has the number {int(x.max())}, but the model's vocabulary has "
                f"{self.embedding.num_embeddings}. The texts were cut by another tokenizer."
            ) from error
        return found


@checked_keywords
def text_rnn(
    n_vocab: int,
    n_classes: int,
    *,
    cell: Cell = "lstm",
    n_embed: int = 128,
    n_hidden: int = 128,
    n_layers: int = 1,
    bidirectional: bool = True,
    dropout: float = 0.5,
    seed: int = 0,
) -> TextRNN:
    """Build a recurrent net for texts: int64 (B, T) -> logits (B, n_classes).

    Example:
        >>> import torch
        >>> text_rnn(100, 2, n_embed=8, n_hidden=8)(torch.tensor([[5, 7, 2], [9, 0, 0]])).shape
        torch.Size([2, 2])

    Args:
        n_vocab: token numbers, that of padding, 0, included.
        n_classes: width of the logits.
        cell: ``"lstm"`` or ``"gru"``.
        n_embed: numbers of a token's vector.
        n_hidden: numbers of a state, in each direction.
        n_layers: recurrent layers on top of each other.
        bidirectional: whether texts are read from the end as well.
        dropout: fraction in [0, 1) of embeddings, states between layers and pooled states.
        seed: of the initialisation.

    Raises:
        ValueError: for a number out of its range.
    """
    _check(cell, dropout, n_vocab, n_classes, n_embed, n_hidden, n_layers)
    spec = {
        "model": "text_rnn",
        "cell": cell,
        "n_vocab": n_vocab,
        "n_classes": n_classes,
        "n_embed": n_embed,
        "n_hidden": n_hidden,
        "n_layers": n_layers,
        "bidirectional": bidirectional,
        "dropout": dropout,
    }
    with seeded(seed, "text_rnn"):
        return TextRNN(spec=spec)


def _check(cell: object, dropout: object, *sizes: int) -> None:
    if cell not in CELLS:
        raise ValueError(f"cell must be one of {', '.join(map(repr, CELLS))}; got {cell!r}.")
    for name, size in zip(
        ("n_vocab", "n_classes", "n_embed", "n_hidden", "n_layers"), sizes, strict=True
    ):
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be a whole number of at least 1; got {size!r}.")
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise ValueError(f"dropout must be a fraction in [0, 1); got {dropout!r}.")
