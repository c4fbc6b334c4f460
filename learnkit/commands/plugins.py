"""``learnkit plugins``: what other packages add, and where from. Imports none of it."""

import json
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from learnkit.names import did_you_mean
from learnkit.plugins import WHAT, Plugin, installed_plugins, unknown_groups

COLUMNS: Final = ("group", "name", "object", "package", "version")
NONE: Final = "no plug-ins are installed; a package adds some by the entry points"


def run(args: Namespace) -> int:
    """Print a line for each plug-in, or a JSON list of them; then what is wrong with any."""
    plugins = installed_plugins()
    if args.json:
        rows = [dict(zip(COLUMNS, row_of(plugin), strict=True)) for plugin in plugins]
        print(json.dumps(rows, indent=2))
    elif plugins:
        print("\n".join(table([COLUMNS, *map(row_of, plugins)])))
    else:
        print(f"{NONE} {', '.join(WHAT)}")
    for line in (*twice(plugins), *misspelt()):
        print(f"warning: {line}", file=sys.stderr)
    return 0


def row_of(plugin: Plugin) -> tuple[str, ...]:
    """Return a plug-in's fields in the order of the columns."""
    return (plugin.group, plugin.name, plugin.value, plugin.package, plugin.version)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of equal length as lines, the columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def twice(plugins: Sequence[Plugin]) -> Iterator[str]:
    """Say which names two packages have, and how to tell them apart."""
    counts = Counter((plugin.group, plugin.name) for plugin in plugins)
    for (group, name), count in counts.items():
        if count > 1:
            same = [p for p in plugins if (p.group, p.name) == (group, name)]
            words = " or ".join(repr(f"{plugin.package}:{name}") for plugin in same)
            yield f"{count} packages have the {WHAT[group]} {name!r}; say {words}."


def misspelt() -> Iterator[str]:
    """Say which packages declare a group that learnkit does not read."""
    for group, package in unknown_groups().items():
        hint = did_you_mean(group, WHAT)
        yield f"{package} declares the entry points {group!r}, which learnkit does not read.{hint}"
