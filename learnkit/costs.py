"""What callbacks cost: the time that each takes of a step, and where it waits for the device."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from learnkit.callback import Callback, overriders
from learnkit.state import State

STEP_HOOKS: Final = (
    "before_batch",
    "after_forward",
    "after_loss",
    "before_step",
    "after_step",
    "after_batch",
)
WARM_UP: Final = 3  # batches in which threads start and caches fill
LOOP: Final = "the loop"
# what a Python program reads a tensor by, and with it waits for the device; also on a CPU, where
# nothing has to be waited for, so that a step for the GPU can be looked at without one
_READS: Final = ("item", "tolist", "numpy", "cpu", "nonzero", "__bool__", "__int__", "__float__")
_WAITS: Final = frozenset(
    [getattr(Tensor, name) for name in (*_READS, "__index__", "__array__", "__contains__")]
    + [torch.equal, torch.nonzero, torch.masked_select, torch.unique, torch.allclose]
)
_HIDDEN: Final = (str(Path(torch.__file__).parent), __file__)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one callback costs.

    Attributes:
        name: of its class.
        seconds: of each step, the median.
        waits: how often it waits for the device in a step, the mean.
        where: lines of code that wait, the most frequent first.
    """

    name: str
    seconds: float
    waits: float
    where: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Costs:
    """What a step costs; prints as a table.

    Attributes:
        step: seconds of a whole step, the median, with its waiting for data.
        rows: a row for each callback, and the last for the loop with model and optimizer.
        batches: how many were measured.
        left_out: names of callbacks that were not run, as they write files or tell services.
    """

    step: float
    rows: tuple[Cost, ...]
    batches: int
    left_out: tuple[str, ...] = ()

    def __str__(self) -> str:
        width = max(len("callback"), *(len(row.name) for row in self.rows))
        lines = [f"{'callback':<{width}}  {'a step':>10}  {'share':>6}  {'waits':>5}  where"]
        for row in self.rows:
            share = row.seconds / self.step if self.step else 0.0
            numbers = f"{1e6 * row.seconds:>7.1f} us  {share:>6.1%}  {row.waits:>5.2g}"
            line = f"{row.name:<{width}}  {numbers}  {', '.join(row.where)}"
            lines.append(line.rstrip())
        whole = f"{'a whole step':<{width}}  {1e6 * self.step:>7.1f} us"
        lines.append(f"{whole}, median of {self.batches} batches")
        if self.left_out:
            lines.append(f"not run, as they write: {', '.join(self.left_out)}")
        return "\n".join(lines)


def works_in_steps(callback: Callback) -> bool:
    """Say whether a callback has a hook that runs in each step, and writes nothing."""
    return not callback.writes and any(overriders([callback], hook) for hook in STEP_HOOKS)


