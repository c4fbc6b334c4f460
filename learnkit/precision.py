"""How a step is computed in fp32, bf16 or fp16: an object that the loop owns.

Losses, metrics, gradients' norms and the weights themselves stay fp32 in all of them.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from learnkit.names import did_you_mean

PrecisionName: TypeAlias = Literal["auto", "fp32", "bf16", "fp16"]
Closure: TypeAlias = Callable[[], Tensor]

# Below this many parameters the casts of autocast cost more than the multiplications they speed up.
SMALL_MODEL = 1_000_000
_UNITS: Final = {"AMX": "_is_amx_tile_supported", "AVX512-BF16": "_is_avx512_bf16_supported"}


_NOTHING: Final = nullcontext()


class Precision(Protocol):
    """How one step is computed. Any object with these members may be given as ``precision=``."""

    @property
    def name(self) -> str:
        """Short name, such as ``bf16``."""

    @property
    def channels_last(self) -> bool:
        """Whether the model and image batches are kept in channels-last memory order."""

    def forward_context(self) -> AbstractContextManager[object]:
        """The context that the forward pass runs in."""

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients of ``loss``."""

    def unscale(self, optimizer: Optimizer) -> None:
        """Bring the gradients to their true size, before any hook sees them."""

    def step(self, optimizer: Optimizer, closure: Closure | None = None) -> bool:
        """Move the weights; False if the step was skipped because a gradient is not finite."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed fit needs."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""


@dataclass(frozen=True)
class Plain:
    """No loss scaling: fp32, or bf16 under autocast, whose exponent range is that of fp32."""

    name: str
    device_type: str
    channels_last: bool = True

    def forward_context(self) -> AbstractContextManager[object]:
        """Autocast for bf16, nothing for fp32."""
        return autocast_of(self.name, self.device_type)

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients of ``loss``."""
        loss.backward()  # type: ignore[no-untyped-call, unused-ignore]

    def unscale(self, optimizer: Optimizer) -> None:
        """Do nothing: the gradients have their true size."""

    def step(self, optimizer: Optimizer, closure: Closure | None = None) -> bool:
        """Move the weights."""
        if closure is None:
            optimizer.step()
        else:
            # torch annotates the closure as returning float; a Tensor is what it documents
            optimizer.step(closure)  # type: ignore[arg-type, unused-ignore]
        return True

    def state_dict(self) -> dict[str, Any]:
        """Nothing to keep."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to take."""


class Fp16:
    """fp16 autocast with a loss scale that adapts (Micikevicius et al. 2018, arXiv 1710.03740)."""

    name = "fp16"
    channels_last = True

    def __init__(self, device_type: str = "cuda") -> None:
        self._device_type = device_type
        self._scaler = torch.amp.GradScaler(device_type)
        self._unscaled = False

    def forward_context(self) -> AbstractContextManager[object]:
        """Autocast to fp16."""
        return autocast_of(self.name, self._device_type)

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients of the scaled loss."""
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call, unused-ignore]

    def unscale(self, optimizer: Optimizer) -> None:
        """Divide the gradients by the scale."""
        if self._unscaled:  # a hook dropped the last step, and the scaler still waits for it
            self._scaler.update()
        self._scaler.unscale_(optimizer)
        self._unscaled = True

    def step(self, optimizer: Optimizer, closure: Closure | None = None) -> bool:
        """Move the weights unless a gradient is inf or NaN; adapt the scale."""
        if closure is not None:
            raise ValueError(
                "an optimizer that needs a closure (L-BFGS) cannot be combined with fp16 loss "
                'scaling; use precision="fp32" or "bf16".'
            )
        before = self._scaler.get_scale()
        self._scaler.step(optimizer)
        self._scaler.update()
        self._unscaled = False
        return self._scaler.get_scale() >= before

    def state_dict(self) -> dict[str, Any]:
        """The scale and its growth counter."""
        if self._unscaled:  # a hook dropped the last step; as at the next `unscale`
            self._scaler.update()
            self._unscaled = False
        return self._scaler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        if state:
            self._scaler.load_state_dict(state)


def autocast_of(name: str, device_type: str) -> AbstractContextManager[object]:
    """Return the context in which a model computes in the precision of this name."""
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(name)
    return _NOTHING if half is None else torch.autocast(device_type, dtype=half)


def choose_precision(
    wanted: PrecisionName | Precision, device: torch.device, model: nn.Module
) -> tuple[Precision, str]:
    """Return the precision to train with, and the reason in a few words.

    Raises:
        ValueError: for a name that is none of auto, fp32, bf16, fp16.
        TypeError: for something that is neither a name nor a `Precision`.
    """
    options = get_args(PrecisionName)
    if not isinstance(wanted, str):
        if isinstance(wanted, type) or not callable(getattr(wanted, "forward_context", None)):
            raise TypeError(
                f"precision must be one of {', '.join(options)}, or a Precision object; "
                f"got {wanted!r}."
            )
        return wanted, "as given"
    if wanted not in options:
        hint = did_you_mean(wanted, options)
        raise ValueError(f"precision must be one of {', '.join(options)}; got {wanted!r}.{hint}")
    name, reason = _auto(device, model) if wanted == "auto" else (wanted, "as asked")
    if name == "fp16":
        return Fp16(device.type), reason
    return Plain(name, device.type), reason


def _auto(device: torch.device, model: nn.Module) -> tuple[str, str]:
    if sum(p.numel() for p in model.parameters()) < SMALL_MODEL:
        return "fp32", "a small model gains nothing from less"
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        if major >= 8:
            return "bf16", "this GPU multiplies bf16 natively"
        if major == 7:
            return "fp16", f"this GPU (capability {major}.{minor}) has fp16 but no bf16 units"
    units = _bf16_units() if device.type == "cpu" else None
    if units == "AVX512-BF16" and _has_depthwise(model):
        # efficientnet_b0 at 128 px took 1.2 of fp32's time to train
        return "fp32", "depthwise convolutions gain nothing from less on this CPU"
    if units is not None:
        return "bf16", f"this CPU multiplies bf16 natively ({units})"
    return "fp32", f"this {device.type.upper()} gains nothing from less"


def _has_depthwise(model: nn.Module) -> bool:
    return any(
        isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1
        for module in model.modules()
    )


def _bf16_units() -> str | None:
    """Return what multiplies bf16 on this CPU.

    Half the bytes, and twice the numbers at once: resnet34 at 224 px took 0.49 of fp32's time on
    two cores with AVX512-BF16, forward and backward.
    """
    for name, question in _UNITS.items():
        # torch keeps the questions private; where a release drops one the answer is no
        asked = getattr(torch.cpu, question, None)
        if asked is not None and asked():
            return name
    return None
