"""What the figures were measured on: cores, instructions, versions. Imports no torch."""

import datetime
import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path
from typing import Any

PACKAGES = ("learnkit", "torch", "torchvision", "fastai", "lightning", "numpy", "timm")
FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_tile")
THREAD_WORDS = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "MKL_NUM_THREADS")
PEERS = ("fastai", "lightning")  # plain PyTorch is always there


def is_installed(contender: str) -> bool:
    """Whether a contender's package is there; plain PyTorch and learnkit always are."""
    return contender not in PEERS or importlib.util.find_spec(contender) is not None


def versions() -> dict[str, str | None]:
    """Return the versions of what takes part; None for what is not installed."""
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def describe(threads: int | None = None) -> dict[str, Any]:
    """Return everything about this machine that a figure depends on.

    Args:
        threads: what torch was limited to, if it was.
    """
    words = _cpu_words()
    flags = words.get("flags", "").split()
    return {
        "date": datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds"),
        "cpu": words.get("model name", platform.processor() or platform.machine()),
        "cores": os.cpu_count(),
        "usable_cores": _usable_cores(),
        "cpu_flags": [flag for flag in FLAGS if flag in flags],
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions(),
        "threads": threads or "torch's own choice",
        "environment": {word: os.environ[word] for word in THREAD_WORDS if word in os.environ},
    }


def _usable_cores() -> int | None:
    known = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if known else os.cpu_count()


def _memory_gib() -> float:
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30), 1)


def _cpu_words() -> dict[str, str]:
    """Return the first core's words of ``/proc/cpuinfo``; none where there is no such file."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
