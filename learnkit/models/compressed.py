"""A model whose weights are kept in fewer bytes than they are computed with."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, Self, TypeAlias, final

import torch
from torch import Tensor, nn

from learnkit.errors import ModelError
from learnkit.models.backbone import ParameterGroups
from learnkit.models.packings import PACKINGS, Parts

Packed: TypeAlias = Mapping[str, tuple[str, int]]
"""For each weight its packing and how many numbers of it are kept."""


_CALLED: Final = ("critic", "decode", "generator", "n_latent", "stats")


@final
class CompressedModel(nn.Module):
    """A model to predict with; its ``state_dict`` is small. Made by ``learnkit.compress``.

    It computes in float with the weights that the packed ones stand for, as fast as any model of
    its architecture. It is not trained: what its packed weights stand for would change, and they
    would not.

    Attributes:
        inner: the architecture, with unpacked weights.
        spec: from which ``build_from_spec`` rebuilds the model.
    """

    def __init__(self, inner: nn.Module, packed: Packed) -> None:
        super().__init__()
        self.inner = inner.requires_grad_(False).eval()
        own = inner.state_dict()
        for name in packed:
            if name not in own or own[name].ndim < 2 or own[name].dtype != torch.float32:
                raise ModelError(
                    f"the model has no weight {name!r} of two axes or more in float32 to compress."
                )
        self._packed = dict(packed)
        self._parts: dict[str, Parts] = {
            name: PACKINGS[how].empty(tuple(own[name].shape), kept)
            for name, (how, kept) in packed.items()
        }
        self.spec = _spec(getattr(inner, "spec", None), self._packed)

    def __getattr__(self, name: str) -> Any:
        """Return what tasks of pictures call besides the model itself, of the architecture."""
        return getattr(self.inner, name) if name in _CALLED else super().__getattr__(name)

    def forward(self, x: Tensor) -> Tensor:
        """Return what the architecture gives."""
        out: Tensor = self.inner(x)
        return out

    def layer_groups(self) -> ParameterGroups:
        """Return all parameters as one group, none of which trains."""
        return [list(self.parameters())]

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode.

        Raises:
            ModelError: for training.
        """
        if mode:
            raise ModelError(
                "a compressed model is not trained: its packed weights would not follow. Train "
                "the model that it was made of, and compress that again."
            )
        return super().train(mode)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return packed weights as ``NAME.codes`` and the like, and all other tensors as they are.

        Options are those of ``nn.Module.state_dict``; a prefix is not among them.
        """
        state: OrderedDict[str, Tensor] = OrderedDict()
        for name, value in self.inner.state_dict().items():
            if name not in self._parts:
                state[name] = value
            else:
                state |= {f"{name}.{part}": t for part, t in self._parts[name].items()}
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Take what ``state_dict`` returned, and unpack it.

        Raises:
            RuntimeError: when tensors are missing or of another shape.
            ExportError: when the numbers of a pruned weight are not as many as its places.
        """
        plain, own = dict(state_dict), self.inner.state_dict()
        parts = {
            name: {part: plain.pop(f"{name}.{part}").cpu() for part in empty}
            for name, empty in self._parts.items()
        }
        for name, held in parts.items():
            how, _ = self._packed[name]
            plain[name] = PACKINGS[how].unpack(held, tuple(own[name].shape))
        self._parts = parts
        return self.inner.load_state_dict(plain, strict=strict)


def inner_of(model: nn.Module) -> nn.Module:
    """Return the architecture of a compressed model, and any other model itself."""
    return model.inner if isinstance(model, CompressedModel) else model


def _spec(inner: dict[str, Any] | None, packed: Packed) -> dict[str, Any] | None:
    if inner is None:
        return None
    how = {word: [name for name, (h, _) in packed.items() if h == word] for word in PACKINGS}
    kept = {name: packed[name][1] for name in how["pruned"]}
    return {"model": "compressed", "inner": inner, **how, "pruned": kept}
