"""A variational autoencoder of pictures."""

from functools import partial
from typing import Final

from torch import nn

from learnkit.models.autoencoders import vae
from learnkit.models.kinds.autoencoder import FIELDS, check, takes_photos
from learnkit.models.kinds.kind import Kind, Values


def _build(values: Values) -> nn.Module:
    return vae(
        values["shape"],
        values["n_latent"],
        hidden=values["hidden"],
        channels=values["channels"],
    )


KIND: Final = Kind(
    fields=FIELDS,
    check=partial(check, "vae", 2),
    build=_build,
    takes_photos=takes_photos,
)
