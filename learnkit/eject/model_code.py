"""A model as code: constructors of torchvision, timm and torch.nn, and a few small classes."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from learnkit.eject.same_model import compare
from learnkit.eject.source import source_of, sources
from learnkit.eject.values import made_by
from learnkit.errors import ExportError
from learnkit.models.dense import Residual
from learnkit.models.head import ConcatPool, MeanPool
from learnkit.models.scratch import ScratchModel, conv_norm
from learnkit.models.timm_source import ChannelsFirst, OnePixel, TimmSource
from learnkit.models.torchvision_source import TorchvisionSource
from learnkit.models.transfer import CnnModel
from learnkit.models.xresnet import STAGES, _Block, _stage

_HELPERS = {"ConcatPool": ConcatPool, "MeanPool": MeanPool, "Residual": Residual}

NET = '''class Net(nn.Module):
    """A pretrained body and a head: photos (B, 3, H, W) to logits (B, K)."""

    def __init__(self, body, head):
        super().__init__()
        self.body, self.head = body, head

    def forward(self, x):
        return self.head(self.body(x))'''


class ModelCode(NamedTuple):
    """A model as code.

    Attributes:
        imports: lines.
        classes: definitions, before the model.
        build: a function ``build_model()``.
    """

    imports: tuple[str, ...]
    classes: str
    build: str


def model_code(model: nn.Module) -> ModelCode:
    """Return the code of a model, and make sure that it makes the same modules.

    Raises:
        ExportError: naming the layer that cannot be written.
    """
    if isinstance(model, CnnModel):
        code = _cnn(model)
    elif isinstance(model, ScratchModel) and model.spec.get("model") == "xresnet":
        code = _xresnet(model.spec)
    else:
        body = _layers(model, "model")
        code = ModelCode((), _helpers(body), f"def build_model():\n    return {_indented(body)}")
    compare(model, built(code))
    return code


def _cnn(model: CnnModel) -> ModelCode:
    imports, build_body, wrapper = _body(model)
    head = _layers(model.head, "head")
    classes = "\n\n\n".join(part for part in (wrapper, NET, _helpers(head)) if part)
    build = f"def build_model():\n{build_body}\n    head = {_indented(head)}\n"
    return ModelCode((imports,), classes, build + "    return Net(body, head)")


def _body(model: CnnModel) -> tuple[str, str, str]:
    source = model.backbone.source
    if type(source) is TorchvisionSource:
        kept = ", ".join(repr(name) for name, _ in model.body.named_children())
        lines = [
            f"    whole = torchvision.models.get_model({source.name!r}, weights=None)",
            f"    parts = OrderedDict((name, getattr(whole, name)) for name in ({kept},))",
            "    body = nn.Sequential(parts)  # all but pooling and classifier",
        ]
        return "import torchvision", "\n".join(lines), ""
    if isinstance(source, TimmSource):
        wrapper = type(model.body) if isinstance(model.body, ChannelsFirst | OnePixel) else None
        pool = "" if wrapper is OnePixel else ', global_pool=""'
        line = f"timm.create_model({source.name!r}, num_classes=0{pool})"
        line = line if wrapper is None else f"{wrapper.__name__}({line})"
        return "import timm", f"    body = {line}", "" if wrapper is None else source_of(wrapper)
    raise ExportError(
        f"eject writes bodies of torchvision and timm, and {model.backbone.name} comes from "
        f"{type(source).__name__}, a source of yours. Put the body into a script of your own."
    )


def _xresnet(spec: Mapping[str, Any]) -> ModelCode:
    expansion, blocks = STAGES[spec["depth"]]
    lines, n_in = [], 64
    for stage, count in enumerate(blocks):
        n_out = 64 * 2**stage * expansion
        stride = 1 if stage == 0 else 2
        lines.append(f"        _stage({n_in}, {n_out}, {count}, {expansion}, stride={stride}),")
        n_in = n_out
    stages = "\n".join(lines)
    build = f"""def build_model():
    return nn.Sequential(
        *conv_norm({spec["in_channels"]}, 32, stride=2),
        *conv_norm(32, 32),
        *conv_norm(32, 64),
        nn.MaxPool2d(3, stride=2, padding=1),
{stages}
        MeanPool(),
        nn.Linear({n_in}, {spec["n_classes"]}),
    )"""
    return ModelCode((), sources(MeanPool, conv_norm, _Block, _stage), build)


def _layers(module: nn.Module, place: str) -> str:
    """Return a module as an expression, over several lines where it holds others."""
    if type(module) in (nn.Sequential, ScratchModel):
        inner = [(name, _layers(child, f"{place}.{name}")) for name, child in _children(module)]
        numbered = [name for name, _ in inner] == [str(i) for i in range(len(inner))]
        if numbered:
            lines = ["nn.Sequential(", *(f"    {_indented(code)}," for _, code in inner), ")"]
        else:
            pairs = [f"    ({name!r}, {_indented(code)})," for name, code in inner]
            lines = ["nn.Sequential(OrderedDict([", *pairs, "]))"]
        return "\n".join(lines)
    if type(module) in (ConcatPool, MeanPool):
        return f"{type(module).__name__}()"
    if type(module) is Residual:
        inner_code = [_layers(child, f"{place}.{name}") for name, child in _children(module)]
        return "\n".join(["Residual(", *(f"    {_indented(code)}," for code in inner_code), ")"])
    made = made_by(module) if not list(module.children()) else None
    if made is None:
        raise ExportError(
            f"eject writes models of learnkit, and nn.Sequential of layers of torch.nn; {place} is "
            f"{type(module).__name__}, whose code it does not know. Put its class into a script of "
            "your own, or build it of such layers."
        )
    return made


def _children(module: nn.Module) -> list[tuple[str, nn.Module]]:
    # not `named_children`, which leaves out a module's second place
    return [(name, child) for name, child in module._modules.items() if child is not None]


def _indented(code: str) -> str:
    return code.replace("\n", "\n    ")


def _helpers(code: str) -> str:
    return "\n\n\n".join(source_of(cls) for name, cls in _HELPERS.items() if f"{name}(" in code)


def built(code: ModelCode) -> nn.Module:
    """Run the code of a model."""
    space: dict[str, Any] = {"__name__": "ejected"}
    head = "import torch\nfrom torch import Tensor, nn\nfrom collections import OrderedDict\n"
    imports = "\n".join(code.imports)
    text = f"from __future__ import annotations\n{head}{imports}\n{code.classes}\n{code.build}\n"
    with torch.random.fork_rng(devices=[]):
        exec(text, space)  # what this module wrote of names and literals
        model: nn.Module = space["build_model"]()
    return model
