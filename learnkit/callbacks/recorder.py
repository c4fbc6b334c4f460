"""Keep every step's rate and loss, and plot them."""

from os import PathLike
from typing import Any, Final

import torch
from torch import Tensor
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.curves import Line, draw_lines, smoothed
from learnkit.figures import finish, new_figure
from learnkit.names import checked_keywords
from learnkit.state import Phase, State

_NO_METRICS: Final = ("train_loss", "valid_loss", "seconds")


class Recorder(Callback):
    """Record the learning rate and the training loss of each optimizer step.

    Losses stay on the device until the phase ends, so no step waits for them. Every learner has
    one: ``learn.recorder.plot_losses()`` draws its last fit.

    Attributes:
        lrs: the last parameter group's learning rate, a float per step of this fit.
        losses: the training loss, a float per step of this fit.
        rows: ``(steps, numbers)`` of each epoch of this fit: the steps done at its end, and what
            the table shows.
        epochs: ``(epoch_key, first training batch)`` of every epoch of every fit.
    """

    def __init__(self) -> None:
        self.lrs: list[float] = []
        self.losses: list[float] = []
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.epochs: list[tuple[int, int]] = []
        self._pending: list[Tensor] = []

    @override
    def before_fit(self, state: State) -> None:
        self.lrs, self.losses, self.rows, self._pending = [], [], [], []

    @override
    def before_phase(self, state: State) -> None:
        if state.phase is Phase.TRAIN:
            progress = state.progress
            began = progress.batches_seen - progress.batches_done
            self.epochs.append((progress.epoch_key, began))

    @override
    def after_step(self, state: State) -> None:
        self.lrs.append(state.lr)
        self._pending.append(state.loss.detach())

    @override
    def after_phase(self, state: State) -> None:
        if state.phase is Phase.TRAIN:
            self._flush()

    @override
    def after_epoch(self, state: State) -> None:
        if not state.has_row:
            return
        # the dict itself: callbacks that come later may add columns to it
        self.rows.append((len(self.losses), state.metrics))

    @override
    def after_fit(self, state: State) -> None:
        self._flush()

    @override
    def state_dict(self) -> dict[str, Any]:
        self._flush()
        return {
            "lrs": torch.tensor(self.lrs, dtype=torch.float64),
            "losses": torch.tensor(self.losses, dtype=torch.float64),
            "rows": [[steps, _floats(numbers)] for steps, numbers in self.rows],
            "epochs": torch.tensor(self.epochs, dtype=torch.int64).reshape(-1, 2),
        }

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.lrs, self.losses = state["lrs"].tolist(), state["losses"].tolist()
        # a checkpoint of an older version has none
        self.rows = [(int(steps), dict(numbers)) for steps, numbers in state.get("rows", [])]
        self.epochs = [(key, began) for key, began in state["epochs"].tolist()]

    @checked_keywords
    def plot_losses(
        self,
        path: str | PathLike[str] | None = None,
        *,
        smooth: float = 0.9,
        skip_start: int = 0,
    ) -> None:
        """Draw the training loss of each step, smoothed too, and the validation loss.

        Args:
            path: the file to save to; None shows it.
            smooth: how much of the running mean stays at each step, in [0, 1); 0 smooths nothing.
            skip_start: steps at the start to leave out, which are often far above the rest.

        Raises:
            ValueError: when ``smooth`` or ``skip_start`` is out of its range.
            MissingExtraError: when matplotlib is not installed.
        """
        if not 0 <= smooth < 1:
            raise ValueError(f"plot_losses(): smooth must be in [0, 1); got {smooth}.")
        if skip_start < 0:
            raise ValueError(f"plot_losses(): skip_start must be 0 or more; got {skip_start}.")
        self._flush()
        steps = range(1, len(self.losses) + 1)[skip_start:]
        lines = [Line(name="loss", x=steps, y=self.losses[skip_start:], faint=smooth > 0)]
        if smooth > 0:
            mean = smoothed(self.losses, share=smooth)[skip_start:]
            lines.append(Line(name="loss, smoothed", x=steps, y=mean))
        self._draw([*lines, self._column("valid_loss")], "loss", path, "plot_losses")

    @checked_keywords
    def plot_rates(self, path: str | PathLike[str] | None = None) -> None:
        """Draw the learning rate of each step; save to ``path`` if given, else show.

        Raises:
            MissingExtraError: when matplotlib is not installed.
        """
        steps = range(1, len(self.lrs) + 1)
        line = Line(name="lr of the last layer group", x=steps, y=self.lrs)
        self._draw([line], "learning rate", path, "plot_rates")

    @checked_keywords
    def plot_metrics(self, path: str | PathLike[str] | None = None) -> None:
        """Draw each metric over the steps; save to ``path`` if given, else show.

        Raises:
            MissingExtraError: when matplotlib is not installed.
        """
        names = dict.fromkeys(n for _, row in self.rows for n in row if n not in _NO_METRICS)
        self._draw([self._column(name) for name in names], "", path, "plot_metrics")

    def _column(self, name: str) -> Line:
        found = [(steps, float(row[name])) for steps, row in self.rows if name in row]
        x, y = [steps for steps, _ in found], [value for _, value in found]
        return Line(name=name, x=x, y=y, marked=True)

    def _draw(self, lines: list[Line], y: str, path: str | PathLike[str] | None, name: str) -> None:
        purpose = f"Recorder.{name}"
        figure = new_figure((6, 3.5), path=path, purpose=purpose)
        draw_lines(figure.subplots(), lines, x="step", y=y)
        finish(figure, path=path, purpose=purpose)

    def _flush(self) -> None:
        if self._pending:
            self.losses += torch.stack(self._pending).tolist()
            self._pending = []


def _floats(numbers: dict[str, float]) -> dict[str, float]:
    """Return a row to store: floats, without the seconds, which differ from run to run."""
    return {name: float(value) for name, value in numbers.items() if name != "seconds"}
