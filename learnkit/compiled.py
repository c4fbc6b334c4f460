"""torch.compile on request: one shape, a warm-up that is timed, and a way back when it fails.

Only batches of the full size go through the compiled model, so that a smaller last one does not
make torch compile again; of texts and sequences, whose lengths differ, those of one length. Knows
no loop and no learner.
"""

import time
from typing import Final, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from learnkit.data.warn import warn_user
from learnkit.names import did_you_mean
from learnkit.precision import Precision
from learnkit.tasks import Step
from learnkit.types import Batch

CompileMode: TypeAlias = Literal["default", "reduce-overhead", "max-autotune"]
_MODES: Final[tuple[str, ...]] = get_args(CompileMode)


def check_compile(wanted: object) -> CompileMode | None:
    """Return the mode that ``compile=`` asks for, or None.

    Raises:
        ValueError: for anything but a bool or a mode of torch.compile.
    """
    if isinstance(wanted, bool) or wanted is None:
        return "default" if wanted else None
    for mode in get_args(CompileMode):
        if wanted == mode:
            return mode  # type: ignore[no-any-return]
    raise ValueError(
        f"compile must be True, False or one of {', '.join(_MODES)}; got {wanted!r}."
        f"{did_you_mean(str(wanted), _MODES)}"
    )


class CompiledTask:
    """A task whose model is compiled for batches of ``batch_size``.

    Args:
        task: what a step computes.
        mode: of ``torch.compile``.
        batch_size: the one size that is compiled.

    Attributes:
        mode: as given.
    """

    def __init__(self, task: Step, mode: CompileMode, batch_size: int) -> None:
        self._task, self.mode, self._batch_size = task, mode, batch_size
        self._compiled: nn.Module | None = None
        self._source: nn.Module | None = None
        self._failed = False
        self._shape: tuple[int, ...] | None = None  # of the batch that was compiled for

    def turn(self, step: int) -> Step:
        """Return itself; of a task whose batches take turns, the one of the turn as it is."""
        turned = self._task.turn(step)
        return self if turned is self._task else turned

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the model's raw predictions."""
        return self._task.forward(self._of(model) if self._fits(batch) else model, batch)

    def loss(self, preds: Tensor, batch: Batch) -> Tensor:
        """Return the task's loss."""
        return self._task.loss(preds, batch)

    def check(self, preds: Tensor, batch: Batch) -> None:
        """Check as the task does."""
        self._task.check(preds, batch)

    def compare(self, preds: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return what the task gives to metrics."""
        return self._task.compare(preds, batch)

    def warm_up(self, model: nn.Module, batch: Batch, precision: Precision) -> str:
        """Compile for training and for validation now, and say how long it took.

        The model's buffers are put back and no gradient stays. When it fails, one warning says
        why, and everything goes on without torch.compile.

        Args:
            model: in training mode.
            batch: a full one, as the model sees it.
            precision: in which numbers.
        """
        if self._failed:
            return "not compiled"
        if model is not self._source:
            self._compiled, self._source = None, model
        if len(batch.x) != self._batch_size:
            return f"not compiled: no batch has {self._batch_size} samples"
        began = time.perf_counter()
        self._shape = tuple(batch.x.shape) if isinstance(batch.x, Tensor) else None
        kept = {name: value.clone() for name, value in model.named_buffers()}
        try:
            called = self._run_once(self._compile(model), model, batch, precision)
        except Exception as error:  # compilers fail in every way
            self._failed, self._compiled = True, None
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            warn_user(f"torch.compile failed, so the fit goes on without it: {reason}")
            return "not compiled"
        finally:
            with torch.no_grad():
                for name, value in model.named_buffers():
                    if name in kept:
                        value.copy_(kept[name])
            model.zero_grad(set_to_none=True)
        if not called:
            self._compiled, self._source = None, None
            return "not compiled: this task calls parts of the model, not the model itself"
        return f"compiled in {time.perf_counter() - began:.1f} s"

    def _fits(self, batch: Batch) -> bool:
        x: object = batch.x  # a loader of the user's may give a dict or a tuple
        if not isinstance(x, Tensor) or len(x) != self._batch_size:
            return False
        # pictures have few sizes in a fit, each worth compiling; texts have as many as there are
        return x.ndim == 4 or self._shape is None or tuple(x.shape) == self._shape

    def _run_once(
        self, compiled: nn.Module, model: nn.Module, batch: Batch, precision: Precision
    ) -> bool:
        """Train and validate on a batch; say whether what was compiled took part."""
        modes = [module.training for module in model.modules()]
        called: list[nn.Module] = []
        hook = compiled.register_forward_pre_hook(lambda module, given: called.append(module))
        try:
            with precision.forward_context():
                preds = self.forward(model, batch)
            self.loss(preds.float(), batch).backward()  # type: ignore[no-untyped-call, unused-ignore]
            model.eval()
            with torch.no_grad(), precision.forward_context():
                self.forward(model, batch)
        finally:
            hook.remove()
            for module, training in zip(model.modules(), modes, strict=True):
                module.training = training
        return bool(called)

    def _compile(self, model: nn.Module) -> nn.Module:
        if self._compiled is None:
            made = torch.compile(model, dynamic=False, mode=self.mode)
            self._compiled = made if isinstance(made, nn.Module) else model
        return self._compiled

    def _of(self, model: nn.Module) -> nn.Module:
        """Return what `warm_up` compiled; before it, and for any other model, the model itself."""
        return self._compiled if self._compiled is not None and model is self._source else model