class Stopwatches:
    """Wraps callbacks so that each one's hooks are timed.

    Args:
        callbacks: all of a fit, in their order.
        batches: how many to run, `WARM_UP` included.
        clock: seconds that only go up.

    Attributes:
        wrapped: to be run in their place.
        running: the number of the callback whose hook runs now, or None.
        in_step: whether a batch is between its first and its last hook.
    """

    def __init__(
        self,
        callbacks: Sequence[Callback],
        *,
        batches: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._clock, self._most = clock, batches
        self._now = [0.0] * len(callbacks)
        self._seconds: list[list[float]] = []
        self._steps: list[float] = []
        self._last = 0.0
        self.running: int | None = None
        self.in_step = False
        timed = [self._timed(i, callback) for i, callback in enumerate(callbacks)]
        self.wrapped: list[Callback] = [self._begins(), *timed, self._ends()]

    @property
    def batches(self) -> int:
        """How many batches were run."""
        return len(self._steps)

    def medians(self) -> tuple[float, list[float]]:
        """Return the seconds of a step, and of each callback in it."""
        measured = self._seconds[WARM_UP:] or self._seconds
        each = [median(column) for column in zip(*measured, strict=True)]
        return median(self._steps[WARM_UP:] or self._steps), each

    def _timed(self, number: int, callback: Callback) -> Callback:
        wrapper: Any = Callback()
        for name in ("before_fit", "before_epoch", "before_phase", "after_phase", "after_epoch"):
            setattr(wrapper, name, getattr(callback, name))
        wrapper.after_fit, wrapper.on_error = callback.after_fit, callback.on_error
        for hook in STEP_HOOKS:
            for function in overriders([callback], hook):
                setattr(wrapper, hook, self._measured(number, function))
        made: Callback = wrapper
        return made

    def _measured(self, number: int, hook: Callable[[State], None]) -> Callable[[State], None]:
        def run(state: State) -> None:
            self.running, began = number, self._clock()
            try:
                hook(state)
            finally:
                self._now[number] += self._clock() - began
                self.running = None

        return run

    def _begins(self) -> Callback:
        """Return the first callback: it opens each batch's account."""

        def before_phase(state: State) -> None:
            self._last = self._clock()

        def before_batch(state: State) -> None:
            self.in_step = True

        first: Any = Callback()
        first.before_phase, first.before_batch = before_phase, before_batch
        made: Callback = first
        return made

    def _ends(self) -> Callback:
        """Return the last callback: it closes each batch's account."""

        def after_batch(state: State) -> None:
            self.in_step, now = False, self._clock()
            self._steps.append(now - self._last)
            self._seconds.append(self._now)
            self._now = [0.0] * len(self._now)
            self._last = self._clock()
            if len(self._steps) >= self._most:
                state.stop("enough was measured")

        last: Any = Callback()
        last.after_batch = after_batch
        made: Callback = last
        return made


class WaitCounter(TorchFunctionMode):
    """Counts, while it is entered, what makes the host wait for the device.

    Only what Python asks for: reading inside torch's own C++ is not seen.

    Args:
        watches: know which callback is running.

    Attributes:
        counts: by (number of the callback or None for the loop, line of code).
    """

    def __init__(self, watches: Stopwatches) -> None:
        super().__init__()
        self._watches = watches
        self.counts: Counter[tuple[int | None, str]] = Counter()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Count, and let it happen."""
        waits = func in _WAITS or (func is Tensor.to and _to_cpu(args, kwargs or {}))
        if waits and self._watches.in_step:
            self.counts[self._watches.running, _line_of_caller()] += 1
        return func(*args, **(kwargs or {}))

    def of(self, number: int | None) -> tuple[int, tuple[str, ...]]:
        """Return how often one waited, and its lines, the most frequent first."""
        mine = Counter({line: n for (who, line), n in self.counts.items() if who == number})
        return mine.total(), tuple(line for line, _ in mine.most_common())


def _to_cpu(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Say whether a tensor comes to the host; by the word "cpu" also one that is there already."""
    tensor, *given = [*args, *kwargs.values()]
    if "cpu" in [value for value in given if isinstance(value, str)]:
        return True
    devices = [value for value in given if isinstance(value, torch.device)]
    return any(device.type == "cpu" != tensor.device.type for device in devices)


def _line_of_caller() -> str:
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HIDDEN):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def costs_of(
    names: Sequence[str],
    timed: Stopwatches,
    counted: Stopwatches,
    counter: WaitCounter,
    *,
    left_out: Sequence[str] = (),
) -> Costs:
    """Put both runs together.

    Args:
        names: of the callbacks.
        left_out: of those that were not run.
        timed: of the run that was timed.
        counted: of the run whose waits were counted.
        counter: of them.
    """
    step, each = timed.medians()
    rows = []
    for number, name in enumerate(names):
        total, where = counter.of(number)
        rows.append(Cost(name, each[number], total / max(1, counted.batches), where))
    total, where = counter.of(None)
    loop = Cost(LOOP, max(0.0, step - sum(each)), total / max(1, counted.batches), where)
    return Costs(step, (*rows, loop), max(1, timed.batches - WARM_UP), tuple(left_out))
