"""Compute activations again instead of keeping them: less memory, more time, the same bits."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, TypeAlias

from torch import is_grad_enabled, nn
from torch.utils.checkpoint import checkpoint
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.state import State

Blocks: TypeAlias = Callable[[nn.Module], Sequence[nn.Module]]
_LISTS = (nn.Sequential, nn.ModuleList)
_NORMS = (nn.modules.batchnorm._NormBase,)


class GradientCheckpointing(Callback):
    """Keep only the inputs of the model's blocks, and run each block again in the backward pass.

    Chen et al. 2016, arXiv 1604.06174, by ``torch.utils.checkpoint``. Costs about one more forward
    pass a step. Dropout is the same in the second pass, and BatchNorm's statistics move once, so
    that the fit is the same to the last bit; other modules that count in their forward pass, such
    as spectral norm, count twice.

    Args:
        blocks: returns the modules to run again, none inside another; by default the members of
            the model's ``nn.Sequential`` and ``nn.ModuleList`` that are made of several layers:
            residual blocks, the blocks of a transformer.

    Raises:
        TypeError: when ``blocks`` is no function.
        ValueError: at the start of the fit, when there is no such module; before its first batch,
            when a block is that of another GradientCheckpointing.

    Example:
        ``learn.fit(5, callbacks=GradientCheckpointing())``
    """

    def __init__(self, blocks: Blocks | None = None) -> None:
        if blocks is not None and not callable(blocks):
            raise TypeError(
                "GradientCheckpointing() takes a function of the model that returns its blocks, "
                f"found {blocks!r}."
            )
        self.blocks: Blocks = blocks or default_blocks
        self._found: list[nn.Module] = []
        self._before: list[tuple[nn.Module, Any]] = []

    @override
    def before_fit(self, state: State) -> None:
        self._before, self._found = [], list(self.blocks(state.model))
        if not self._found:
            raise ValueError(
                f"GradientCheckpointing() found no blocks in {type(state.model).__name__}; name "
                "them: GradientCheckpointing(lambda model: [model.first, model.second])."
            )

    @override
    def before_phase(self, state: State) -> None:
        if state.training:
            for block in self._found:
                _check_is_free(block)
                self._before.append((block, vars(block).get("forward")))
                inner = block.forward
                block.forward = partial(_again_in_backward, block, inner)

    @override
    def after_phase(self, state: State) -> None:
        self._put_back()

    @override
    def after_fit(self, state: State) -> None:
        self._put_back()
        self._found = []

    def _put_back(self) -> None:
        for block, forward in reversed(self._before):
            vars(block).pop("forward", None)
            if forward is not None:
                block.forward = forward
        self._before = []


def _check_is_free(block: nn.Module) -> None:
    forward = vars(block).get("forward")
    if isinstance(forward, partial) and forward.func is _again_in_backward:
        raise ValueError(
            f"GradientCheckpointing: a block, {type(block).__name__}, is run again by another "
            "GradientCheckpointing already, or is named twice; give one of them, and each block "
            "once."
        )


def default_blocks(model: nn.Module) -> list[nn.Module]:
    """Return the modules of several layers that stand in a Sequential or a ModuleList."""
    return list(_blocks_in(model, listed=False))


def _blocks_in(module: nn.Module, *, listed: bool) -> Iterator[nn.Module]:
    in_list = isinstance(module, _LISTS)
    found = [b for child in module.children() for b in _blocks_in(child, listed=in_list)]
    if listed and not isinstance(module, nn.ModuleList) and _is_composite(module):
        # a stage is its blocks; a block that holds lists of layers is one block
        parts = len(found) > 1 and not any(isinstance(inner, _LISTS) for inner in found)
        found = found if parts or (in_list and found) else [module]
    yield from found


def _is_composite(module: nn.Module) -> bool:
    leaves = [m for m in module.modules() if not any(True for _ in m.children())]
    return len(leaves) > 1 and any(True for _ in module.parameters())


def _again_in_backward(
    block: nn.Module, inner: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    if not is_grad_enabled():
        return inner(*args, **kwargs)
    contexts = partial(_contexts, block)
    return checkpoint(inner, *args, use_reentrant=False, context_fn=contexts, **kwargs)


def _contexts(
    block: nn.Module,
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _still_statistics(block)


@contextmanager
def _still_statistics(block: nn.Module) -> Iterator[None]:
    """Keep running statistics as they are, by a momentum of 0, and their counter too.

    To copy them aside and back would not do: the backward pass has noted their version.
    """
    norms = [m for m in block.modules() if isinstance(m, _NORMS)]
    kept = [(m, m.momentum, m._buffers.get("num_batches_tracked")) for m in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
            if "num_batches_tracked" in norm._buffers:
                norm._buffers["num_batches_tracked"] = None
        yield
    finally:
        for norm, momentum, counter in kept:
            norm.momentum = momentum
            if "num_batches_tracked" in norm._buffers:
                norm._buffers["num_batches_tracked"] = counter
