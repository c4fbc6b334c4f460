"""ResNets for training from scratch, with the "bag of tricks" and fastai's initialisation.

He et al., 2018, "Bag of Tricks for Image Classification with Convolutional Neural Networks"
(arXiv 1812.01187), section 4: ResNet-B (the stride in the 3x3), -C (a stem of three 3x3) and -D
(mean pooling before the 1x1 of the shortcut); section 3.1: the last BatchNorm of a block starts
at zero. The order of layers is that of fastai's ``XResNet``.
"""

from typing import Any

from torch import Tensor, nn

from learnkit.models.head import MeanPool
from learnkit.models.scratch import ScratchModel, check_widths, conv_norm, init_cnn
from learnkit.models.seeded import seeded
from learnkit.names import checked_keywords

# depth: (expansion of the block, blocks per stage)
STAGES: dict[int, tuple[int, tuple[int, ...]]] = {
    18: (1, (2, 2, 2, 2)),
    34: (1, (3, 4, 6, 3)),
    50: (4, (3, 4, 6, 3)),
}


@checked_keywords
def xresnet18(n_classes: int, *, in_channels: int = 3, seed: int = 0) -> ScratchModel:
    """Build an XResNet-18: (B, in_channels, H, W) -> logits (B, n_classes).

    Example:
        >>> sum(p.numel() for p in xresnet18(10).parameters())
        11200874
    """
    return xresnet(18, n_classes, in_channels=in_channels, seed=seed)


@checked_keywords
def xresnet34(n_classes: int, *, in_channels: int = 3, seed: int = 0) -> ScratchModel:
    """Build an XResNet-34: (B, in_channels, H, W) -> logits (B, n_classes)."""
    return xresnet(34, n_classes, in_channels=in_channels, seed=seed)


@checked_keywords
def xresnet50(n_classes: int, *, in_channels: int = 3, seed: int = 0) -> ScratchModel:
    """Build an XResNet-50: (B, in_channels, H, W) -> logits (B, n_classes)."""
    return xresnet(50, n_classes, in_channels=in_channels, seed=seed)


def xresnet(depth: int, n_classes: int, *, in_channels: int = 3, seed: int = 0) -> ScratchModel:
    """Build an XResNet of one of the depths of ``STAGES``."""
    check_widths(n_classes=(n_classes,), in_channels=(in_channels,))
    expansion, blocks = STAGES[depth]
    with seeded(seed, "xresnet"):
        layers: list[nn.Module] = [
            *conv_norm(in_channels, 32, stride=2),
            *conv_norm(32, 32),
            *conv_norm(32, 64),
            nn.MaxPool2d(3, stride=2, padding=1),
        ]
        n_in = 64
        for stage, count in enumerate(blocks):
            n_out = 64 * 2**stage * expansion
            layers.append(_stage(n_in, n_out, count, expansion, stride=1 if stage == 0 else 2))
            n_in = n_out
        spec: dict[str, Any] = {
            "model": "xresnet",
            "depth": depth,
            "n_classes": n_classes,
            "in_channels": in_channels,
        }
        model = ScratchModel([*layers, MeanPool(), nn.Linear(n_in, n_classes)], spec=spec)
        init_cnn(model)
    return model


def _stage(n_in: int, n_out: int, count: int, expansion: int, *, stride: int) -> nn.Sequential:
    first = _Block(n_in, n_out, expansion, stride)
    return nn.Sequential(first, *(_Block(n_out, n_out, expansion, 1) for _ in range(count - 1)))


class _Block(nn.Module):
    """``relu(convolutions(x) + shortcut(x))``: (B, n_in, H, W) -> (B, n_out, H/s, W/s)."""

    def __init__(self, n_in: int, n_out: int, expansion: int, stride: int) -> None:
        super().__init__()
        if expansion == 1:
            convs = [*conv_norm(n_in, n_out, stride=stride), *conv_norm(n_out, n_out, relu=False)]
        else:
            inner = n_out // expansion
            convs = [
                *conv_norm(n_in, inner, kernel=1),
                *conv_norm(inner, inner, stride=stride),
                *conv_norm(inner, n_out, kernel=1, relu=False),
            ]
        self.convs = nn.Sequential(*convs)
        last = convs[-1]
        if isinstance(last, nn.BatchNorm2d):
            nn.init.zeros_(last.weight)
        shortcut: list[nn.Module] = []
        if stride != 1:
            shortcut.append(nn.AvgPool2d(2, ceil_mode=True))
        if n_in != n_out:
            shortcut += conv_norm(n_in, n_out, kernel=1, relu=False)
        self.shortcut = nn.Sequential(*shortcut)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.relu(self.convs(x) + self.shortcut(x))
        return y
