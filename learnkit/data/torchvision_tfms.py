"""Apply torchvision's transforms to batches, each sample with random numbers of its own.

On a batch they would draw once for all samples: the whole batch mirrored, or none of it. So they
get one sample after the other, with every generator that they may draw from set from its keys.
torchvision is recognised by name; it is not imported here.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
from torch import Tensor

from learnkit.data.fetch import kept_globals, seed_globals
from learnkit.errors import DataError
from learnkit.randomness import SampleKeys, kept_generators, key_of, mix, seed_generators

_HOME: Final = "torchvision.transforms"
_ELEMENTWISE: Final = frozenset(
    {"ConvertImageDtype", "Identity", "Normalize", "ToDtype", "ToPureTensor"}
)
_MIXING: Final = frozenset({"CutMix", "MixUp"})


def is_torchvision(transform: object) -> bool:
    """Tell a transform of torchvision's, or of a class derived from one."""
    return any(_is_home(cls) for cls in type(transform).__mro__)


def parts_of(transform: Any) -> Iterator[Any]:
    """Give a transform of torchvision's and all that its containers hold, at any depth."""
    yield transform
    inner = getattr(transform, "transforms", None)
    for part in inner if isinstance(inner, list | tuple | torch.nn.ModuleList) else ():
        if is_torchvision(part):
            yield from parts_of(part)


def mixing_part(transform: object) -> str | None:
    """Return the name of what mixes samples and labels in a transform, or None."""
    names = (cls.__name__ for part in parts_of(transform) for cls in type(part).__mro__)
    return next((name for name in names if name in _MIXING), None)


def name_of(transform: object) -> str:
    """Return the name to call a transform by in a message."""
    return type(transform).__name__


def apply_to_samples(
    transform: Any,
    x: Tensor,
    keys: SampleKeys,
    place: int,
    *,
    call: Callable[[Tensor], object] | None = None,
) -> Tensor:
    """Return the batch with each sample changed on its own.

    What happens to a sample is a pure function of (seed, epoch, index, place). All generators are
    left as they were, and so is x.

    Args:
        transform: one of torchvision's.
        x: uint8 or float (B, ...), as the transform will get it sample by sample.
        keys: of the samples.
        place: of the transform in the list, which keeps two of them apart.
        call: what to do with one sample, by default ``transform(sample)``.

    Raises:
        DataError: when what comes back is no image, or not of one shape.
    """
    if call is None and _is_elementwise(transform):
        return _checked(transform, transform(x.clone()))
    made: list[Tensor] = []
    with kept_globals(), kept_generators(x.device):
        for sample, index in zip(x, keys.indices.tolist(), strict=True):
            _seed(x.device, keys.seed, key_of("torchvision"), keys.epoch, index, place)
            try:
                result = (call or transform)(sample.clone())  # some work in place
            except Exception as error:
                error.add_note(f"while changing sample {index}")
                raise
            made.append(_checked(transform, result))
            _check_shape(transform, made[0], made[-1], index)
    return _stacked(made, x)


def _is_home(cls: type) -> bool:
    return cls.__module__ == _HOME or cls.__module__.startswith(f"{_HOME}.")


def _is_elementwise(transform: Any) -> bool:
    """Tell whether a transform is known to do the same to every number, drawing none."""
    if not _is_home(type(transform)):
        return False  # a class of the user's, derived from one of these
    if name_of(transform) == "Compose":
        return all(map(_is_elementwise, transform.transforms))
    return name_of(transform) in _ELEMENTWISE


def _seed(device: torch.device, *keys: int) -> None:
    seed_globals(*keys)
    if device.type != "cpu":
        seed_generators(mix(*keys), 0, device)


def _checked(transform: object, result: object) -> Tensor:
    if isinstance(result, Tensor) and (result.dtype == torch.uint8 or result.is_floating_point()):
        plain = result.as_subclass(Tensor)  # torchvision has tensor classes of its own
        return plain.float() if plain.dtype == torch.float64 else plain
    found = f"a {type(result).__name__}"
    if isinstance(result, Tensor):
        found = f"a {str(result.dtype).removeprefix('torch.')} tensor {tuple(result.shape)}"
    raise DataError(
        f"{name_of(transform)} must turn a uint8 or float tensor into one; it gave {found}. Leave "
        "it out of tfms, or use it in a dataset of your own."
    )


def _check_shape(transform: object, first: Tensor, found: Tensor, index: int) -> None:
    if found.shape != first.shape:
        raise DataError(
            f"{name_of(transform)} gave samples of different shapes: expected "
            f"{tuple(first.shape)} as for the first of the batch, found {tuple(found.shape)} for "
            f"sample {index}. Put a transform with a fixed size after it into one v2.Compose."
        )


def _stacked(made: list[Tensor], x: Tensor) -> Tensor:
    """Make one batch, laid out in memory as x is."""
    photos = x.dim() == 4 and made[0].dim() == 3
    last = photos and x.is_contiguous(memory_format=torch.channels_last)
    form = torch.channels_last if last else torch.contiguous_format
    out = torch.empty(
        (len(made), *made[0].shape), dtype=made[0].dtype, device=made[0].device, memory_format=form
    )
    for place, one in enumerate(made):
        out[place] = one
    return out
