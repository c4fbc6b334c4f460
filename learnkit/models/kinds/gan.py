"""A generator and a critic of pictures."""

import itertools
import math
from typing import Final

from torch import nn

from learnkit.errors import ExportError
from learnkit.models.dcgan import check_doublings, dcgan_critic, dcgan_generator
from learnkit.models.gan import GANModel
from learnkit.models.kinds.autoencoder import be_shape, check_maps
from learnkit.models.kinds.kind import Kind, Values, check_size
from learnkit.models.spec_fields import be_one_of, be_width, be_widths


def _check(values: Values) -> None:
    n_maps, height, width = values["shape"]
    makes, scores = values["generator"], values["critic"]
    if min(height, width) >> len(scores) < 1:
        raise ExportError(
            f"The model description asks for {len(scores)} layers in gan.critic, which are too "
            f"many for pictures of {height} x {width}."
        )
    try:
        check_doublings(values["shape"], len(makes))
    except ValueError as error:
        raise ExportError(f"In the model description gan.generator is too long: {error}") from None
    times = 2 ** len(makes)
    small = (-(-height // times), -(-width // times))
    places = [small[0] * small[1] * 4**i for i in range(len(makes) + 1)]
    check_maps("gan.generator", zip([*makes, n_maps], places, strict=True))
    first = values["n_latent"] * makes[0] * math.prod(small)
    kernels = sum(16 * a * b for a, b in itertools.pairwise([*makes, n_maps]))
    check_size("gan.generator", first + kernels)
    halves = [(height >> i) * (width >> i) for i in range(len(scores) + 1)]
    check_maps("gan.critic", zip([n_maps, *scores], halves, strict=True))
    last = scores[-1] * math.prod(side >> len(scores) for side in (height, width))
    kernels = sum(16 * a * b for a, b in itertools.pairwise([n_maps, *scores]))
    check_size("gan.critic", last + kernels)


def _build(values: Values) -> nn.Module:
    shape = values["shape"]
    generator = dcgan_generator(shape, n_latent=values["n_latent"], channels=values["generator"])
    return GANModel(generator, dcgan_critic(shape, channels=values["critic"], norm=values["norm"]))


KIND: Final = Kind(
    fields={
        "shape": be_shape,
        "n_latent": be_width,
        "generator": be_widths,
        "critic": be_widths,
        "norm": be_one_of("batch", "layer", "none"),
    },
    check=_check,
    build=_build,
)
