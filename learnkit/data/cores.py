"""How many cores there are for this process."""

import os


def default_workers() -> int:
    """Return the number of decoding threads for this machine: its cores, at most 16."""
    if hasattr(os, "sched_getaffinity"):
        return min(16, len(os.sched_getaffinity(0)))
    return min(16, os.cpu_count() or 1)
