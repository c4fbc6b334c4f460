"""See what a model draws, epoch by epoch."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor, nn
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.models.drawing import drawer, drawn, noise_of
from learnkit.names import checked_keywords
from learnkit.picture_grid import save_grid
from learnkit.randomness import kept_generators
from learnkit.state import State


class SampleGrid(Callback):
    """Write a grid of pictures that the model draws of the same noise after each epoch.

    The files are ``epoch_001.png``, ``epoch_002.png``, ..., counted over all fits of a learner.
    The model of a GAN or of a variational autoencoder draws by itself; any other needs ``draw``.

    Args:
        folder: where the files go; it is made where it is missing.
        n: pictures in a grid, at least 1.
        seed: of the noise.
        every: epochs from one file to the next, at least 1.
        draw: from the model to pictures (N, C, H, W) in [0, 1], in place of what is described
            above; it must not change the model.

    Raises:
        ValueError: when ``n`` or ``every`` is out of range.
        ModelError: at the start of a fit, when the model cannot draw and there is no ``draw``.

    Attributes:
        written: the files of this fit.
    """

    looks_on = True
    writes = True

    @checked_keywords
    def __init__(
        self,
        folder: str | PathLike[str],
        *,
        n: int = 64,
        seed: int = 0,
        every: int = 1,
        draw: Callable[[nn.Module], Tensor] | None = None,
    ) -> None:
        for name, value in (("n", n), ("every", every)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"SampleGrid(): {name} must be a whole number of at least 1, found {value!r}."
                )
        self.folder = Path(folder).expanduser()
        self.n, self.seed, self.every, self.draw = n, seed, every, draw
        self.written: list[Path] = []

    @override
    def before_fit(self, state: State) -> None:
        self.written = []
        if self.draw is None:
            drawer(state.model)  # says now that it cannot

    @override
    def after_epoch(self, state: State) -> None:
        epoch = state.progress.epoch_key + 1
        if state.has_row and epoch % self.every == 0:
            path = self.folder / f"epoch_{epoch:03d}.png"
            self.written.append(save_grid(self._pictures(state), path))

    def _pictures(self, state: State) -> Tensor:
        if self.draw is None:
            return drawn(state.model, noise_of(self.n, drawer(state.model).n_latent, self.seed))
        with torch.no_grad(), kept_generators(state.device):
            return self.draw(state.model)
