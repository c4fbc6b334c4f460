"""Layer groups as deep as the model: one for each of its blocks."""

from typing import Any

from torch import nn

from learnkit.signals import import_whole


def by_depth(model: nn.Module) -> list[list[nn.Parameter]]:
    """Split a timm model into its blocks, early to late; for ``splitter=`` of a learner.

    The groups are those of timm's own layer-wise decay: its ``group_matcher``, the stem first and
    the head last. So `layer_decay` gives every block a rate, and ``freeze_to`` counts blocks. A
    model of a timm body and a head of learnkit's has the head's parameters last.

    Raises:
        ValueError: when neither the model nor its ``body`` has a ``group_matcher``.
    """
    if hasattr(model, "group_matcher"):
        return _blocks(model)
    body, head = getattr(model, "body", None), getattr(model, "head", None)
    if hasattr(body, "group_matcher") and isinstance(head, nn.Module):
        return [*_blocks(body), list(head.parameters())]
    raise ValueError(
        f"by_depth splits models of timm, which say what their blocks are; {type(model).__name__} "
        "does not. Give a splitter of your own: model to lists of parameters, early to late."
    )


def _blocks(model: Any) -> list[list[nn.Parameter]]:
    """Return the parameters by the number of their layer, without empty layers."""
    models = import_whole("timm.models")
    layer_of = models.group_parameters(model, model.group_matcher(coarse=False), reverse=True)
    last = max(layer_of.values(), default=0)
    layers: list[list[nn.Parameter]] = [[] for _ in range(last + 1)]
    for name, parameter in model.named_parameters():
        layers[layer_of.get(name, last)].append(parameter)
    return [layer for layer in layers if layer]
