"""The backbones by name. Values only: nothing is imported or built before use."""

from learnkit.errors import ExportError
from learnkit.models.backbone import Backbone
from learnkit.models.timm_source import PackagedLite0, TimmSource, check_name
from learnkit.models.torchvision_source import NAMES, TorchvisionSource
from learnkit.names import did_you_mean

TIMM_PREFIX = "timm/"


def _torchvision(name: str) -> Backbone:
    return Backbone(name, TorchvisionSource(name))


resnet18 = _torchvision("resnet18")
resnet34 = _torchvision("resnet34")
resnet50 = _torchvision("resnet50")
resnet101 = _torchvision("resnet101")
resnet152 = _torchvision("resnet152")
resnext50_32x4d = _torchvision("resnext50_32x4d")
resnext101_32x8d = _torchvision("resnext101_32x8d")
wide_resnet50_2 = _torchvision("wide_resnet50_2")
mobilenet_v2 = _torchvision("mobilenet_v2")
mobilenet_v3_small = _torchvision("mobilenet_v3_small")
mobilenet_v3_large = _torchvision("mobilenet_v3_large")
efficientnet_b0 = _torchvision("efficientnet_b0")
efficientnet_b1 = _torchvision("efficientnet_b1")
efficientnet_b2 = _torchvision("efficientnet_b2")
efficientnet_b3 = _torchvision("efficientnet_b3")
efficientnet_b4 = _torchvision("efficientnet_b4")
efficientnet_v2_s = _torchvision("efficientnet_v2_s")
convnext_tiny = _torchvision("convnext_tiny")
convnext_small = _torchvision("convnext_small")
convnext_base = _torchvision("convnext_base")
efficientnet_lite0 = Backbone("efficientnet_lite0", PackagedLite0())


def timm(name: str) -> Backbone:
    """Make a backbone of any of timm's models.

    Example:
        >>> timm("convnext_atto").n_features
        320

    Args:
        name: timm's name, with or without a tag: ``"convnext_atto"``,
            ``"vit_tiny_patch16_224.augreg_in21k"``.

    Raises:
        ModelError: when timm has no such model; names the nearest.
    """
    check_name(name)
    return Backbone(TIMM_PREFIX + name, TimmSource(name))


def backbone_names() -> tuple[str, ...]:
    """Names of the backbones of the library's own table."""
    return (*NAMES, efficientnet_lite0.name)


def find_backbone(name: str) -> Backbone:
    """Return the backbone that an export names: one of the table, or ``timm/`` and its name.

    Raises:
        ExportError: when the library has no such backbone.
        ModelError: when timm has no such model.
    """
    if name.startswith(TIMM_PREFIX):
        return timm(name.removeprefix(TIMM_PREFIX))
    if name == efficientnet_lite0.name:
        return efficientnet_lite0
    if name not in NAMES:
        raise ExportError(
            f"learnkit has no backbone {name!r}.{did_you_mean(name, backbone_names())} "
            f"Known: {', '.join(backbone_names())}; and timm/NAME."
        )
    return _torchvision(name)


def is_known(backbone: Backbone) -> bool:
    """Whether an export can name this backbone: it is of the table, or one of timm's."""
    if isinstance(backbone.source, TimmSource) and backbone.name.startswith(TIMM_PREFIX):
        return True
    return backbone.name in backbone_names() and find_backbone(backbone.name) == backbone
