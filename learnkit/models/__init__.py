"""Backbones to fine-tune and models to train from scratch.

``models.resnet34`` is a value; neither torchvision nor timm is imported before it is used.
"""

from typing import TYPE_CHECKING

from learnkit.lazy import lazy_names
from learnkit.models.backbone import Backbone, BackboneSource, Inputs
from learnkit.models.catalogue import (
    convnext_base,
    convnext_small,
    convnext_tiny,
    efficientnet_b0,
    efficientnet_b1,
    efficientnet_b2,
    efficientnet_b3,
    efficientnet_b4,
    efficientnet_lite0,
    efficientnet_v2_s,
    mobilenet_v2,
    mobilenet_v3_large,
    mobilenet_v3_small,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
    resnext50_32x4d,
    resnext101_32x8d,
    timm,
    wide_resnet50_2,
)
from learnkit.models.head import fastai_head, plain_head
from learnkit.models.perceptron import linear, mlp
from learnkit.models.scratch import ScratchModel, cnn
from learnkit.models.spec import build_from_spec
from learnkit.models.transfer import CnnModel, build_cnn
from learnkit.models.xresnet import xresnet18, xresnet34, xresnet50

__all__ = [
    "Backbone",
    "BackboneSource",
    "CnnModel",
    "GANModel",
    "Ingredient",
    "Inputs",
    "ScratchModel",
    "Soup",
    "autoencoder",
    "build_cnn",
    "build_from_spec",
    "by_name",
    "char_rnn",
    "cnn",
    "convnext_base",
    "convnext_small",
    "convnext_tiny",
    "dcgan_critic",
    "dcgan_generator",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_lite0",
    "efficientnet_v2_s",
    "fastai_head",
    "least_squares",
    "linear",
    "lstm",
    "mlp",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "plain_head",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "soup",
    "text_rnn",
    "text_transformer",
    "timm",
    "vae",
    "wide_resnet50_2",
    "xresnet18",
    "xresnet34",
    "xresnet50",
]

if TYPE_CHECKING:
    from learnkit.models.autoencoders import autoencoder, vae
    from learnkit.models.dcgan import dcgan_critic, dcgan_generator
    from learnkit.models.exact_linear import least_squares
    from learnkit.models.gan import GANModel
    from learnkit.models.greedy_soup import soup
    from learnkit.models.language import char_rnn
    from learnkit.models.named_inputs import by_name
    from learnkit.models.recurrent import lstm
    from learnkit.models.recurrent_text import text_rnn
    from learnkit.models.soup_result import Ingredient, Soup
    from learnkit.models.transformer import text_transformer
else:  # type checkers would take any name for granted
    _LATER = {
        "GANModel": "gan",
        "Ingredient": "soup_result",
        "Soup": "soup_result",
        "autoencoder": "autoencoders",
        "by_name": "named_inputs",
        "char_rnn": "language",
        "dcgan_critic": "dcgan",
        "dcgan_generator": "dcgan",
        "least_squares": "exact_linear",
        "lstm": "recurrent",
        "soup": "greedy_soup",
        "text_rnn": "recurrent_text",
        "text_transformer": "transformer",
        "vae": "autoencoders",
    }
    _later = lazy_names(__name__, _LATER)

    def __getattr__(name: str) -> object:
        from learnkit.names import did_you_mean

        if name in _LATER:
            return _later(name)
        hint = did_you_mean(name, __all__) or " models.timm(NAME) makes any of timm's."
        raise AttributeError(f"learnkit.models has no {name!r}.{hint}")
