"""A table of a model's layers: what comes out of each, and what trains."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer of a summary.

    Attributes:
        name: dotted path in the model.
        layer: class name.
        shape: of what the layer gives for the batch, or None when that is no tensor.
        n_parameters: its own, without its children's.
        trainable: whether any of them trains.
    """

    name: str
    layer: str
    shape: tuple[int, ...] | None
    n_parameters: int
    trainable: bool


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """The layers of a model in the order in which they ran; ``str`` gives the table."""

    rows: tuple[LayerRow, ...]
    n_parameters: int
    n_trainable: int

    def __str__(self) -> str:
        """Return the table."""
        head = ("layer", "kind", "output shape", "parameters", "trains")
        body = [
            (
                row.name,
                row.layer,
                "-" if row.shape is None else " x ".join(map(str, row.shape)),
                f"{row.n_parameters:,}",
                ("yes" if row.trainable else "no") if row.n_parameters else "",
            )
            for row in self.rows
        ]
        widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
        lines = [
            "  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip()
            for line in (head, tuple("-" * w for w in widths), *body)
        ]
        frozen = self.n_parameters - self.n_trainable
        total = f"{self.n_parameters:,} parameters: {self.n_trainable:,} train, {frozen:,} frozen"
        return "\n".join([*lines, "", total])


def summary(model: nn.Module, x: Tensor) -> ModelSummary:
    """Run ``x`` through ``model`` once and return what each layer gave.

    The model's weights, statistics and modes are as before afterwards.

    Example:
        >>> print(summary(nn.Linear(3, 2), torch.zeros(4, 3)))
        layer   kind    output shape  parameters  trains
        ------  ------  ------------  ----------  ------
        Linear  Linear  4 x 2         8           yes
        <BLANKLINE>
        8 parameters: 8 train, 0 frozen

    Args:
        model: any module.
        x: a batch on the model's device, as the model takes it.
    """
    rows: list[LayerRow] = []
    modes = [(module, module.training) for module in model.modules()]
    handles = [
        module.register_forward_hook(_recorder(rows, name or type(model).__name__))
        for name, module in model.named_modules()
        if _is_layer(module)
    ]
    try:
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    parameters = list(model.parameters())
    return ModelSummary(
        rows=tuple(rows),
        n_parameters=sum(p.numel() for p in parameters),
        n_trainable=sum(p.numel() for p in parameters if p.requires_grad),
    )


def _is_layer(module: nn.Module) -> bool:
    owns = any(True for _ in module.parameters(recurse=False))
    return owns or not any(True for _ in module.children())


def _recorder(rows: list[LayerRow], name: str) -> Callable[[nn.Module, object, object], None]:
    def record(module: nn.Module, inputs: object, output: object) -> None:
        own = list(module.parameters(recurse=False))
        rows.append(
            LayerRow(
                name=name,
                layer=type(module).__name__,
                shape=tuple(output.shape) if isinstance(output, Tensor) else None,
                n_parameters=sum(p.numel() for p in own),
                trainable=any(p.requires_grad for p in own),
            )
        )

    return record
