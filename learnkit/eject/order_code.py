"""Which samples are in which batch, as code; and what the code of data consists of."""

from typing import Any, NamedTuple

from torch import Tensor

from learnkit.data import order
from learnkit.eject.source import sources
from learnkit.errors import ExportError

INSTEAD = (
    "Give the data as files (ImageDataBunch.from_folder and the like) or as tensors "
    "(DataBunch.from_arrays), or put your own code into a script of your own."
)


class DataCode(NamedTuple):
    """How batches are made, as code.

    Attributes:
        imports: lines.
        code: ``batches(side, epoch)`` and what it needs.
        document: files and labels, for the JSON file; empty without files.
        tensors: of data in memory.
        repeats: the sides whose samples come back unchanged, with how many there are.
    """

    imports: tuple[str, ...]
    code: str
    document: dict[str, Any]
    tensors: dict[str, Tensor]
    repeats: dict[str, int]


def plans(sides: dict[str, Any]) -> str:
    """Return how each side is cut into batches, a line for each."""
    rows = []
    for side, loader in sides.items():
        plan = loader._plan
        if plan.weights is not None:
            raise ExportError(
                "The samples of an epoch are drawn by weights (sampling=), which eject does not "
                "write. Leave sampling out, or put the draw into a script of your own."
            )
        last = f", drop_last={plan.drop_last}" if plan.drop_last else ""
        rows.append(
            f'    "{side}": dict(n={plan.n}, batch_size={plan.batch_size}, seed={plan.seed}, '
            f"shuffle={plan.shuffle}{last}),"
        )
    return "\n".join(rows)


def order_code() -> str:
    """Return ``epoch_batches`` and what it needs."""
    return sources(order.batch_bounds, order.epoch_batches)
