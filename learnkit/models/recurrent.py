"""Recurrent networks that read a sequence of numbers and answer once.

They can be rebuilt from its ``spec``, plain values that go into an export.
"""

from typing import Any, Final, Literal, TypeAlias, final, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from learnkit.models.backbone import ParameterGroups
from learnkit.models.scratch import check_widths
from learnkit.models.seeded import seeded
from learnkit.names import checked_keywords, did_you_mean

Cell: TypeAlias = Literal["lstm", "gru"]

_CELLS: Final = {"lstm": nn.LSTM, "gru": nn.GRU}


@final
class SequenceModel(nn.Module):
    """Reads a sequence and answers once: x float32 (B, T, n_in) -> (B, n_out). See `lstm`.

    Attributes:
        spec: from which ``build_from_spec`` rebuilds the model.
    """

    def __init__(self, recurrent: nn.RNNBase, head: nn.Module, *, spec: dict[str, Any]) -> None:
        super().__init__()
        self.recurrent, self.head, self.spec = recurrent, head, spec

    def forward(self, x: Tensor) -> Tensor:
        """Return class logits or values (B, n_out)."""
        given: Any = x
        if self.spec["ragged"]:
            lengths = x[:, :, -1].sum(1).long().clamp(min=1).cpu()
            given = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, end = self.recurrent(given)
        hidden = end[0] if isinstance(end, tuple) else end  # (layers * directions, B, H)
        last = hidden[-2:] if self.spec["bidirectional"] else hidden[-1:]
        out: Tensor = self.head(torch.cat(list(last), 1))
        return out

    def layer_groups(self) -> ParameterGroups:
        """Return all parameters as one group: nothing here is pretrained."""
        return [list(self.parameters())]


@checked_keywords
def lstm(
    n_in: int,
    n_out: int,
    *,
    hidden: int = 64,
    layers: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
    cell: Cell = "lstm",
    ragged: bool = False,
    seed: int = 0,
) -> SequenceModel:
    """Build a recurrent network that reads a sequence and answers once: (B, T, n_in) -> (B, n_out).

    What the last layer holds after the last step goes through one linear layer. LSTM: Hochreiter
    and Schmidhuber 1997; GRU: Cho et al. 2014, arXiv 1406.1078.

    Example:
        >>> import torch
        >>> lstm(3, 10)(torch.zeros(2, 28, 3)).shape
        torch.Size([2, 10])

    Args:
        n_in: numbers of a step, ``data.n_in``.
        n_out: classes or values.
        hidden: what each layer remembers.
        layers: one upon the other.
        bidirectional: also read from the end; the answer has both.
        dropout: between layers and before the answer, in [0, 1).
        cell: ``"lstm"`` or ``"gru"``.
        ragged: whether the last number of a step says if the step is there (1) or padding (0), as
            `SequenceDataBunch.from_sequences` gives sequences of different lengths.
        seed: of the initialisation.
    """
    check_sizes(cell, dropout, n_in=n_in, n_out=n_out, hidden=hidden, layers=layers)
    spec = {
        "model": "lstm",
        "n_in": n_in,
        "n_out": n_out,
        "hidden": hidden,
        "layers": layers,
        "bidirectional": bool(bidirectional),
        "dropout": float(dropout),
        "cell": cell,
        "ragged": bool(ragged),
    }
    with seeded(seed, "lstm"):
        recurrent = recurrent_layers(spec, n_in)
        head = nn.Linear(hidden * (2 if bidirectional else 1), n_out)
    return SequenceModel(recurrent, nn.Sequential(nn.Dropout(dropout), head), spec=spec)


def recurrent_layers(spec: dict[str, Any], n_in: int) -> nn.RNNBase:
    """Build the recurrent part of a description."""
    layers = spec["layers"]
    made: nn.RNNBase = _CELLS[spec["cell"]](
        n_in,
        spec["hidden"],
        layers,
        batch_first=True,
        bidirectional=spec.get("bidirectional", False),
        dropout=spec["dropout"] if layers > 1 else 0.0,  # torch warns of one that does nothing
    )
    return made


def check_sizes(cell: object, dropout: float, **widths: int) -> None:
    """Refuse options that no recurrent network can have.

    Raises:
        ValueError: naming the option and what was found.
    """
    check_widths(**{name: (value,) for name, value in widths.items()})
    if cell not in get_args(Cell):
        raise ValueError(
            f"cell must be 'lstm' or 'gru'; found {cell!r}.{did_you_mean(str(cell), _CELLS)}"
        )
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1); found {dropout!r}.")
