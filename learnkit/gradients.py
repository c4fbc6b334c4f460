"""The gradients of the batches that one optimizer step averages over.

A batch may fail half way: skipped by a hook, not finite, out of memory. What earlier batches of its
group have left must survive that, so it is put aside while a batch adds its own.
"""

from torch import Tensor, nn
from torch.optim import Optimizer

from learnkit.optim import clear_gradients


class GradientGroup:
    """The batches since the last optimizer step.

    Attributes:
        batches: how many have added their gradients.
        samples: how many samples these had.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self.batches = self.samples = 0
        self._aside: list[tuple[nn.Parameter, Tensor]] = []
        self._is_open = False

    def open(self) -> None:
        """Begin a batch; the parameters' gradients are its own until it is closed."""
        self._is_open = True
        if self.batches:
            self._aside = [(p, p.grad) for p in self._parameters() if p.grad is not None]
            for parameter, _ in self._aside:
                parameter.grad = None

    def close(self, samples: int) -> None:
        """Add the batch's gradients to those of the group."""
        for parameter, before in self._aside:
            if parameter.grad is not None:
                before.add_(parameter.grad)
            parameter.grad = before
        self._aside, self._is_open = [], False
        self.batches += 1
        self.samples += samples

    def undo(self) -> None:
        """Drop what the open batch has added so far; it stays open. Without one, do nothing."""
        if self._is_open:
            clear_gradients(self._optimizer)

    def give_up(self) -> None:
        """Close the open batch without what it has added; without one, do nothing."""
        if self._is_open:
            clear_gradients(self._optimizer)
            for parameter, before in self._aside:
                parameter.grad = before
            self._aside, self._is_open = [], False

    def average(self, nominal: int) -> None:
        """Turn sums in units of ``nominal`` samples into the mean over the group's samples."""
        for parameter in self._parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(nominal / self.samples)

    def drop(self) -> None:
        """Begin a new group, without gradients."""
        clear_gradients(self._optimizer)
        self.batches = self.samples = 0
        self._aside, self._is_open = [], False

    def _parameters(self) -> list[nn.Parameter]:
        return [p for group in self._optimizer.param_groups for p in group["params"]]
