"""Give the picture back: autoencoders, and those that take noise away."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from learnkit.errors import ModelError
from learnkit.json_fields import Fields
from learnkit.pictures import as_pictures
from learnkit.tasks.no_loss import NoLoss
from learnkit.tasks.pictures import Pictures
from learnkit.types import Batch, LossFn

MAX_NOISE: Final = 100.0
_EDGE: Final = 1e-3  # what resizing may leave outside [0, 1]


@dataclass(frozen=True)
class Reconstruction(Pictures):
    """The target is the input: x float (B, C, H, W) or (B, H, W), in [0, 1]; labels are ignored.

    The target is what the model would be given without noise: the picture after resizing and
    augmentation, in [0, 1]. So pictures are not normalised here. Metrics get (reconstruction,
    clean picture), both (B, C, H, W).

    Attributes:
        loss_func: (reconstruction, clean picture) to a scalar; ``F.mse_loss`` by default, or
            ``F.binary_cross_entropy`` for a model that gives values in [0, 1].
        noise: standard deviation of the normal noise that is added to what the model sees in
            training, in units of the pixels' range; 0 adds none. A denoising autoencoder (Vincent
            et al. 2010, JMLR 11, section 3.3).

    Raises:
        ValueError: when ``noise`` is no number from 0 to 100.
    """

    loss_func: LossFn = functional.mse_loss
    noise: float = 0.0

    kind: ClassVar[str] = "reconstruction"

    def __post_init__(self) -> None:
        if isinstance(self.noise, bool) or not 0 <= self.noise <= MAX_NOISE:
            raise ValueError(f"noise must be a number from 0 to {MAX_NOISE:g}; got {self.noise!r}.")

    @override
    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the reconstruction; the input is noisy while the model trains."""
        preds: Tensor = model(self.seen(model, batch))
        return preds

    @override
    def question(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return x.

        Raises:
            ModelError: when the pictures are not in [0, 1]; noisy ones need not be.
        """
        if batch.x.is_floating_point() and not self.noise:
            check_range(batch.x)
        return batch.x

    @override
    def loss(self, preds: Tensor, batch: Batch) -> Tensor:
        """Return the loss between the reconstruction and the clean picture."""
        return self.loss_func(preds, clean(batch, preds))

    @override
    def compare(self, preds: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the reconstruction, activated, and the clean picture."""
        return self.activate(preds), clean(batch, preds)

    @override
    def check(self, preds: Tensor, batch: Batch) -> None:
        """Compare the shapes of reconstruction and picture, and look at the picture's range.

        Raises:
            ModelError: when they differ, or the picture is not in [0, 1].
        """
        if not isinstance(preds, Tensor):
            raise ModelError(
                f"the model returned a {type(preds).__name__}; it must return one Tensor "
                "(B, C, H, W), the reconstruction."
            )
        x = as_pictures(batch.x)
        if preds.shape not in (x.shape, batch.x.shape):
            raise ModelError(
                f"the model returned {tuple(preds.shape)} for pictures {tuple(batch.x.shape)}; a "
                "reconstruction has the shape of its picture."
            )
        check_range(x)

    @override
    def options(self) -> dict[str, Any]:
        """Return the noise."""
        return {"noise": float(self.noise)}

    def seen(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return what the model gets of a batch."""
        x = batch.x if batch.x.is_floating_point() else as_pictures(batch.x).view(batch.x.shape)
        return x + self.noise * torch.randn_like(x) if self.noise and model.training else x


def clean(batch: Batch, preds: Tensor) -> Tensor:
    """Return the pictures of a batch in the shape of their reconstruction."""
    return as_pictures(batch.x).reshape(preds.shape)


def check_range(x: Tensor) -> None:
    """Look at the range of pictures.

    Raises:
        ModelError: when they are not in [0, 1].
    """
    low, high = x.detach().aminmax()
    found = float(low), float(high)
    if not all(map(math.isfinite, found)) or found[0] < -_EDGE or found[1] > 1 + _EDGE:
        raise ModelError(
            f"pictures must be in [0, 1] here; these have values from {found[0]:.4g} to "
            f"{found[1]:.4g}. Divide them by their highest value, and leave normalize= out."
        )


def read(classes: tuple[str, ...], activation: str, options: Fields) -> Reconstruction:
    """Make the task of an export."""
    noise = options.number("noise", low=0.0, high=MAX_NOISE)
    return Reconstruction(NoLoss(activation), noise=noise)
