"""Look at gradients from the first layer to the last: do they vanish, do they explode?"""

import math
from os import PathLike
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.data.warn import warn_user
from learnkit.figures import finish, new_figure
from learnkit.names import checked_keywords
from learnkit.state import State

VANISHING: Final = 1e-4  # of the last layer's gradient
EXPLODING: Final = 100.0  # times the median of the fit so far
FEWEST: Final = 20  # looks, before a step is called unusual


class GradientMonitor(Callback):
    """Record the gradient norm of each layer's weights, and advise where it vanishes or explodes.

    The norms are of complete, unscaled gradients before a step, each divided by the root of its
    number of weights so that layers compare. They vanish where the first layer's median is below
    1e-4 of the last one's (Glorot and Bengio 2010, "Understanding the difficulty of training deep
    feedforward neural networks"), and explode where a step has 100 times the median of the steps
    before (Pascanu et al. 2013, arXiv 1211.5063). Said once each, at the end of an epoch. Put it
    before `GradientClip` to see what comes, behind it to see what is used.

    Args:
        every: steps from one look to the next, at least 1.

    Raises:
        ValueError: when ``every`` is out of range.

    Attributes:
        names: of the parameters, from the first layer to the last.
        norms: float32 (looks, parameters), root mean square of each one's gradient.
        advice: what was said.
    """

    looks_on = True

    @checked_keywords
    def __init__(self, *, every: int = 10) -> None:
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(
                "GradientMonitor(): every must be a whole number of steps of at least 1, "
                f"found {every!r}."
            )
        self.every = every
        self._begin()

    def _begin(self) -> None:
        self.names: list[str] = []
        self.norms = torch.zeros(0, 0)
        self.advice: dict[str, str] = {}
        self._pending: list[Tensor] = []

    @override
    def before_fit(self, state: State) -> None:
        self._begin()

    @override
    def before_step(self, state: State) -> None:
        if state.progress.steps_done % self.every:
            return
        watched = _weights(state.model, state.optimizer)
        names = [name for name, _ in watched]
        if names != self.names:  # layers were frozen or unfrozen
            self.names, self.norms, self._pending = names, torch.zeros(0, len(names)), []
        self._pending.append(_sizes([parameter for _, parameter in watched]))

    @override
    def after_phase(self, state: State) -> None:
        if state.training:
            self._flush()
            self._advise()

    @override
    def after_fit(self, state: State) -> None:
        self._flush()

    @override
    def state_dict(self) -> dict[str, Any]:
        self._flush()
        return {"names": self.names, "norms": self.norms, "advice": self.advice}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.names, self.norms = list(state["names"]), state["norms"]
        self.advice, self._pending = dict(state["advice"]), []

    @checked_keywords
    def plot(self, *, path: str | PathLike[str] | None = None) -> None:
        """Draw each layer's gradients over the looks, first layers dark and last ones light.

        Args:
            path: a file to save the picture to; None shows it on the screen or in the notebook.
        """
        figure = new_figure((8, 4.5), path=path, purpose="GradientMonitor.plot()")
        axes = figure.subplots()
        for i, name in enumerate(self.names):
            shade = 0.1 + 0.75 * i / max(1, len(self.names) - 1)
            axes.plot(self.norms[:, i].tolist(), color=(shade, shade * 0.6, 1 - shade), label=name)
        axes.set(yscale="log", xlabel=f"look, every {self.every} steps", ylabel="gradient (RMS)")
        if 0 < len(self.names) <= 20:
            axes.legend(fontsize="x-small")
        finish(figure, path=path, purpose="GradientMonitor.plot()")

    def _flush(self) -> None:
        if self._pending:
            self.norms = torch.cat([self.norms, torch.stack(self._pending).cpu()])
            self._pending = []

    def _advise(self) -> None:
        if len(self.norms) < 2 or len(self.names) < 2:
            return
        medians = self.norms.nanmedian(0).values.tolist()
        first, last = medians[0], medians[-1]
        if 0 < first < VANISHING * last:
            self._say(
                "vanishing",
                f"the gradient of {self.names[0]} is {first / last:.1g} of that of "
                f"{self.names[-1]}: it vanishes on its way back, and the first layers hardly "
                "learn. ReLU instead of sigmoid or tanh, BatchNorm between layers, He's "
                "initialisation or residual connections let it pass.",
            )
        whole = self.norms.square().sum(1).sqrt()
        worst, usual = float(whole.nan_to_num(math.inf).max()), float(whole.nanmedian())
        if len(whole) >= FEWEST and worst > EXPLODING * usual > 0:
            self._say(
                "exploding",
                f"a step had {worst / usual:.2g} times the usual gradient: it explodes now and "
                "then. GradientClip(1.0), a warm-up or a lower rate tames it.",
            )

    def _say(self, kind: str, found: str) -> None:
        if kind not in self.advice:
            self.advice[kind] = found
            warn_user(f"GradientMonitor: {found}")


def _weights(model: nn.Module, optimizer: Optimizer) -> list[tuple[str, nn.Parameter]]:
    """Return the weights (two dimensions or more) that train, in the model's order."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    named = model.named_parameters()
    return [(n, p) for n, p in named if id(p) in held and p.requires_grad and p.ndim > 1]


def _sizes(parameters: list[nn.Parameter]) -> Tensor:
    """Return float32 (parameters,), NaN where there is no gradient; without waiting."""
    with torch.no_grad():
        sizes = [
            torch.full((), math.nan, device=p.device)
            if p.grad is None
            else torch.linalg.vector_norm(p.grad, dtype=torch.float32) / math.sqrt(p.numel())
            for p in parameters
        ]
        return torch.stack(sizes) if sizes else torch.zeros(0)
