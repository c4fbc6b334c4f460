"""Whether a batch looks as pretrained weights expect it. Knows tensors only."""

from typing import Final

import torch
from torch import Tensor

_SAMPLES: Final = 16  # of the batch that are looked at,
_PIXELS: Final = 64  # and about so many rows and columns of each
_MARGIN: Final = 0.25  # beyond black and white, for transforms that overshoot
_SHARE: Final = 0.25  # of the numbers beyond the margin


def misfit(x: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> str | None:
    """Say how a batch misses the normalisation of the weights, or None. This waits.

    Undoing the normalisation must give colours in [0, 1]. They are not when a quarter of the
    numbers lies outside: values up to 255, or normalised twice. Colours that were not normalised
    at all do pass as dark or bright ones, but then no number of the batch is below 0 or above 1,
    while normalised photos have both unless all are of one narrow range of greys.

    Args:
        x: (B, C, H, W) as the model sees it; some pixels of some samples are looked at. Anything
            but floats of that many channels is not judged.
        mean: of the pretraining inputs per channel, for colours in [0, 1].
        std: likewise.
    """
    if not x.is_floating_point() or x.ndim != 4 or x.shape[1] != len(mean) or not x.numel():
        return None
    rows, columns = (max(1, side // _PIXELS) for side in x.shape[2:])
    part = x.detach()[:_SAMPLES, :, ::rows, ::columns].float()
    shape = 1, len(mean), 1, 1
    colours = part * part.new_tensor(std).view(shape) + part.new_tensor(mean).view(shape)
    outside = ((colours < -_MARGIN) | (colours > 1 + _MARGIN)).float().mean()
    lowest, highest, share = torch.stack([part.min(), part.max(), outside]).tolist()
    plain = lowest >= 0 and highest <= 1 < 2 * (highest - lowest)
    if share > _SHARE:
        what = f"{share:.0%} of them beyond black or white"
    elif plain and min(mean) > 0.1:
        what = "as photos have before they are normalised"
    else:
        return None
    low = min(-m / s for m, s in zip(mean, std, strict=True))
    high = max((1 - m) / s for m, s in zip(mean, std, strict=True))
    return (
        f"the first training batch has values from {lowest:.3g} to {highest:.3g}, {what}; the "
        f"pretrained weights expect {low:.2f} to {high:.2f}. Normalise once: give photos as uint8, "
        "or as floats in [0, 1], and leave the rest to cnn_learner(normalize=True)."
    )
