"""Weights that no gradient reaches. Looks at few steps and copies nothing to the host."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from learnkit.sanity.names import few

LOOKS: Final = 8  # steps in a row that are looked at
_FIRST: Final = 2  # a branch that starts at zero passes no gradient in the first step
_SECOND: Final = 16  # then 64, 256, ...

Watched: TypeAlias = list[tuple[str, nn.Parameter]]


class _Window(NamedTuple):
    """What was seen in steps that follow each other."""

    began: int
    looks: int
    sizes: Tensor  # float32 (weights,): 0 where no gradient came, on the device


class GradientWatch:
    """Adds up gradient norms on the device, in steps 2 to 9, 16 to 23, 64 to 71, 256 to 263, ...

    A weight is named when its gradient is exactly zero, or missing, in all of eight steps. A unit
    of a layer that is dead, a branch whose last norm starts at zero, a layer that is dropped now
    and then, and rows of an embedding that are not looked up are none. Nor are biases, whose
    gradient is zero by nature in front of a norm, nor steps of which the loss is exactly zero:
    there is nothing left to learn then.

    Args:
        turns: steps until each weight had its turn, where batches train parts of a model in turn,
            as a GAN's do. A look is then longer than eight steps, where these are too few.

    Attributes:
        due: the next step to look at, counted from 1.
    """

    def __init__(self, *, turns: int = 1) -> None:
        self._looks = max(LOOKS, 2 * turns) if turns > 1 else LOOKS
        self.due: float = _FIRST
        self._watched: Watched = []
        self._open: _Window | None = None
        self._whole: _Window | None = None

    def look(self, step: int, model: nn.Module, optimizer: Optimizer, loss: Tensor) -> None:
        """Look at the gradients of one step, before the optimizer uses them."""
        self._watched = self._watched or watched_weights(model, optimizer)
        if not self._watched:
            self.due = math.inf
            return
        now = _sizes([parameter.grad for _, parameter in self._watched], loss)
        window = self._open
        if window is None or len(window.sizes) != len(now):
            window = _Window(step, 0, torch.zeros_like(now))
        self._open = _Window(window.began, window.looks + 1, window.sizes.to(now.device) + now)
        self.due = step + 1
        if self._open.looks == self._looks:
            self._whole, self._open, self._watched = self._open, None, []
            self.due = _SECOND
            while self.due <= step:
                self.due *= 4

    def finding(self, model: nn.Module, optimizer: Optimizer) -> str | None:
        """Say which weights got no gradient in the last eight looks, once; this waits."""
        window, self._whole = self._whole, None
        names = [name for name, _ in watched_weights(model, optimizer)] if window else []
        if window is None or len(names) != len(window.sizes):  # some were frozen meanwhile
            return None
        alive = (window.sizes != 0).tolist()  # NaN is for others to find
        dead = [name for name, is_alive in zip(names, alive, strict=True) if not is_alive]
        if not dead:
            return None
        steps = f"{window.looks} steps from step {window.began} on"
        return (
            f"no gradient reached {few(dead)} in {steps}, so nothing is learned there. Look for "
            "units that are dead (a ReLU whose inputs are all negative), for detach() or "
            "no_grad(), and for a layer that forward() leaves out."
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the steps looked at so far, as plain values; this waits for the device."""
        due = None if math.isinf(self.due) else int(self.due)
        return {"due": due, "open": _plain(self._open), "whole": _plain(self._whole)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self.due = math.inf if state["due"] is None else int(state["due"])
        self._watched = []
        self._open, self._whole = _window(state["open"]), _window(state["whole"])


def watched_weights(model: nn.Module, optimizer: Optimizer) -> Watched:
    """Return the trainable parameters of an optimizer by name, without biases and empty ones."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    named = [(names.get(id(p), f"a weight {tuple(p.shape)} outside the model"), p) for p in held]
    return [
        (name, p)
        for name, p in named
        if p.requires_grad and p.numel() and name.rpartition(".")[2] != "bias"
    ]


def _sizes(grads: Sequence[Tensor | None], loss: Tensor) -> Tensor:
    """Return float32 (weights,): the norm of each gradient, and 1 more where the loss is zero."""
    with torch.no_grad():
        dense = [grad for grad in grads if grad is not None and grad.layout is torch.strided]
        norms = list(torch._foreach_norm(dense)) if dense else []
        if len(norms) < len(grads):
            rest, left = iter(norms), loss.new_tensor([0.0, 1.0])
            norms = [
                left[0] if grad is None else next(rest) if grad.layout is torch.strided else left[1]
                for grad in grads
            ]
        sizes = torch.stack([norm.to(loss.device, torch.float32) for norm in norms])
        return sizes.add_(loss == 0)


def _plain(window: _Window | None) -> dict[str, Any] | None:
    if window is None:
        return None
    alive = (window.sizes != 0).tolist()
    return {"began": window.began, "looks": window.looks, "alive": alive}


def _window(state: Mapping[str, Any] | None) -> _Window | None:
    if state is None:
        return None
    sizes = torch.tensor(state["alive"], dtype=torch.float32)
    return _Window(int(state["began"]), int(state["looks"]), sizes)
