"""What tasks have in common whose answers are pictures."""

from dataclasses import dataclass
from typing import ClassVar, Final

from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from learnkit.pictures import as_pictures
from learnkit.tasks.prediction import Prediction
from learnkit.tasks.supervised import Supervised
from learnkit.types import Batch

# of learnkit's checks: labels have no part in what is learned
LABEL_CHECKS: Final = ("constant_labels", "unseen_class")


@dataclass(frozen=True)
class Pictures(Supervised):
    """The base of tasks that answer with a picture in [0, 1]; labels are ignored.

    Attributes:
        mutes: names of learnkit's checks that would look at what says nothing here.
    """

    paints: ClassVar[bool] = True
    mutes: ClassVar[tuple[str, ...]] = LABEL_CHECKS

    @override
    def targets(self, batch: Batch) -> Tensor:
        """Return the pictures themselves, (B, C, H, W)."""
        return as_pictures(batch.x)

    @override
    def decode(self, row: Tensor) -> Prediction:
        """Return the picture, float32 (C, H, W) clamped to [0, 1], in ``value``."""
        picture = row.float().clamp(0.0, 1.0)
        size = " x ".join(map(str, picture.shape))
        return Prediction(
            label="",
            index=0,
            probability=float(picture.mean()),
            probabilities=row.clone(),
            classes=(),
            value=picture,
            text=f"a picture of {size}, on average {float(picture.mean()):.4g}",
        )

    @override
    def describe(self, target: Tensor) -> str:
        """Return no words: labels are ignored."""
        return ""

    @override
    def is_right(self, prediction: Prediction, target: Tensor) -> bool | None:
        """Return None: a picture is more or less like another."""
        return None

    @override
    def paint(self, photo: Tensor, target: Tensor) -> Tensor:
        """Return the picture that was predicted, as large as the photo; the photo for a label."""
        if target.ndim not in (2, 3) or not target.is_floating_point():
            return photo
        picture = (target if target.ndim == 3 else target[None]).to(photo)
        if picture.shape[0] != 3:
            picture = picture[:1].expand(3, -1, -1)
        if picture.shape[1:] != photo.shape[1:]:
            picture = functional.interpolate(picture[None], tuple(photo.shape[1:]))[0]
        return picture.clamp(0.0, 1.0)
