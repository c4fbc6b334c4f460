"""Mix the samples of a batch with each other, and make targets that can be mixed.

All that is drawn comes from torch's own generators. Knows tensors only.
"""

import math
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from learnkit.errors import DataError

SMALL_ALPHA: Final = 0.05  # below it torch's own draws of Beta begin to underflow, to exactly 0.5


def check_alpha(alpha: float, name: str) -> float:
    """Return alpha as a float; ValueError unless it is a number above 0."""
    number = isinstance(alpha, int | float) and not isinstance(alpha, bool)
    if not (number and 0 < float(alpha) < math.inf):
        raise ValueError(f"{name} must be a number above 0, found {alpha!r}.")
    return float(alpha)


def check_floats(x: object, owner: str) -> None:
    """Raise DataError unless ``x`` is one Tensor of floats."""
    if not (isinstance(x, Tensor) and x.is_floating_point()):
        raise DataError(
            f"{owner} mixes one Tensor of floats; x is {_described(x)}. "
            f"Leave {owner} out for such data."
        )


def check_inputs(inputs: object, owner: str) -> None:
    """Raise DataError where x holds numbers that stand for something, as codes of categories do.

    Args:
        inputs: how raw items became x, or None.
        owner: who asks, for messages.
    """
    coded = list(getattr(inputs, "category_sizes", ()))
    if coded:
        raise DataError(
            f"{owner} takes means of x, and the mean of two categories is none of the two: this "
            f"table has codes in {_listed(coded)}. Leave {owner} out for such data."
        )
    if getattr(inputs, "ragged", False):
        raise DataError(
            f"{owner} takes means of x, and here the last number of a step says whether the step "
            f"is there: sequences of different lengths cannot be mixed. Leave {owner} out for such "
            "data."
        )


def check_images(x: Tensor, owner: str) -> None:
    """Raise DataError unless ``x`` is (B, C, H, W)."""
    if x.ndim != 4:
        raise DataError(
            f"{owner} cuts boxes out of photos, x (B, C, H, W); found x of shape {tuple(x.shape)}. "
            "MixUp mixes numbers of any shape."
        )


def soft_targets(y: Tensor, *, n_classes: int, dtype: torch.dtype, owner: str) -> Tensor:
    """Return targets as numbers that can be mixed.

    Args:
        y: class numbers int64 or uint8 (B,) become one-hot (B, K); booleans become 0 and 1; floats,
            which are values or probabilities, stay as they are.
        n_classes: K; 0 where it is not known, which does for all but class numbers.
        dtype: of what is made of class numbers and booleans.
        owner: who asks, for messages.

    Raises:
        DataError: for targets of another kind, or class numbers that are out of range. On a GPU
            these are not looked at, since that would wait for it.
    """
    if isinstance(y, Tensor) and y.is_floating_point():
        return y
    if isinstance(y, Tensor) and y.dtype == torch.bool:
        return y.to(dtype)
    if not isinstance(y, Tensor) or y.is_complex() or y.ndim != 1:
        raise DataError(
            f"{owner} mixes class numbers (B,), or booleans and floats of any shape (B, ...); the "
            f"targets are {_described(y)}. Leave {owner} out, or change them in the dataset."
        )
    if not n_classes:
        raise DataError(
            f"{owner} makes probabilities of class numbers, and the data does not say how many "
            f"classes there are. Give {owner}(n_classes=...)."
        )
    if y.device.type == "cpu" and len(y) and not 0 <= int(y.min()) <= int(y.max()) < n_classes:
        wrong = int(y.min()) if int(y.min()) < 0 else int(y.max())
        raise DataError(
            f"a label is {wrong}, but with {n_classes} classes labels run from 0 to "
            f"{n_classes - 1}. Check the dataset's targets."
        )
    return F.one_hot(y.long(), n_classes).to(dtype)


def mixup(x: Tensor, y: Tensor, *, alpha: float) -> tuple[Tensor, Tensor]:
    """Mix each sample with another one of the batch (Zhang et al. 2018, arXiv 1710.09412, sec. 2).

    One weight for the batch, drawn from Beta(alpha, alpha); partners by a random permutation.

    Args:
        x: floats (B, ...).
        y: floats (B, ...).
        alpha: above 0; the smaller, the nearer to one of the two.

    Returns:
        ``weight * x + (1 - weight) * x[partners]``, and y likewise.
    """
    weight, partners = _weight(alpha), _partners(x)
    return _blend(x, partners, weight), _blend(y, partners.to(y.device), weight)


def cutmix(x: Tensor, y: Tensor, *, alpha: float) -> tuple[Tensor, Tensor]:
    """Paste a box of another photo into each (Yun et al. 2019, arXiv 1905.04899, sec. 3.1).

    One box for the batch, drawn by torchvision: its share of the photo is 1 - Beta(alpha, alpha)
    before it is cut at the edges. Targets mix by the share that it really has.

    Args:
        x: floats (B, C, H, W).
        y: floats (B, ...).
        alpha: above 0.
    """
    from torchvision.transforms import v2

    drawn = v2.CutMix(alpha=alpha).make_params([x])
    left, top, right, bottom = drawn["box"]
    partners, box = _partners(x), (..., slice(top, bottom), slice(left, right))
    mixed = x.clone()
    mixed[box] = x[box][partners]
    return mixed, _blend(y, partners.to(y.device), drawn["lam_adjusted"])


def _weight(alpha: float) -> float:
    """Draw from Beta(alpha, alpha)."""
    if alpha < SMALL_ALPHA:
        # Of G1 / (G1 + G2), both from Gamma(alpha), both would be 0. Their logarithms are not: one
        # is that of Gamma(alpha + 1), and log(uniform) / alpha more (Marsaglia and Tsang 2000).
        gamma = torch.distributions.Gamma(torch.tensor(alpha + 1.0, dtype=torch.float64), 1.0)
        logs = gamma.sample((2,)).log() + torch.rand(2, dtype=torch.float64).log() / alpha
        return float(torch.sigmoid(logs[0] - logs[1]))
    one = torch.tensor(float(alpha))
    return float(torch.distributions.Beta(one, one, validate_args=False).sample())


def _partners(x: Tensor) -> Tensor:
    return torch.randperm(len(x), device=x.device)


def _blend(value: Tensor, partners: Tensor, weight: float) -> Tensor:
    return torch.lerp(value[partners], value, weight)


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} more" * (len(names) > 3))


def _described(value: object) -> str:
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    return f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"
