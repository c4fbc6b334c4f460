"""Packages whose names are imported when they are first used."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from learnkit.names import did_you_mean


def lazy_names(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a module's ``__getattr__`` (PEP 562).

    Args:
        package: whose names they are.
        places: for each name the module below the package that it lies in.
    """

    def get(name: str) -> Any:
        if name not in places:
            hint = "" if name.startswith("_") else did_you_mean(name, places)
            raise AttributeError(f"{package} has no {name!r}.{hint}", name=name)
        value = getattr(import_module(f"{package}.{places[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return get
