"""Whether processes that fetch samples may be forked here, and how many are of use.

Forking copies the calling process as it stands, with all the libraries that it has loaded, so it
needs no picklable dataset and no ``if __name__ == "__main__"``. It is not right everywhere: see
``may_fork``. Knows torch's datasets only.
"""

import multiprocessing
import os
import pickle
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final

import numpy as np
from PIL import Image
from torch import Tensor

from learnkit.data.cores import default_workers

MOST_PROCESSES: Final = 8
_SHARED_MEMORY: Final = Path("/dev/shm")
_BATCHES_EACH: Final = 4  # torch fetches two ahead; one is in use, one is on its way


def useful_processes(dataset: object, batch: object, n_batches: int) -> int:
    """Return how many processes shall fetch the batches of an epoch; 0 for none.

    One for each core, at most 8, no more than there are batches, and no more than fit with their
    batches into the shared memory, which is 64 MB in a container unless set otherwise.
    """
    if n_batches < 2 or not may_fork(dataset):
        return 0
    limits = [default_workers(), MOST_PROCESSES, n_batches]
    if _SHARED_MEMORY.is_dir():
        free = os.statvfs(_SHARED_MEMORY)
        each = _BATCHES_EACH * max(1, _bytes_in(batch))
        limits.append(free.f_bavail * free.f_frsize // each)
    return min(limits)


def may_fork(dataset: object) -> bool:
    """Tell whether forked processes may read this dataset.

    They may not where "fork" is not the default start method (Windows, macOS, Python 3.14); in a
    daemon process, which may have no children; in another thread than the main one, where a
    signal that a process died does not arrive; and when the dataset holds what processes must not
    share: an open file, whose position they would move for each other, a database, a lock, a
    tensor on a GPU.
    """
    return (
        start_method() == "fork"
        and not multiprocessing.current_process().daemon
        and threading.current_thread() is threading.main_thread()
        and _can_be_shared(dataset)
    )


def start_method() -> str:
    """Return how processes are started unless told otherwise: ``"fork"``, ``"spawn"``, ..."""
    method = multiprocessing.get_start_method(allow_none=True)
    return method or multiprocessing.get_all_start_methods()[0]


@contextmanager
def quiet_fork() -> Iterator[None]:
    """Leave out the warning of Python 3.12 and later that a process with threads is forked.

    torch's worker processes run on one thread and take no lock of the caller's libraries, and
    torch has forked them from such processes always. Every other warning comes through.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore",
            message=r"This process \(pid=\d+\) is multi-threaded, use of fork\(\)",
            category=DeprecationWarning,
        )
        yield


def _bytes_in(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.nbytes
    if isinstance(value, dict):
        return sum(map(_bytes_in, value.values()))
    return sum(map(_bytes_in, value)) if isinstance(value, list | tuple) else 0


def _can_be_shared(dataset: object) -> bool:
    try:
        _Probe(_Nowhere(), protocol=5, buffer_callback=lambda _: None).dump(dataset)
    except Exception:  # whatever a user's class raises, it is safer left in this process
        return False
    return True


class _Nowhere:
    """A file that forgets what is written."""

    def write(self, data: Any) -> int:
        return len(data)


class _Probe(pickle.Pickler):
    """Walks over all that a dataset holds, and fails where something cannot be pickled.

    What cannot be pickled is what belongs to one process. Code is no such thing, so lambdas and
    local classes pass; neither is data in memory, which is not looked through.
    """

    def persistent_id(self, obj: Any) -> str | None:
        """Return something for what need not be looked into."""
        if isinstance(obj, type | ModuleType | BuiltinFunctionType):
            return "code"
        if isinstance(obj, Tensor):
            return "data" if obj.device.type == "cpu" else None
        if isinstance(obj, Image.Image):
            return "data" if getattr(obj, "fp", None) is None else None
        if isinstance(obj, np.ndarray) and not obj.dtype.hasobject:
            return "data"
        return None

    def reducer_override(self, obj: Any) -> Any:
        """Say what is looked into, where that is not what pickling would take."""
        if isinstance(obj, Tensor | Image.Image):
            raise pickle.PicklingError(f"{type(obj).__name__} belongs to one process")
        if isinstance(obj, FunctionType):
            cells = [cell.cell_contents for cell in obj.__closure__ or ()]
            return list, ([*cells, *(obj.__defaults__ or ())],)
        if isinstance(getattr(type(obj), "__getstate__", None), FunctionType):
            # its state may be written without the open file that is forked all the same
            return list, (list(getattr(obj, "__dict__", {}).values()),)
        return NotImplemented
