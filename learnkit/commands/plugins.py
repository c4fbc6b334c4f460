"""``learnkit plugins``: what other packages add, and where from. Imports none of it."""

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Final

from learnkit.names import did_you_mean
from learnkit.plugins import WHAT, Group, Plugin, declared_twice, installed_plugins, unknown_groups

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
    """Say which names one package has twice, or several have, and how to tell these apart."""
    yield from declared_twice(plugins)
    packages: dict[tuple[Group, str], list[str]] = {}
    for plugin in plugins:
        having = packages.setdefault((plugin.group, plugin.name), [])
        if plugin.package not in having:
            having.append(plugin.package)
    for (group, name), having in packages.items():
        if len(having) > 1:
            words = " or ".join(repr(f"{package}:{name}") for package in having)
            yield f"{len(having)} packages have the {WHAT[group]} {name!r}; say {words}."


def misspelt() -> Iterator[str]:
    """Say which packages declare a group that learnkit does not read."""
    for group, package in unknown_groups().items():
        hint = did_you_mean(group, WHAT)
        yield f"{package} declares the entry points {group!r}, which learnkit does not read.{hint}"
