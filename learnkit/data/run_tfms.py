"""Run the transforms of training over a batch, in their order. Knows no normalisation."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from learnkit.data.augment import BatchTransform, Transform
from learnkit.data.moved import check_fit, moved
from learnkit.data.torchvision_targets import apply_with_targets
from learnkit.data.torchvision_tfms import apply_to_samples, is_torchvision, name_of
from learnkit.errors import DataError
from learnkit.randomness import SampleKeys, key_of, mix
from learnkit.types import Batch, Moves

# Numbers of float32 that stay in a core's caches from one transform to the next: 2 MB.
_PART: Final = 1 << 19


def run_tfms(
    tfms: Sequence[Transform], batch: Batch, keys: SampleKeys, *, moves: Moves = ""
) -> Batch:
    """Return the changed batch; x stays uint8 as long as no transform wants floats.

    Args:
        tfms: run in this order.
        batch: x (B, ...); images as uint8 or float in [0, 1].
        keys: what random choices depend on.
        moves: ``"mask"`` or ``"points"`` where the targets move with the pixels of x.

    Raises:
        DataError: when x is not what a transform is for, or it makes of it what no model takes;
            or masks or points are to move, and do not fit or a transform cannot move them.
    """
    if moves:
        check_fit(batch.y, batch.x, moves)
    x, step = batch.x, _samples_at_once(tfms, batch.x)
    if step >= len(x):
        return _run(tfms, batch, keys, moves)
    out: Tensor | None = None
    targets: list[Tensor] = []
    for first in range(0, len(x), step):
        part = slice(first, first + step)
        part_keys = replace(keys, indices=keys.indices[part])
        given = batch._replace(x=x[part], y=batch.y[part] if moves else batch.y)
        made, y = _run(tfms, given, part_keys, moves)
        if out is None:
            out = _room(x, made)
        out[part] = made
        targets += [y] if moves else []
    changed = batch if out is None else batch._replace(x=out)
    return changed._replace(y=torch.cat(targets)) if targets else changed


def as_float(x: Tensor) -> Tensor:
    """Turn uint8 images into float32 in [0, 1]; leave everything else."""
    if x.dtype != torch.uint8 or x.dim() != 4:
        return x
    return x.to(torch.float32).mul_(1.0 / 255.0)


def _samples_at_once(tfms: Sequence[Transform], x: Tensor) -> int:
    """Return how many samples go through all transforms together; on the CPU a few are faster."""
    own = [one for one in tfms if isinstance(one, BatchTransform) and one.each_alone]
    only_moved = all(one.moves_pixels_only for one in own)
    if len(own) < len(tfms) or only_moved or x.device.type != "cpu" or x.dim() != 4:
        return len(x)
    return max(1, torch.get_num_threads() * _PART // max(1, x.shape[1:].numel()))


def _room(x: Tensor, made: Tensor) -> Tensor:
    """Make room for the whole batch, laid out in memory as x is."""
    last = x.is_contiguous(memory_format=torch.channels_last)
    form = torch.channels_last if last else torch.contiguous_format
    return torch.empty((len(x), *made.shape[1:]), dtype=made.dtype, memory_format=form)


def _run(tfms: Sequence[Transform], batch: Batch, keys: SampleKeys, moves: Moves) -> Batch:
    given, culprit = batch.x, ""
    for place, (transform, its_keys) in enumerate(zip(tfms, keys_of(tfms, keys), strict=True)):
        with _named(transform, place):
            if isinstance(transform, BatchTransform):
                batch = _changed(transform, batch, its_keys, moves)
            elif is_torchvision(transform):
                batch = _sampled(transform, batch, keys, place, moves)
                culprit = name_of(transform) if _loses_channels(given, batch.x) else culprit
            else:
                batch = batch._replace(x=transform(as_float(batch.x)))
            if moves:
                check_fit(batch.y, batch.x, moves)
    if culprit and _loses_channels(given, batch.x):
        raise DataError(
            f"{culprit} must leave as many channels as the loader gives: expected "
            f"{given.shape[1]}, found a batch {tuple(batch.x.shape)}."
        )
    return batch


def _changed(transform: BatchTransform, batch: Batch, keys: SampleKeys, moves: Moves) -> Batch:
    if batch.x.dim() != 4:
        raise DataError(
            f"{name_of(transform)} changes images (B, C, H, W); the loader "
            f"gives {tuple(batch.x.shape)}. Leave it out of the transforms."
        )
    if not transform.moves_pixels_only:
        batch = batch._replace(x=as_float(batch.x))
    size = batch.x.shape[2], batch.x.shape[3]
    maps = transform.moves_by(keys, *size) if moves else None
    changed = transform(batch, keys)
    return changed if maps is None else changed._replace(y=moved(changed.y, maps, moves, size))


def _sampled(
    transform: Transform, batch: Batch, keys: SampleKeys, place: int, moves: Moves
) -> Batch:
    if moves:
        return apply_with_targets(transform, batch, keys, place, moves)
    return batch._replace(x=apply_to_samples(transform, batch.x, keys, place))


def _loses_channels(given: Tensor, x: Tensor) -> bool:
    return given.dim() == 4 and (x.dim() != 4 or x.shape[1] != given.shape[1])


@contextmanager
def _named(transform: Transform, place: int) -> Iterator[None]:
    """Say in which transform an error arose; a DataError says so itself."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        name = getattr(transform, "__name__", name_of(transform))
        error.add_note(f"in the transform of training tfms[{place}], {name}")
        raise


def keys_of(tfms: Sequence[Transform], keys: SampleKeys) -> list[SampleKeys]:
    """Give a second transform of the same class draws of its own."""
    seen: Counter[str] = Counter()
    result = []
    for transform in tfms:
        name = name_of(transform)
        again = seen[name]
        seen[name] += 1
        seed = mix(keys.seed, key_of(name), again) if again else keys.seed
        result.append(replace(keys, seed=seed))
    return result
