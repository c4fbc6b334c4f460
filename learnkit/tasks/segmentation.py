"""A class for each pixel."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import torch
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from learnkit.errors import ExportError, ModelError
from learnkit.json_fields import Fields
from learnkit.tasks.colours import class_colours, is_painted
from learnkit.tasks.no_loss import NoLoss
from learnkit.tasks.prediction import Prediction
from learnkit.tasks.supervised import Supervised
from learnkit.types import Batch, LossFn, Moves

IGNORED: Final = 255
"""The class number of pixels that neither loss nor metrics look at, where masks have such."""

_STRENGTH: Final = 0.5  # of the colours on a photo
_MAX_IGNORED: Final = 65_535


@dataclass(frozen=True)
class Segmentation(Supervised):
    """One of ``classes`` for each pixel: y int64 (B, H, W), preds float (B, K, H, W) logits.

    By cross entropy over pixels, or any loss that takes logits (B, K, ...) and class numbers
    (B, ...), such as ``DiceLoss()``. ``predict`` answers with the mask of the most probable
    classes, int64 (H, W), as large as the model's input, in ``value``; ``probabilities`` are the
    shares of the mask's area, float32 (K,).

    Attributes:
        loss_func: (logits, class numbers) to a scalar.
        classes: names in the order of the outputs.
        ignore_index: the number of pixels that are left out; None where every pixel counts. With
            such pixels a loss other than cross entropy, and every metric, gets the other pixels
            of a batch as one row: losses (1, K, N) and (1, N), metrics (N, K) and (N,).

    Example:
        >>> task = Segmentation(classes=("background", "pet"))
        >>> str(task.decode(torch.tensor([[[0.9, 0.2]], [[0.1, 0.8]]])))
        'background 50.0 %, pet 50.0 %'
    """

    loss_func: LossFn = field(default_factory=lambda: functional.cross_entropy)
    ignore_index: int | None = None

    kind: ClassVar[str] = "segmentation"
    moves: ClassVar[Moves] = "mask"
    paints: ClassVar[bool] = True
    mutes: ClassVar[tuple[str, ...]] = ("constant_labels", "unseen_class")

    def __post_init__(self) -> None:
        given: object = self.ignore_index
        if given is not None and (isinstance(given, bool) or not isinstance(given, int)):
            raise ValueError(f"ignore_index must be a whole number or None; got {given!r}.")

    @override
    def loss(self, preds: Tensor, batch: Batch) -> Tensor:
        """Return the loss over the pixels that count; 0 where none does."""
        if self.ignore_index is None:
            return self.loss_func(preds, batch.y)
        if self.loss_func is functional.cross_entropy:
            total = functional.cross_entropy(
                preds.float(), batch.y, ignore_index=self.ignore_index, reduction="sum"
            )
            return total / (batch.y != self.ignore_index).sum().clamp(min=1)
        logits, y = self._counted(preds, batch.y)
        if not len(y):
            return preds.sum() * 0.0
        return self.loss_func(logits.T[None], y[None])

    @override
    def compare(self, preds: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return predictions and targets as they are, or of the pixels that count."""
        if self.ignore_index is None:
            return preds, batch.y
        return self._counted(preds, batch.y)

    @override
    def check(self, preds: Tensor, batch: Batch) -> None:
        """Compare the shapes of one batch, and look at the numbers in its masks.

        Raises:
            ModelError: naming what does not fit, and what to do.
        """
        y, n = batch.y, len(self.classes)
        if not isinstance(preds, Tensor) or preds.ndim != 4:
            found = tuple(preds.shape) if isinstance(preds, Tensor) else type(preds).__name__
            raise ModelError(
                f"the model must return logits (B, {n or 'K'}, H, W), one for each class and "
                f"pixel; found {found}. unet_learner makes such a model."
            )
        if n and preds.shape[1] != n:
            raise ModelError(
                f"the model's output has {preds.shape[1]} channels, but the data has {n} classes "
                f"({', '.join(self.classes[:5])}). Give the last layer {n} outputs."
            )
        if y.is_floating_point() or y.shape != (len(preds), *preds.shape[2:]):
            kind = str(y.dtype).removeprefix("torch.")
            raise ModelError(
                f"the model answers for {preds.shape[2]} x {preds.shape[3]} pixels of "
                f"{len(preds)} photos; the masks must be class numbers of shape "
                f"{(len(preds), *preds.shape[2:])}, and are {kind} of shape {tuple(y.shape)}."
            )
        self._check_numbers(y, preds.shape[1])

    def _check_numbers(self, y: Tensor, n: int) -> None:
        counted = y if self.ignore_index is None else y[y != self.ignore_index]
        if not counted.numel() or (int(counted.min()) >= 0 and int(counted.max()) < n):
            return
        wrong = int(counted.min()) if int(counted.min()) < 0 else int(counted.max())
        raise ModelError(
            f"a mask holds {wrong}, but with {n} classes its numbers run from 0 to {n - 1}. "
            f"Segmentation(..., ignore_index={wrong}) leaves such pixels out."
        )

    @override
    def decode(self, row: Tensor) -> Prediction:
        """Return the mask of the most probable classes, and their shares of its area.

        Raises:
            ExportError: when there are more or fewer channels than classes.
        """
        if row.ndim != 3 or (self.classes and len(row) != len(self.classes)):
            raise ExportError(
                f"the model answers with shape {tuple(row.shape)}, but its card names "
                f"{len(self.classes)} classes, so it must be ({len(self.classes)}, H, W); the "
                "export was changed or put together wrongly."
            )
        names = self.classes or tuple(map(str, range(len(row))))
        mask = row.argmax(0)
        shares = _shares(mask, len(row))
        index = int(shares.argmax())
        return Prediction(
            label=names[index],
            index=index,
            probability=float(shares[index]),
            probabilities=shares,
            classes=names,
            labels=tuple(name for name, share in zip(names, shares, strict=True) if share > 0),
            value=mask,
            text=_words(shares, names),
        )

    @override
    def describe(self, target: Tensor) -> str:
        """Say which classes a mask holds, by their shares of its area."""
        n = len(self.classes)
        return _words(_shares(target, n), self.classes) if target.ndim == 2 else ""

    @override
    def is_right(self, prediction: Prediction, target: Tensor) -> bool | None:
        """Return None: a mask is more or less right."""
        return None

    @override
    def paint(self, photo: Tensor, target: Tensor) -> Tensor:
        """Lay the colours of a mask's classes on its photo.

        Pixels that are left out, and those of a class called background, stay as they are.
        """
        if target.ndim != 2:
            return photo
        mask = target.long().to(photo.device)
        if mask.shape != photo.shape[1:]:
            planes = mask[None, None].float()
            mask = functional.interpolate(planes, tuple(photo.shape[1:]))[0, 0].long()
        n = max(len(self.classes), 1)
        painted = torch.tensor([*map(is_painted, self.classes), False], device=photo.device)
        inside = (mask >= 0) & (mask < n) & painted[mask.clamp(0, n)]
        colours = class_colours(n).to(photo)[mask.clamp(0, n - 1)].permute(2, 0, 1)
        return torch.where(inside, torch.lerp(photo, colours, _STRENGTH), photo)

    @override
    def options(self) -> dict[str, Any]:
        """Return the number that is left out, if there is one."""
        return {} if self.ignore_index is None else {"ignore_index": self.ignore_index}

    def _counted(self, preds: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, K) and class numbers (N,) of the pixels that count."""
        counts = y != self.ignore_index
        return preds.movedim(1, -1)[counts], y[counts]


def _shares(mask: Tensor, n: int) -> Tensor:
    """Return each class's share of the pixels that are of a class: float32 (n,)."""
    numbers = mask.flatten().long()
    numbers = numbers[(numbers >= 0) & (numbers < n)]
    return torch.bincount(numbers, minlength=n).float() / max(1, len(numbers))


def _words(shares: Tensor, names: tuple[str, ...], most: int = 5) -> str:
    order = shares.argsort(descending=True, stable=True).tolist()
    held = [place for place in order if shares[place] > 0]
    words = [f"{names[place]} {100 * float(shares[place]):.1f} %" for place in held[:most]]
    return ", ".join(words + ["..."] * (len(held) > most)) or "(no class)"


def read(classes: tuple[str, ...], activation: str, options: Fields) -> Segmentation:
    """Make the task of an export."""
    ignored = None
    if options.has("ignore_index"):
        ignored = options.whole("ignore_index", low=-_MAX_IGNORED, high=_MAX_IGNORED)
    return Segmentation(NoLoss(activation), classes, ignored)
