"""Newton's method for small models: steps by the whole matrix of second derivatives."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from learnkit.errors import ModelError
from learnkit.names import checked_keywords
from learnkit.types import ParamGroup

MAX_PARAMETERS: Final = 5_000  # a matrix of 0.2 GB in float64
_LEAST: Final = 1e-6  # damping below which float32's rounding makes steps of its own
_FACTOR: Final = 10.0


class Newton(Optimizer):
    """Newton's method, damped: ``w - lr * (H + damping * I)^-1 g``.

    g and H are the first and second derivatives of the batch's loss. A step that would raise the
    loss, or whose matrix is not positive definite, is not made: the damping grows tenfold and the
    step is tried again, and after each step that is made it shrinks to a tenth (Levenberg 1944, "A
    method for the solution of certain non-linear problems in least squares"; Marquardt 1963, "An
    algorithm for least-squares estimation of nonlinear parameters"; Nocedal and Wright 2006,
    "Numerical optimization", section 3.4). With much damping it is gradient descent in small
    steps, with none it finds the minimum of a quadratic loss in one.

    For convex losses of some thousand weights, full batches (``batch_size=len(x)``) and models
    without dropout and BatchNorm: within a step the batch is computed again. ``lr=1.0`` and a
    constant schedule are its own; weight decay it has none, `L2Penalty` does that. It computes
    gradients by itself, so callbacks that change them have no effect. Its matrix is solved in
    float64 on the CPU. A fit that was stopped resumes to the same bits.

    Args:
        params: weights, or groups of them; at most 5,000 numbers in all.
        lr: length of a step; 1 goes to the minimum of the parabola.
        damping: where the damping starts, at least 0, in units of the second derivative.
        tries: how often a step is tried at most; if none helps the weights stay.

    Raises:
        ValueError: when an option is out of range, or there are more parameters.

    Example:
        ``Learner(data, models.linear(8, 1), opt_func=Newton).fit(5, 1.0, schedule=constant())``
    """

    asks_for: Final = "loss"

    @checked_keywords
    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[ParamGroup],
        lr: float = 1.0,
        *,
        damping: float = 1e-3,
        tries: int = 12,
    ) -> None:
        for name, value, low in (("lr", lr, 0), ("damping", damping, 0), ("tries", tries, 1)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= low:
                raise ValueError(f"Newton(): {name} must be at least {low}; found {value!r}.")
        super().__init__(params, {"lr": lr, "damping": damping, "tries": int(tries)})
        n = sum(p.numel() for p in self._parameters())
        if n > MAX_PARAMETERS:
            raise ValueError(
                f"Newton holds a matrix of {n:,} x {n:,} second derivatives for this model; it "
                f"takes at most {MAX_PARAMETERS:,} parameters. torch.optim.LBFGS has no such limit."
            )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one step.

        Args:
            closure: returns the loss with its graph. Unlike that of L-BFGS it calls no
                ``backward``.

        Returns:
            The loss before the step.

        Raises:
            ModelError: when the model or the loss has no second derivatives.
        """
        if closure is None:
            raise ValueError("Newton.step() needs a closure that returns the loss with its graph.")
        params = [p for p in self._parameters() if p.requires_grad]
        with torch.enable_grad():
            loss: Tensor = closure()
            gradient, hessian = _derivatives(loss, params)
        kept = [p.detach().clone() for p in params]
        memory, start = self.state[params[0]], self.defaults["damping"]
        damping = memory.setdefault("damping", start)
        for _ in range(self.defaults["tries"]):
            move = _solve(hessian, gradient, damping)
            if move is not None and self._helps(params, kept, move, closure, float(loss.detach())):
                memory["damping"] = max(damping / _FACTOR, min(_LEAST, start))
                break
            damping = max(damping * _FACTOR, _LEAST)
        return loss.detach()

    @torch.no_grad()
    def _helps(
        self,
        params: list[nn.Parameter],
        kept: list[Tensor],
        move: Tensor,
        closure: Callable[[], Tensor],
        before: float,
    ) -> bool:
        """Move the weights, and put them back unless the loss is no higher there."""
        rates = {id(p): group["lr"] for group in self.param_groups for p in group["params"]}
        parts = torch.split(move, [p.numel() for p in params])
        for p, old, part in zip(params, kept, parts, strict=True):
            step = part.reshape(old.shape).to(old.device, old.dtype)
            p.copy_(old + rates[id(p)] * step)
        if float(closure().detach()) <= before:  # NaN is not
            return True
        for p, old in zip(params, kept, strict=True):
            p.copy_(old)
        return False

    def _parameters(self) -> list[nn.Parameter]:
        return [p for group in self.param_groups for p in group["params"]]


def _derivatives(loss: Tensor, params: list[nn.Parameter]) -> tuple[Tensor, Tensor]:
    """Return gradient (N,) and second derivatives (N, N), float64 on the CPU."""
    try:
        first = torch.autograd.grad(loss, params, create_graph=True, materialize_grads=True)
        flat = torch.cat([part.reshape(-1) for part in first])
        if not flat.requires_grad:  # the loss is a plane
            return flat.cpu().double(), torch.zeros(len(flat), len(flat), dtype=torch.float64)
        rows = [_row(flat, one, params) for one in torch.eye(len(flat), device=flat.device)]
    except RuntimeError as error:
        raise ModelError(
            f"Newton needs second derivatives of the loss, and torch cannot compute them: {error}. "
            "Leave compile= out, or take torch.optim.LBFGS."
        ) from error
    hessian = torch.stack(rows).cpu().double()
    return flat.detach().cpu().double(), (hessian + hessian.T) / 2


def _row(flat: Tensor, one: Tensor, params: list[nn.Parameter]) -> Tensor:
    parts = torch.autograd.grad(
        flat, params, one.to(flat.dtype), retain_graph=True, materialize_grads=True
    )
    return torch.cat([part.reshape(-1) for part in parts])


def _solve(hessian: Tensor, gradient: Tensor, damping: float) -> Tensor | None:
    """Return the step, float64 (N,), or None when the damped matrix is not positive definite."""
    matrix = hessian + damping * torch.eye(len(gradient), dtype=torch.float64)
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if int(failed):
        return None
    return -torch.cholesky_solve(gradient[:, None], factor)[:, 0]
