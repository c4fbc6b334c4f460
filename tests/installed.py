"""Packages for tests of plug-ins: installed, as far as Python's metadata can tell."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

Install = Callable[..., Path]


def installer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that puts a package with entry points where Python finds it.

    Each package leaves the file ``NAME.imported`` in the folder when its code runs.
    """

    def install(
        package: str,
        code: str = "",
        *,
        version: str = "1.0",
        **groups: Mapping[str, str],
    ) -> Path:
        module = package.replace("-", "_")
        marker = folder / f"{package}.imported"
        sys.modules.pop(module, None)  # of another test
        touch = f"import pathlib\npathlib.Path({str(marker)!r}).touch()\n"
        place = folder / package
        about = place / f"{module}-{version}.dist-info"
        about.mkdir(parents=True)
        (place / f"{module}.py").write_text(touch + dedent(code))
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        )
        lines = [
            line
            for group, entries in groups.items()
            for line in (f"[learnkit.{group}]", *(f"{k} = {v}" for k, v in entries.items()))
        ]
        (about / "entry_points.txt").write_text("\n".join([*lines, ""]))
        monkeypatch.syspath_prepend(str(place))
        return marker

    return install
