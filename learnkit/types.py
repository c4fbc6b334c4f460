"""The words that travel between modules, as types. Knows torch and numpy only."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

from torch import Tensor
from torch.optim import Optimizer

from learnkit.randomness import IntArray


class Batch(NamedTuple):
    """One minibatch; ``x, y = batch`` works.

    For photos: x uint8 (B, 3, H, W) as loaded, float32 (B, 3, H, W) normalised as the model sees
    it; y int64 (B,).
    """

    x: Tensor
    y: Tensor


class Loaded(NamedTuple):
    """What a loader hands to the loop: a batch, and which samples are in it.

    ``indices`` int64 (B,): places in the dataset, so that random choices can be keyed by sample
    and an error can name files.
    """

    batch: Batch
    indices: IntArray


class BatchLoader(Protocol):
    """Gives the batches of any epoch, from any batch on; the same ones every time it is asked."""

    @property
    def batch_size(self) -> int:
        """Samples per batch; the last batch of an epoch may have fewer."""

    @property
    def n_samples(self) -> int:
        """Samples in one epoch."""

    def __len__(self) -> int:
        """Batches in one epoch."""

    def __iter__(self) -> Iterator[Batch]:
        """The batches of epoch 0, on the CPU, for looking at."""

    def batches(self, epoch: int, *, start: int = 0) -> Iterator[Loaded]:
        """The batches of one epoch from batch ``start`` on; closing the iterator frees it."""

    def describe(self, index: int) -> str:
        """Name one sample for a message: its file, or ``sample 7``."""


@contextmanager
def batches_of(
    loader: BatchLoader, epoch: int = 0, *, start: int = 0
) -> Iterator[Iterator[Loaded]]:
    """Give the batches of one epoch inside the block, and free what they need on leaving it."""
    batches = loader.batches(epoch, start=start) if start else loader.batches(epoch)
    try:
        yield batches
    finally:
        close = getattr(batches, "close", None)  # a loader of the user's may return a plain one
        if close is not None:
            close()


@runtime_checkable
class RepeatingLoader(Protocol):
    """A loader that can say that its samples are the same in every epoch."""

    @property
    def n_repeating(self) -> int:
        """How many samples the indices count; 0 when they are not the same in every epoch."""


Identity: TypeAlias = dict[str, str | int | float | bool | None]


@runtime_checkable
class IdentifiedLoader(Protocol):
    """A loader that can say what its batches depend on."""

    @property
    def identity(self) -> Identity:
        """Plain values for JSON; loaders that have the same ones give the same batches.

        The same in every process, and wherever the files lie.
        """


ParamGroup: TypeAlias = dict[str, Any]
Moves: TypeAlias = Literal["", "mask", "points"]  # how targets go where a picture's pixels go
LossFn: TypeAlias = Callable[[Tensor, Tensor], Tensor]
MetricFn: TypeAlias = Callable[[Tensor, Tensor], Tensor]


class OptimizerFactory(Protocol):
    """Builds an optimizer; any ``torch.optim`` class, or a partial of one, is such a factory."""

    def __call__(self, groups: Sequence[ParamGroup], /) -> Optimizer:
        """Return an optimizer over ``groups``; their ``lr`` and ``weight_decay`` are set later."""
