"""Points on each photo: corners, eyes, joints."""

from dataclasses import dataclass
from typing import ClassVar, Final

import torch
from torch import Tensor
from typing_extensions import override

from learnkit.errors import ExportError, ModelError
from learnkit.json_fields import Fields
from learnkit.tasks.colours import class_colours
from learnkit.tasks.no_loss import NoLoss
from learnkit.tasks.prediction import Prediction
from learnkit.tasks.supervised import Supervised
from learnkit.types import Batch, Moves

_MAX_NAMES: Final = 10_000
_RADIUS: Final = 0.025  # of a dot, as a share of the photo's shorter side


@dataclass(frozen=True)
class Points(Supervised):
    """P points for each photo: y float32 (B, 2 P), preds of the same shape.

    A point is x and y, from -1 at the left and top border of the picture that the model sees to 1
    at its right and bottom border. Points move with the picture: what crops, turns or mirrors it
    moves them too. One that is cropped away lies beyond [-1, 1] and stays a target; so let
    ``y_range`` reach a little further than (-1, 1). ``predict`` answers with float32 (P, 2) in
    ``value``. By mean squared error unless another loss is given.

    Attributes:
        names: of the P points, for printing; empty where nobody named them.

    Example:
        >>> Points(nn.MSELoss(), (), ("nose",)).describe(torch.tensor([0.5, -0.25]))
        'nose (0.50, -0.25)'
    """

    names: tuple[str, ...] = ()

    kind: ClassVar[str] = "points"
    moves: ClassVar[Moves] = "points"
    paints: ClassVar[bool] = True

    @override
    def check(self, preds: Tensor, batch: Batch) -> None:
        """Compare the shapes of one batch.

        Raises:
            ModelError: unless preds and y are both (B, 2 P).
        """
        y = batch.y
        fits = isinstance(preds, Tensor) and preds.shape == y.shape and preds.ndim == 2
        if not fits or y.shape[1] % 2 or not y.is_floating_point():
            found = tuple(preds.shape) if isinstance(preds, Tensor) else type(preds).__name__
            raise ModelError(
                "points need predictions and targets of one shape (B, 2 P), x and y of each of P "
                f"points: the model returned {found} for targets {tuple(y.shape)}. Give the last "
                f"layer {y.shape[1] if y.ndim == 2 else '2 P'} outputs."
            )
        super().check(preds, batch)

    @override
    def decode(self, row: Tensor) -> Prediction:
        """Return the points as float32 (P, 2).

        Raises:
            ExportError: when the count of numbers is odd.
        """
        if row.ndim != 1 or not len(row) or len(row) % 2:
            raise ExportError(
                f"the model answers with shape {tuple(row.shape)}, which is not x and y of some "
                "points; the export was changed or put together wrongly."
            )
        return Prediction(
            label="",
            index=0,
            probability=float(row[0]),
            probabilities=row.clone(),
            classes=(),
            value=row.float().reshape(-1, 2).clone(),
            text=self._words(row),
        )

    @override
    def describe(self, target: Tensor) -> str:
        """Return x and y of each point, with their names where they have some."""
        return self._words(target)

    @override
    def is_right(self, prediction: Prediction, target: Tensor) -> bool | None:
        """Return None: points are nearer or farther."""
        return None

    @override
    def paint(self, photo: Tensor, target: Tensor) -> Tensor:
        """Dot each point in a colour of its own, ringed in white; what is outside is not seen."""
        places = target.detach().float().reshape(-1, 2).to(photo.device)
        height, width = photo.shape[1:]
        radius = max(1.0, _RADIUS * min(height, width))
        columns = torch.arange(width, device=photo.device) + 0.5
        rows = torch.arange(height, device=photo.device) + 0.5
        painted = photo.clone()
        for (x, y), colour in zip(places, class_colours(len(places)).to(photo), strict=True):
            across, down = columns - (x + 1) / 2 * width, rows - (y + 1) / 2 * height
            away = torch.hypot(across[None, :], down[:, None])
            painted[:, away <= 1.6 * radius] = 1.0
            painted[:, away <= radius] = colour[:, None]
        return painted

    @override
    def options(self) -> dict[str, list[str]]:
        """Return the points' names."""
        return {"names": list(self.names)}

    def _words(self, row: Tensor, most: int = 4) -> str:
        pairs = row.reshape(-1, 2).tolist()
        names = self.names if len(self.names) == len(pairs) else [""] * len(pairs)
        words = [
            f"{name} ({x:.2f}, {y:.2f})".strip() for name, (x, y) in zip(names, pairs, strict=True)
        ]
        more = [f"... ({len(pairs)} points)"] if len(pairs) > most else []
        return ", ".join(words[:most] + more)


def read(classes: tuple[str, ...], activation: str, options: Fields) -> Points:
    """Make the task of an export."""
    names = options.strings("names", at_most=_MAX_NAMES, length=1_000)
    return Points(NoLoss(activation), (), names)
