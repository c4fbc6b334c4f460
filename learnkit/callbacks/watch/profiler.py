"""Trace some steps of a fit with torch's profiler."""

import warnings
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.errors import CheckpointError
from learnkit.files import check_writable
from learnkit.names import checked_keywords
from learnkit.state import State


class Profiler(Callback):
    """Trace the batches ``first`` to ``first + batches`` of a fit's training, and write them down.

    The file is for chrome://tracing or https://ui.perfetto.dev. Steps outside the chosen ones cost
    nothing. The traced ones are slower than others; the first ones of a fit start threads and fill
    caches, so leave some out.

    Args:
        path: of the trace, such as ``"trace.json"``; what is there is written over.
        first: batches of training before the trace begins, at least 0; counted in this process.
        batches: how many are traced, at least 1.
        memory: whether to trace memory too.

    Raises:
        ValueError: when a number is out of range.
        CheckpointError: at the start of a fit, when the file cannot be written.

    Attributes:
        table: operations by their own time, as text; empty before the trace is complete.
    """

    looks_on = True
    writes = True

    @checked_keywords
    def __init__(
        self, path: str | PathLike[str], *, first: int = 5, batches: int = 5, memory: bool = False
    ) -> None:
        for name, value, least in (("first", first, 0), ("batches", batches, 1)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(
                    f"Profiler(): {name} must be a whole number of at least {least}, "
                    f"found {value!r}."
                )
        self.path, self.first, self.batches = Path(path).expanduser(), first, batches
        self.memory = memory
        self.table = ""
        self._seen = 0
        self._running: Any = None

    @override
    def before_fit(self, state: State) -> None:
        self.table, self._seen = "", 0
        if self.path.is_dir():
            raise CheckpointError(
                f"Profiler cannot write {self.path}: it is a folder. "
                f"Give a file in it, such as {self.path / 'trace.json'}."
            )
        check_writable(self.path.parent, purpose="Profiler")

    @override
    def before_batch(self, state: State) -> None:
        if state.training and self._seen == self.first and self._running is None:
            self._start()

    @override
    def after_batch(self, state: State) -> None:
        if not state.training:
            return
        self._seen += 1
        if self._running is not None and self._seen == self.first + self.batches:
            self._finish()

    @override
    def after_fit(self, state: State) -> None:
        self._finish()

    def _start(self) -> None:
        from torch.profiler import ProfilerActivity, profile

        kinds = [ProfilerActivity.CPU]
        if torch.cuda.is_available():
            kinds.append(ProfilerActivity.CUDA)
        self._running = profile(activities=kinds, profile_memory=self.memory, record_shapes=True)
        with warnings.catch_warnings():
            # some releases of torch tell of cycles, of which there is one here
            warnings.filterwarnings("ignore", message=".*Profiler clears events")
            self._running.__enter__()

    def _finish(self) -> None:
        """End the trace and write it; of a fit that ends early, what there is."""
        running, self._running = self._running, None
        if running is None:
            return
        running.__exit__(None, None, None)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        running.export_chrome_trace(str(self.path))
        by = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
        self.table = str(running.key_averages().table(sort_by=by, row_limit=15))
