"""What happens to a batch between loader and model, as code."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

from learnkit.data import warp
from learnkit.data.augment import (
    Affine,
    BatchTransform,
    Dihedral,
    Flip,
    Lighting,
    RandomErasing,
    _where,
)
from learnkit.data.batch import Normalize
from learnkit.data.run_tfms import _PART
from learnkit.data.torchvision_tfms import name_of
from learnkit.eject.plain import (
    mirrored,
    to_float,
)
from learnkit.eject.source import source_of, sources
from learnkit.eject.values import literal
from learnkit.errors import ExportError

_OWN = (Affine, Dihedral, Flip, Lighting, RandomErasing)


class ChangesCode(NamedTuple):
    """What happens to a batch on the device, as code: ``prepare(x, keys)``."""

    imports: tuple[str, ...]
    code: str


def changes_code(tfms: Sequence[Any], normalize: Normalize | None, *, photos: bool) -> ChangesCode:
    """Return the random changes of training and the normalisation.

    Raises:
        ExportError: for a transform of the user's own, or of torchvision.
    """
    for place, tfm in enumerate(tfms):
        if type(tfm) not in _OWN:
            shown = getattr(tfm, "__name__", None) or name_of(tfm)
            raise ExportError(
                f"tfms[{place}] is {shown}, and eject writes learnkit's own transforms alone: "
                "Affine, Dihedral, Flip, Lighting, RandomErasing and the presets made of them. "
                "Leave it out, or put it into a script of your own."
            )
    if normalize is not None and type(normalize) is not Normalize:
        raise ExportError(
            f"normalize is {type(normalize).__name__}, and eject writes Normalize(mean, std) alone."
        )
    parts = [_transforms(tfms)] if tfms else []
    last = "x"
    if normalize is not None or photos or tfms:
        parts.append(source_of(to_float))
        last = "to_float(x)"
    if normalize is not None:
        parts.append(_normalise(normalize))
        last = "normalise(x)"
    first = "    if keys is not None:\n        x = change(x, keys)\n" if tfms else ""
    parts.append(
        'def prepare(x, keys):\n    """Give a batch as the model sees it; keys in training only."""'
        f"\n{first}    return {last}"
    )
    imports = ("import math", "from dataclasses import dataclass", "import cv2") if tfms else ()
    return ChangesCode(imports, "\n\n\n".join(parts))


def _normalise(normalize: Normalize) -> str:
    bias = [-m / s for m, s in zip(normalize.mean, normalize.std, strict=True)]
    return f'''def normalise(x):
    """(x - mean) / std of each channel; uint8 is taken as [0, 255]."""
    if x.dtype != torch.uint8 and not x.is_floating_point():
        return x
    highest = 255.0 if x.dtype == torch.uint8 else 1.0
    bias = torch.tensor(
        {literal(bias)},
        dtype=torch.float64,
    ).float()
    std = {literal(list(normalize.std))}
    scale = torch.tensor([1.0 / (s * highest) for s in std], dtype=torch.float64)
    out = x.to(torch.float32, copy=True)
    scale, bias = scale.float().to(x.device), bias.to(x.device)
    return out.mul_(scale[:, None, None]).add_(bias[:, None, None])'''


def _transforms(tfms: Sequence[BatchTransform]) -> str:
    kinds = list(dict.fromkeys(type(tfm) for tfm in tfms))
    parts: list[str] = []
    if {Flip, Dihedral} & set(kinds):
        parts.append(source_of(mirrored).replace("def mirrored", "def _mirrored"))
    if Dihedral in kinds:
        parts.append(source_of(_where))
    if Affine in kinds:
        parts.append(f"_CORNERS = {warp._CORNERS}")
        maps = (warp.identities, warp.rotations, warp.zooms, warp.warps)
        parts.append(sources(*maps, warp._homographies, warp.sampling_grid))
    parts += [source_of(kind, bases=False, drop=("moves_by",)) for kind in kinds]
    moving = all(tfm.moves_pixels_only for tfm in tfms)
    seen: dict[str, int] = {}
    lines: list[str] = []
    for tfm in tfms:
        name = type(tfm).__name__
        again = seen.get(name, 0)
        seen[name] = again + 1
        keys = "keys" if not again else f'keys.again("{name}", {again})'
        if not tfm.moves_pixels_only:
            lines.append("batch = batch._replace(x=to_float(batch.x))")
        lines.append(f"batch = {_made(tfm)}(batch, {keys})")
    inner = "\n".join(f"    {line}" for line in lines)
    once = (
        f'def changed(x, keys):\n    """The random changes, each a function of the sample."""\n'
        f"    batch = Batch(x, None)\n{inner}\n    return batch.x"
    )
    parts.append(once)
    parts.append("def change(x, keys):\n    return changed(x, keys)" if moving else _BY_PARTS)
    return "\n\n\n".join(parts)


def _made(tfm: Any) -> str:
    fields = [f"{f.name}={getattr(tfm, f.name)!r}" for f in dataclasses.fields(tfm)]
    return f"{type(tfm).__name__}({', '.join(fields)})"


_BY_PARTS = f'''def change(x, keys):
    """Change a few samples at a time, which fits a CPU's caches."""
    step = len(x)
    if x.device.type == "cpu" and x.dim() == 4:
        step = max(1, torch.get_num_threads() * {_PART} // max(1, x.shape[1:].numel()))
    if step >= len(x):
        return changed(x, keys)
    out = None
    for first in range(0, len(x), step):
        part = slice(first, first + step)
        made = changed(x[part], SampleKeys(keys.seed, keys.epoch, keys.indices[part]))
        if out is None:
            last = x.is_contiguous(memory_format=torch.channels_last)
            form = torch.channels_last if last else torch.contiguous_format
            out = torch.empty((len(x), *made.shape[1:]), dtype=made.dtype, memory_format=form)
        out[part] = made
    return out'''
