"""Learners that make pictures: autoencoders, variational ones, and GANs."""

import dataclasses
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, Unpack, cast, get_args

from torch import Tensor, nn
from torch.nn import functional

from learnkit.callbacks.watch.sample_grid import SampleGrid
from learnkit.codes import Codes, encode, sample
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.noise_inputs import NoiseInputs
from learnkit.errors import DataError, ModelError
from learnkit.learner import Learner
from learnkit.learner_options import LearnerOptions
from learnkit.losses.adversarial import AdversarialLoss, NonSaturating, Wasserstein
from learnkit.models.autoencoders import autoencoder, vae
from learnkit.models.dcgan import CriticNorm, dcgan_critic, dcgan_generator
from learnkit.models.freeze import BATCH_NORMS
from learnkit.models.gan import GANModel
from learnkit.names import checked_keywords, did_you_mean
from learnkit.optim.game import GameAdam
from learnkit.optim.joined import joined
from learnkit.picture_grid import save_grid
from learnkit.tasks.gan import GAN
from learnkit.tasks.reconstruction import Reconstruction
from learnkit.tasks.variational import Variational
from learnkit.types import LossFn, OptimizerFactory

__all__ = [
    "GAN",
    "Codes",
    "GANModel",
    "NonSaturating",
    "Reconstruction",
    "SampleGrid",
    "Variational",
    "Wasserstein",
    "autoencoder_learner",
    "encode",
    "gan_learner",
    "sample",
    "save_grid",
]

PixelLoss: TypeAlias = Literal["mse", "bce"]
Game: TypeAlias = Literal["dcgan", "wgan-gp"]

_PIXEL_LOSSES: Final[dict[str, LossFn]] = {
    "mse": functional.mse_loss,
    "bce": functional.binary_cross_entropy,
}


