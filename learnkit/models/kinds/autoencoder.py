"""An autoencoder of pictures; with `KIND` of ``vae`` the two differ in the encoder's width."""

import itertools
import math
from collections.abc import Iterable
from functools import partial
from typing import Final

from torch import nn

from learnkit.errors import ExportError
from learnkit.models.autoencoders import autoencoder
from learnkit.models.kinds.kind import Kind, Values, check_size
from learnkit.models.picture_layers import halved
from learnkit.models.spec_fields import Check, be_width, be_widths, refusal

MAX_NUMBERS: Final = 100_000_000  # of one picture: its pixels in all channels


def be_shape(where: str, value: object) -> None:
    """Check the shape of a picture: three widths of a bounded product."""
    be_widths(where, value)
    if isinstance(value, list) and (len(value) != 3 or math.prod(value) > MAX_NUMBERS):
        raise refusal(where, f"[C, H, W] of at most {MAX_NUMBERS} numbers together", value)


def check_maps(where: str, maps: Iterable[tuple[int, int]]) -> None:
    """Bound what a model keeps of one picture on its way: few parameters may make large maps.

    Args:
        where: the field.
        maps: the number of maps of each layer, and of the places in one of them.

    Raises:
        ExportError: naming the field, and how many numbers it asks for.
    """
    most = max(n * places for n, places in maps)
    if most > MAX_NUMBERS:
        raise ExportError(
            f"The model description asks for maps of {most} numbers in {where}; at most "
            f"{MAX_NUMBERS} are computed for one picture."
        )


def be_widths_or_none(where: str, value: object) -> None:
    """Check a list of widths that may be empty."""
    if value != []:
        be_widths(where, value)


FIELDS: Final[dict[str, Check]] = {
    "shape": be_shape,
    "n_latent": be_width,
    "hidden": be_widths_or_none,
    "channels": be_widths_or_none,
}


def check(name: str, n_out: int, values: Values) -> None:
    """Bound the parameters of encoder and decoder together, and their largest maps.

    Args:
        name: of the model, for messages.
        n_out: numbers that the encoder gives for each one of the code.
        values: of the fields.

    Raises:
        ExportError: when there are too many, or no layers are named.
    """
    shape, codes = values["shape"], values["n_latent"]
    hidden, channels = values["hidden"], values["channels"]
    if bool(hidden) == bool(channels):
        raise ExportError(
            f"The description of the model {name!r} must have hidden layers or channels; found "
            f"{'both' if hidden else 'neither'}."
        )
    if hidden:
        ends = math.prod(shape) * hidden[0] * 2 + hidden[-1] * codes * (n_out + 1)
        inner = 2 * sum(a * b for a, b in itertools.pairwise(hidden))
        check_size(f"{name}.hidden", ends + inner + math.prod(shape))
        return
    sides = halved((shape[0], shape[1], shape[2]), len(channels))
    height, width = sides[-1]
    kernels = 2 * sum(9 * a * b for a, b in itertools.pairwise([shape[0], *channels]))
    last = channels[-1] * height * width * codes * (n_out + 1)
    check_size(f"{name}.channels", kernels + 9 * channels[0] ** 2 + last)
    places = [math.prod(side) for side in sides]
    # the decoder convolves maps that were doubled, and the whole size once more
    maps = [(channels[0], places[0]), *zip(channels, places, strict=False)]
    check_maps(f"{name}.channels", maps)


def takes_photos(values: Values, height: int, width: int) -> bool:
    """Whether the model takes float (B, 3, height, width)."""
    return bool(values["shape"] == [3, height, width])


def _build(values: Values) -> nn.Module:
    return autoencoder(
        values["shape"],
        values["n_latent"],
        hidden=values["hidden"],
        channels=values["channels"],
    )


KIND: Final = Kind(
    fields=FIELDS,
    check=partial(check, "autoencoder", 1),
    build=_build,
    takes_photos=takes_photos,
)
