"""Which processes a test has started, whatever earlier ones have left to the garbage collector."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import TypeAlias

Children: TypeAlias = Callable[[], list[BaseProcess]]


def new_children() -> Children:
    """Return a function that lists the children that live now, and are not those of this call."""
    before = {child.pid for child in multiprocessing.active_children()}

    def listed() -> list[BaseProcess]:
        return [child for child in multiprocessing.active_children() if child.pid not in before]

    return listed
