"""Where the time of a training goes: waiting for data, forward, backward, the step, validation."""

import time
from collections.abc import Callable
from typing import Any, Final

import torch
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.names import checked_keywords
from learnkit.state import State

PARTS: Final = ("data", "forward", "loss", "backward", "step", "other", "valid")


class Timer(Callback):
    """Measure where the seconds of a fit go.

    Each part ends at its hook, so the hooks of callbacks behind this one count to the next part:
    put it last. On a GPU the host runs ahead of the device, and a part is the time that the host
    took; with ``synchronize`` each part waits for the device, which makes the fit slower.

    Args:
        synchronize: whether to wait for the device at the end of each part.
        clock: seconds that only go up.

    Attributes:
        seconds: by part, over the whole fit: ``data`` (waiting for the loader), ``forward``,
            ``loss``, ``backward``, ``step`` (the optimizer), ``other``, ``valid`` (that phase).
        batches: of training.
    """

    looks_on = True

    @checked_keywords
    def __init__(
        self, *, synchronize: bool = False, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.synchronize, self._clock = synchronize, clock
        self._begin()

    def _begin(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.batches = 0
        self._last = self._clock()

    @override
    def before_fit(self, state: State) -> None:
        self._begin()

    @override
    def before_phase(self, state: State) -> None:
        self._mark("other", state)

    @override
    def before_batch(self, state: State) -> None:
        if state.training:
            self._mark("data", state)

    @override
    def after_forward(self, state: State) -> None:
        if state.training:
            self._mark("forward", state)

    @override
    def after_loss(self, state: State) -> None:
        if state.training:
            self._mark("loss", state)

    @override
    def before_step(self, state: State) -> None:
        self._mark("backward", state)

    @override
    def after_step(self, state: State) -> None:
        self._mark("step", state)

    @override
    def after_batch(self, state: State) -> None:
        if state.training:
            self.batches += 1
            self._mark("other" if state.accumulate == 1 else "backward", state)

    @override
    def after_phase(self, state: State) -> None:
        self._mark("other" if state.training else "valid", state)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"seconds": dict(self.seconds), "batches": self.batches}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seconds, self.batches = dict(state["seconds"]), int(state["batches"])
        self._last = self._clock()

    def __str__(self) -> str:
        whole = sum(self.seconds.values())
        lines = [f"{'part':<10}{'seconds':>10}{'share':>8}{'a batch':>12}"]
        for part, seconds in self.seconds.items():
            share = seconds / whole if whole else 0.0
            each = "" if part == "valid" else f"{1e3 * seconds / max(1, self.batches):.3f} ms"
            lines.append(f"{part:<10}{seconds:>10.3f}{share:>8.1%}{each:>12}")
        return "\n".join([*lines, f"{'all':<10}{whole:>10.3f}"])

    def _mark(self, part: str, state: State) -> None:
        """Count the time since the last mark to ``part``."""
        if self.synchronize and state.device.type == "cuda":
            torch.cuda.synchronize(state.device)
        now = self._clock()
        self.seconds[part] += now - self._last
        self._last = now