@checked_keywords
def autoencoder_learner(
    data: DataBunch,
    *,
    n_latent: int = 32,
    variational: bool | float = False,
    noise: float = 0.0,
    hidden: Sequence[int] = (256, 128),
    channels: Sequence[int] = (),
    loss: PixelLoss = "mse",
    model: nn.Module | None = None,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """Make a learner whose target is its input: the labels of the data are ignored.

    Args:
        data: pictures: an ``ImageDataBunch``, or arrays (N, C, H, W) or (N, H, W) in [0, 1] or of
            uint8.
        n_latent: numbers in a code.
        variational: True for a variational autoencoder, or a number: its beta.
        noise: standard deviation of the noise that is added to what the model sees in training, in
            units of the pixels' range.
        hidden: widths of the dense layers; unused with ``channels``.
        channels: maps of convolutions that each halve the sides, in place of dense layers.
        loss: ``"mse"``, or ``"bce"`` for binary cross entropy of each pixel.
        model: one of your own; the arguments of its architecture are unused then.
        **options: as in `Learner`, but ``normalize``, and ``compile`` of a variational one.

    Raises:
        DataError: when the data holds no pictures.
        TypeError, ValueError: when an option is out of range or has no place here.

    Example:
        >>> import torch
        >>> data = DataBunch.from_arrays(torch.rand(20, 8, 8), torch.zeros(20), batch_size=8)
        >>> learn = autoencoder_learner(data, n_latent=4, hidden=[16])
        >>> learn.predict(torch.rand(8, 8)).value.shape
        torch.Size([1, 8, 8])
    """
    _check_options("autoencoder_learner", data, options)
    if loss not in _PIXEL_LOSSES:
        raise ValueError(f'loss must be "mse" or "bce"; got {loss!r}.')
    if not isinstance(variational, int | float):
        raise TypeError(f"variational must be True, False or its beta; got {variational!r}.")
    if variational and options.get("compile"):
        raise TypeError(
            "autoencoder_learner(variational=...) has no compile: codes are drawn between encoder "
            "and decoder, so the model itself is not called."
        )
    beta = float(variational)
    loss_func = _PIXEL_LOSSES[loss]
    task = Variational(loss_func, noise=noise, beta=beta) if variational else None
    if model is None:
        build = autoencoder if task is None else vae
        seed = options.get("seed")
        model = build(
            picture_shape(data),
            n_latent,
            hidden=hidden,
            channels=channels,
            seed=data.seed if seed is None else seed,
        )
    return Learner(data, model, task=task or Reconstruction(loss_func, noise=noise), **options)


@checked_keywords
def gan_learner(
    data: DataBunch,
    generator: nn.Module | None = None,
    critic: nn.Module | None = None,
    *,
    loss: Game | AdversarialLoss = "dcgan",
    n_critic: int | None = None,
    n_latent: int | None = None,
    critic_opt_func: OptimizerFactory | None = None,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """Make a learner of two nets, each with an optimizer of its own, through the one loop.

    Train it by ``learn.fit(40, 2e-4)``; ``lr=[1e-4, 4e-4]`` gives the generator and the critic
    rates of their own. The default optimizers do not decay weights. ``predict`` takes noise,
    float (n_latent,), and `sample` draws its own.

    Args:
        data: pictures: an ``ImageDataBunch``, or arrays (N, C, H, W) or (N, H, W) in [0, 1] or of
            uint8. Labels are ignored.
        generator: noise (B, n_latent) to pictures (B, C, H, W) in [0, 1]; a ``dcgan_generator``
            of the data's shape by default.
        critic: pictures to a score each; a ``dcgan_critic`` by default.
        loss: ``"dcgan"``, ``"wgan-gp"``, or an `AdversarialLoss`, such as ``Wasserstein(5.0)``.
        n_critic: training batches for the critic before one for the generator; 1, and 5 for
            ``"wgan-gp"``, by default.
        n_latent: numbers of noise; the generator's own, or 64.
        critic_opt_func: as ``opt_func``, which is the generator's; the same by default.
        **options: as in `Learner`, but ``loss_func``, ``normalize`` and ``compile``.

    Raises:
        DataError: when the data holds no pictures.
        ModelError: when a gradient penalty meets a critic with BatchNorm.
        TypeError, ValueError: when an option is out of range or has no place here.

    Example:
        >>> import torch
        >>> data = DataBunch.from_arrays(torch.rand(20, 8, 8), torch.zeros(20), batch_size=8)
        >>> sample(gan_learner(data), 4).shape
        torch.Size([4, 1, 8, 8])
    """
    _check_options("gan_learner", data, options)
    if options.get("loss_func") is not None or options.get("compile"):
        word = "loss_func" if options.get("loss_func") is not None else "compile"
        raise TypeError(f"gan_learner() has no {word}: two nets take turns. loss= names the game.")
    objective = _objective(loss)
    turns = n_critic if n_critic is not None else 5 if objective.penalty else 1
    task = GAN(objective, n_critic=turns)
    if objective.penalty and critic is not None:
        _check_no_batch_norm(critic)
    model = _gan_model(data, generator, critic, n_latent, objective, options.get("seed"))
    adam = GameAdam((0.0, 0.9) if objective.penalty else (0.5, 0.999))
    first = options.pop("opt_func", adam)
    options["opt_func"] = joined(first, critic_opt_func or first)
    noisy = dataclasses.replace(data, inputs=NoiseInputs(model.n_latent))
    return Learner(noisy, model, task=task, **options)


def picture_shape(data: DataBunch) -> tuple[int, int, int]:
    """Return (C, H, W) of the data's pictures.

    Raises:
        DataError: when it holds no pictures.
    """
    if isinstance(data, ImageDataBunch):
        return 3, *data.size
    x: object = data.one_batch().x
    if not isinstance(x, Tensor) or x.ndim not in (3, 4):
        found = f"x {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise DataError(
            f"pictures are needed, x (B, C, H, W) or (B, H, W); this data has {found}. Reshape "
            "flat ones: x.reshape(-1, 28, 28)."
        )
    n_maps = x.shape[1] if x.ndim == 4 else 1
    return n_maps, x.shape[-2], x.shape[-1]


def _check_options(name: str, data: object, options: LearnerOptions) -> None:
    if not isinstance(data, DataBunch):
        raise TypeError(
            f"{name}'s data must be a DataBunch of pictures; got {type(data).__name__}. Make one: "
            "ImageDataBunch.from_folder(path), DataBunch.from_arrays(x, y)."
        )
    if options.get("normalize") is not None:
        raise TypeError(f"{name}() has no normalize: pictures stay in [0, 1].")


def _objective(loss: object) -> AdversarialLoss:
    if loss == "dcgan":
        return NonSaturating()
    if loss == "wgan-gp":
        return Wasserstein()
    if isinstance(loss, AdversarialLoss) and not isinstance(loss, type):
        return loss
    hint = did_you_mean(str(loss), get_args(Game))
    raise ValueError(
        f'loss must be "dcgan", "wgan-gp", NonSaturating() or Wasserstein(); got {loss!r}.{hint}'
    )


def _gan_model(
    data: DataBunch,
    generator: nn.Module | None,
    critic: nn.Module | None,
    n_latent: int | None,
    objective: AdversarialLoss,
    seed: int | None,
) -> GANModel:
    seed = data.seed if seed is None else seed
    shape = picture_shape(data) if generator is None or critic is None else None
    if generator is None and shape is not None:
        generator = dcgan_generator(shape, n_latent=64 if n_latent is None else n_latent, seed=seed)
    if critic is None and shape is not None:
        norm: CriticNorm = "none" if objective.penalty else "batch"
        critic = dcgan_critic(shape, norm=norm, seed=seed)
    return GANModel(cast("nn.Module", generator), cast("nn.Module", critic), n_latent=n_latent)


def _check_no_batch_norm(critic: nn.Module) -> None:
    if any(isinstance(module, BATCH_NORMS) for module in critic.modules()):
        raise ModelError(
            "a gradient penalty is of each picture for itself, and BatchNorm mixes the pictures of "
            'a batch: give a critic without it, such as dcgan_critic(shape, norm="layer").'
        )
