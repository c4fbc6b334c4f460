"""What is wrong with the classes of two sides that were given as numbers."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset, TensorDataset

from learnkit.data.missing_classes import warn_of_missing
from learnkit.errors import DataError


def check_label_sides(
    train: Tensor,
    valid: Tensor,
    names: Sequence[str],
    *,
    given: Sequence[object] | None,
    divided: bool,
) -> None:
    """Compare the classes of training and validation; nothing is done for other targets.

    Args:
        train: int64 (N,) numbers of classes.
        valid: the same.
        names: of the classes.
        given: the user's ``classes=``, which may name one that only ``valid`` has.
        divided: whether the two were divided here at random, and not by the user. A class that
            ``valid`` has not is then no surprise: ``data.check()`` tells of it.

    Raises:
        DataError: when all that is trained on is of one class, or ``valid`` has a class that
            ``train`` has not.
    """
    if not names or train.ndim != 1 or train.is_floating_point() or train.dtype == torch.bool:
        return
    seen, held = ([names[int(i)] for i in torch.unique(part)] for part in (train, valid))
    if len(seen) == 1:
        raise DataError(
            f"Training needs samples of at least two classes: all {len(train)} are of class "
            f"{seen[0]!r}."
        )
    only = sorted(set(held) - set(seen))
    if only and given is None:
        advice = (
            "Pass split=stratified_splitter(), another seed, or every class in classes=."
            if divided
            else "Add training samples of it, or give every class in classes=."
        )
        raise DataError(
            f"{'Class' if len(only) == 1 else 'Classes'} {', '.join(map(repr, only))} "
            f"{'is' if len(only) == 1 else 'are'} among the validation samples alone: training has "
            f"{', '.join(map(repr, seen))}. {advice}"
        )
    if not divided:
        warn_of_missing(seen, held, "validation")


def targets_of(side: Dataset[object]) -> Tensor:
    """Return the targets of a TensorDataset of pairs, or of a Subset of one."""
    if isinstance(side, Subset):
        return targets_of(side.dataset)[torch.as_tensor(side.indices, dtype=torch.long)]
    assert isinstance(side, TensorDataset)  # for the type checker: it is made so
    return side.tensors[-1]
