"""Add the size of the weights to the loss."""

import math
from abc import abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.names import checked_keywords
from learnkit.state import State


class _Penalty(Callback):
    """Adds ``weight`` times a sum over the weights that decay and train to each training loss.

    These are the parameters of more than one dimension: not norms' weights, not biases, as with
    weight decay. A batch in parts, or a step of several batches, has the penalty once: each part's
    loss counts by its share.
    """

    def __init__(self, weight: float) -> None:
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not (number and 0 <= weight < math.inf):
            raise ValueError(
                f"{type(self).__name__}(): weight must be a number of at least 0, found {weight!r}."
            )
        self.weight = float(weight)

    @abstractmethod
    def size(self, parameter: Tensor) -> Tensor:
        """Return the size of one parameter, a scalar."""

    @override
    def after_loss(self, state: State) -> None:
        if not state.training:
            return
        sizes = [self.size(parameter) for parameter in _decayed(state.model)]
        if sizes:
            state.loss = state.loss + self.weight * torch.stack(sizes).sum()


class L1Penalty(_Penalty):
    """Add ``weight * sum(|w|)`` to the training loss, which pulls weights to exactly nothing.

    The lasso (Tibshirani 1996). ``train_loss`` in the table has the penalty in it, ``valid_loss``
    has not. L-BFGS, SAM and schedules see it as any part of the loss.

    Args:
        weight: at least 0, such as 1e-5.

    Raises:
        ValueError: when ``weight`` is negative or no number.

    Example:
        ``learn.fit(5, callbacks=L1Penalty(1e-5))``
    """

    @checked_keywords
    def __init__(self, weight: float) -> None:
        super().__init__(weight)

    @override
    def size(self, parameter: Tensor) -> Tensor:
        """Return the sum of absolute values."""
        return parameter.abs().sum()


class L2Penalty(_Penalty):
    """Add ``weight * sum(w ** 2)`` to the training loss, as Keras' ``L2`` does.

    Its gradient is ``2 * weight * w``. For plain SGD that is ``weight_decay=2 * weight``; with
    Adam it is not the same as weight decay, which `Learner.fit` has as an option and which is the
    better choice there (Loshchilov and Hutter 2019, arXiv 1711.05101). ``train_loss`` in the table
    has the penalty in it, ``valid_loss`` has not.

    Args:
        weight: at least 0, such as 1e-4.

    Raises:
        ValueError: when ``weight`` is negative or no number.

    Example:
        ``learn.fit(5, weight_decay=0, callbacks=L2Penalty(1e-4))``
    """

    @checked_keywords
    def __init__(self, weight: float) -> None:
        super().__init__(weight)

    @override
    def size(self, parameter: Tensor) -> Tensor:
        """Return the sum of squares."""
        return parameter.square().sum()


def _decayed(model: nn.Module) -> Iterator[Tensor]:
    return (p for p in model.parameters() if p.ndim > 1 and p.requires_grad)
