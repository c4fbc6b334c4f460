"""A body for predicting: each BatchNorm becomes part of the convolution before it.

In eval mode a BatchNorm multiplies and adds constants, which weights and biases can do as well
(Jacob et al., 2018, arXiv 1712.05877, section 3.2), so a pass over all the maps is saved. Knows no
training and nothing of when the result may be used.
"""

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def folded(body: nn.Module, dtype: torch.dtype | None = None) -> nn.Module:
    """Return a module that computes what ``body`` does in eval mode, up to rounding.

    It shares every module with ``body`` but the convolutions that a BatchNorm follows directly. A
    body whose way through depends on its input cannot be traced, and is returned as it is.

    Args:
        body: in eval mode.
        dtype: of the new convolutions' weights, for use under autocast to that type, which would
            convert them in each pass; their own by default.
    """
    try:
        graph = fx.symbolic_trace(body)
    except Exception:  # tracing runs the body's own code, which may raise whatever it likes
        return body
    for node in list(graph.graph.nodes):
        pair = _pair(graph, node)
        if pair is not None:
            conv, norm = pair
            before = node.args[0]
            parent, _, name = str(before.target).rpartition(".")
            setattr(graph.get_submodule(parent), name, _fused(conv, norm, dtype))
            node.replace_all_uses_with(before)
            graph.graph.erase_node(node)
    graph.recompile()
    graph.delete_all_unused_submodules()
    return graph.eval() if not body.training else graph


def _pair(graph: fx.GraphModule, node: fx.Node) -> tuple[nn.Conv2d, nn.BatchNorm2d] | None:
    """Return the modules of ``node`` and of the node before, if they can become one."""
    norm = _module(graph, node)
    before = node.args[0] if node.args else None
    # subclasses may do more than their base, such as timm's BatchNormAct2d
    if type(norm) is not nn.BatchNorm2d or norm.running_mean is None:
        return None
    if not isinstance(before, fx.Node) or len(before.users) != 1:
        return None
    conv = _module(graph, before)
    used_once = sum(other.target == before.target for other in graph.graph.nodes) == 1
    return (conv, norm) if type(conv) is nn.Conv2d and used_once else None


def _module(graph: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return graph.get_submodule(str(node.target)) if node.op == "call_module" else None


def _fused(conv: nn.Conv2d, norm: nn.BatchNorm2d, dtype: torch.dtype | None) -> nn.Module:
    made = fuse_conv_bn_eval(conv, norm)
    made.requires_grad_(False)
    return made if dtype is None else made.to(dtype)
