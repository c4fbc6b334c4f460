"""From pictures to their codes, and from noise to pictures, with a learner that was trained."""

from typing import Any, NamedTuple

from torch import Tensor, nn

from learnkit.data.bunch import AnyLoader, as_loader
from learnkit.errors import ModelError
from learnkit.inference import Predictor
from learnkit.learner import Learner
from learnkit.models.compressed import inner_of
from learnkit.models.drawing import drawer, drawn, noise_of
from learnkit.models.fast_body import FastBody
from learnkit.names import checked_keywords
from learnkit.predictions import Engine, predict_loader


class Codes(NamedTuple):
    """``codes`` float32 (N, n_latent) on the CPU; ``targets`` as the loader gave them, (N,)."""

    codes: Tensor
    targets: Tensor


def encode(learn: Learner, dl: AnyLoader | None = None) -> Codes:
    """Return the codes of all pictures of a loader, the validation one by default, in its order.

    Of a variational autoencoder these are the means. Of a batch, ``learn.model.encode(x)``.

    Raises:
        ModelError: when the model has no ``encode``, or there is no validation loader.
    """
    inner = inner_of(learn.model)
    if not callable(getattr(inner, "encode", None)):
        raise ModelError(
            f"{type(inner).__name__} has no encode(x); autoencoder_learner makes models that "
            "have it."
        )
    loader = dl if dl is not None else learn.data.valid_dl
    if loader is None:
        raise ModelError("this data has no validation samples; pass a loader: data.train_dl.")
    model = _Encoder(inner)
    engine = Engine(model, learn.pipeline, learn.precision, FastBody())
    found = predict_loader(engine, as_loader(loader, "dl", learn.seed))
    return Codes(found.preds, found.targets)


@checked_keywords
def sample(learn: Learner | Predictor, n: int = 16, *, seed: int = 0) -> Tensor:
    """Draw pictures from a GAN or a variational autoencoder.

    Args:
        learn: a learner, or what `load_learner` returns.
        n: how many.
        seed: of the noise; the same one gives the same pictures.

    Returns:
        float32 (n, C, H, W) in [0, 1], on the CPU.

    Raises:
        ValueError: when ``n`` is no whole number of at least 1.
        ModelError: when the model cannot draw, or is an autoencoder that is not variational.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        other = " Another sample, of learnkit.text, goes on with texts." * isinstance(n, str)
        raise ValueError(
            f"sample() draws n pictures, a whole number of at least 1; got {n!r}.{other}"
        )
    n_latent = drawer(learn.model).n_latent
    task = learn.task if isinstance(learn, Learner) else learn.card.reader
    if task.kind == "reconstruction":
        raise ModelError(
            "sample() draws pictures of noise, and this autoencoder was not trained to make any of "
            "it: pass variational=True to autoencoder_learner. encode(learn) gives codes that its "
            "learn.model.decode(codes) knows."
        )
    return drawn(learn.model, noise_of(n, n_latent, seed))


class _Encoder(nn.Module):
    """The half of an autoencoder that gives codes."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model: Any = model

    def forward(self, x: Tensor) -> Tensor:
        codes: Tensor = self.model.encode(x)
        return codes
