"""Objects of torch as the code that makes them: layers, losses, optimizers' settings."""

import functools
import inspect
import math
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learnkit.errors import ExportError

_OLD: Final = ("device", "dtype", "size_average", "reduce", "self")
_NUMBERS: Final = 1000  # of a tensor that is written into the script
_PLAIN: Final = (bool, int, float, str, type(None))


def literal(value: object) -> str | None:
    """Return a value of plain types, or a small tensor, as code; None where it is another."""
    if isinstance(value, torch.Size):
        return repr(tuple(value))
    if isinstance(value, _PLAIN):
        unnamed = isinstance(value, float) and not math.isfinite(value)
        return f'float("{value}")' if unnamed else repr(_plainly(value))
    if isinstance(value, tuple | list) and all(literal(one) is not None for one in value):
        inner = ", ".join(str(literal(one)) for one in value)
        comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
        return f"({inner}{comma})" if isinstance(value, tuple) else f"[{inner}]"
    if isinstance(value, Tensor) and value.numel() <= _NUMBERS:
        return f"torch.tensor({literal(value.detach().cpu().tolist())}, dtype={value.dtype})"
    return None


def _plainly(value: Any) -> Any:
    """Return NumPy's float and any other subclass as what it is derived from."""
    plain = next((kind for kind in _PLAIN[:-1] if isinstance(value, kind)), None)
    return value if plain is None else plain(value)


def made_by(thing: nn.Module, prefix: str = "nn") -> str | None:
    """Return the constructor call of a layer or loss of torch.nn; None where it cannot be told.

    A layer keeps its constructor's arguments under their own names. Whoever uses the code must
    compare what it makes with the original.
    """
    if not type(thing).__module__.startswith("torch.nn.modules."):
        return None
    given: list[str] = []
    for name, parameter in inspect.signature(type(thing).__init__).parameters.items():
        if name in _OLD or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value = getattr(thing, name, parameter.default)
        if name == "bias" and not isinstance(value, bool):
            value = value is not None
        # Hardtanh(-1, 1) is written out: its default is -1.0, and shown as such
        alike = type(value) is type(parameter.default)
        if alike and isinstance(value, (*_PLAIN, tuple, list)) and value == parameter.default:
            continue
        code = literal(value)
        if code is None:
            return None
        given.append(code if parameter.default is parameter.empty else f"{name}={code}")
    return f"{prefix}.{type(thing).__name__}({', '.join(given)})"


def loss_code(loss: object) -> str:
    """Return a loss as code.

    Raises:
        ExportError: for one that is none of torch's own.
    """
    from learnkit.losses import default_loss

    if loss is default_loss(torch.zeros(1, 1, dtype=torch.bool)):
        return "lambda preds, y: F.binary_cross_entropy_with_logits(preds, y.to(preds.dtype))"
    if isinstance(loss, functools.partial):
        codes = {name: literal(value) for name, value in loss.keywords.items()}
        settings = [f"{name}={code}" for name, code in codes.items()]
        if not loss.args and None not in codes.values() and all(map(str.isidentifier, codes)):
            return f"functools.partial({loss_code(loss.func)}, {', '.join(settings)})"
    name = getattr(loss, "__name__", "")
    if name and getattr(F, name, None) is loss:
        return f"F.{name}"
    made = made_by(loss) if isinstance(loss, nn.Module) else None
    if made is None or not _is_same(loss, made):
        shown = name or type(loss).__name__
        raise ExportError(
            f"eject writes losses of torch alone, and this learner has {shown}. Train with a loss "
            "of torch.nn or torch.nn.functional, or put your own into a script of your own."
        )
    return made


def _is_same(loss: Any, code: str) -> bool:
    made: Any = eval(code, {"nn": nn, "torch": torch})  # of literals that this module wrote
    return settings_of(made) == settings_of(loss)


def settings_of(module: nn.Module) -> dict[str, str]:
    """Return what a module was made with, by the words of its attributes and buffers."""
    own = {k: repr(v) for k, v in vars(module).items() if k[0] != "_" and k != "training"}
    buffers = {k: literal(v.cpu()) or "" for k, v in module.named_buffers(recurse=False)}
    return own | buffers if isinstance(module, nn.modules.loss._Loss) else own
