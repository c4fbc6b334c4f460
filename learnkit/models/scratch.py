"""Models to train from scratch that are layers in a row, and a plain convolutional net.

Each can be rebuilt from its ``spec``, plain values that go into an export.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

from torch import Tensor, nn

from learnkit.errors import ModelError
from learnkit.models.backbone import ParameterGroups
from learnkit.models.head import MeanPool
from learnkit.models.seeded import seeded
from learnkit.names import checked_keywords


@final
class ScratchModel(nn.Sequential):
    """Layers in a row, with the plain values that they were built from.

    Attributes:
        spec: from which ``build_from_spec`` rebuilds the model.
    """

    def __init__(self, layers: Iterable[nn.Module], *, spec: dict[str, Any]) -> None:
        super().__init__(*layers)
        self.spec = spec

    def layer_groups(self) -> ParameterGroups:
        """Return all parameters as one group: nothing here is pretrained."""
        return [list(self.parameters())]

    def forward(self, x: Tensor) -> Tensor:
        """Run the layers; ModelError says what ``x`` must be when it does not fit the first."""
        try:
            y: Tensor = super().forward(x)  # type: ignore[no-untyped-call, unused-ignore]
        except Exception:  # asked only now, since a step of a small model is short
            _check_input(self.spec, x)
            raise
        return y


@checked_keywords
def cnn(
    n_classes: int,
    *,
    channels: Sequence[int] = (16, 32, 64, 128),
    in_channels: int = 3,
    seed: int = 0,
) -> ScratchModel:
    """Build a plain convolutional net: (B, in_channels, H, W) -> logits (B, n_classes).

    Each layer halves the sides (3x3, stride 2), with BatchNorm and ReLU; mean pooling and one
    linear layer follow. Takes photos of any size.

    Example:
        >>> import torch
        >>> cnn(10, channels=(8, 16))(torch.zeros(2, 3, 32, 48)).shape
        torch.Size([2, 10])

    Args:
        n_classes: width of the logits.
        channels: maps per layer.
        in_channels: 3 for photos.
        seed: of the initialisation.
    """
    check_widths(n_classes=(n_classes,), channels=channels, in_channels=(in_channels,))
    widths = [in_channels, *channels]
    with seeded(seed, "cnn"):
        layers: list[nn.Module] = []
        for n_in, n_out in itertools.pairwise(widths):
            layers += conv_norm(n_in, n_out, stride=2)
        layers += [MeanPool(), nn.Linear(widths[-1], n_classes)]
        model = ScratchModel(
            layers,
            spec={
                "model": "convnet",
                "n_classes": n_classes,
                "channels": list(channels),
                "in_channels": in_channels,
            },
        )
        init_cnn(model)
    return model


def _check_input(spec: Mapping[str, Any], x: Tensor) -> None:
    """Compare a batch with what a model was built for, before torch says it of two matrices."""
    shape = tuple(x.shape)
    if "sizes" in spec:
        n_in, found = spec["sizes"][0], x[0].numel() if x.ndim and len(x) else None
        if found is not None and found != n_in:
            raise ModelError(
                f"the model takes {n_in} numbers per sample, and the data has {found}: x {shape}. "
                f"Build it with n_in={found}, such as models.mlp({found}, ...)."
            )
    elif "in_channels" in spec:
        channels = spec["in_channels"]
        if x.ndim != 4:
            raise ModelError(
                f"the model takes photos (B, {channels}, H, W); the data has x {shape}. "
                "x[:, None] gives one channel to pictures (B, H, W)."
            )
        if x.shape[1] != channels:
            raise ModelError(
                f"the model takes photos of {channels} channels, and the data has {x.shape[1]}: x "
                f"{shape}. Build it with in_channels={x.shape[1]}."
            )


def conv_norm(
    n_in: int, n_out: int, *, kernel: int = 3, stride: int = 1, relu: bool = True
) -> list[nn.Module]:
    """Return a convolution that keeps the sides at stride 1, its BatchNorm, and a ReLU."""
    conv = nn.Conv2d(n_in, n_out, kernel, stride, padding=kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(n_out), *([nn.ReLU(inplace=True)] if relu else [])]


def init_cnn(model: nn.Module) -> None:
    """Initialise as fastai's ``init_cnn``: He for weights (arXiv 1502.01852), biases 0."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def check_widths(**widths: Sequence[int]) -> None:
    """Refuse widths below 1, and what are none.

    Raises:
        ValueError: naming the argument and what was found.
    """
    given: dict[str, Any] = {**widths}
    for name, values in given.items():
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise ValueError(
                f"{name} must be a list of whole numbers, such as [64, 32]; found {values!r}."
            )
        found = values[0] if len(values) == 1 else tuple(values)
        if not all(map(_is_whole, values)):
            raise ValueError(f"{name} must be whole numbers of at least 1; found {found!r}.")
        if not values or min(values) < 1:
            raise ValueError(f"{name} must be at least 1; found {found}.")


def check_any_widths(**widths: Sequence[int]) -> None:
    """Refuse what `check_widths` does, but for an empty list."""
    for name, values in widths.items():
        if not isinstance(values, list | tuple) or values:
            check_widths(**{name: values})


def _is_whole(value: object) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool)
