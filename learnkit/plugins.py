"""Plug-ins: what installed packages add, found by entry points and imported when it is named.

A package declares a callback, a metric or a backbone in its metadata. Reading that runs none of
its code. Knows nothing of callbacks, metrics or backbones: what a thing must be is `named`'s.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Final, Literal, TypeAlias

from learnkit.errors import LearnkitError
from learnkit.names import did_you_mean

Group: TypeAlias = Literal["learnkit.backbones", "learnkit.callbacks", "learnkit.metrics"]

WHAT: Final[dict[Group, str]] = {
    "learnkit.backbones": "backbone",
    "learnkit.callbacks": "callback",
    "learnkit.metrics": "metric",
}


class PluginError(LearnkitError, ValueError):
    """A plug-in is not installed, is there twice, or cannot be imported or made."""


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One thing that an installed package adds.

    Attributes:
        group: the kind of thing.
        name: by which a user asks for it.
        value: where it lies in the package's code, such as ``"learnkit_sparkle:Sparkle"``.
        package: its name, as ``pip`` has it.
        version: of the package.
    """

    group: Group
    name: str
    value: str
    package: str
    version: str
    entry: EntryPoint = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.name} of {self.package} {self.version}"

    def load(self) -> object:
        """Import the package and return what the entry point names.

        Raises:
            PluginError: from whatever the import raises.
        """
        try:
            return self.entry.load()
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"The plug-in {self} cannot be imported from {self.value}: "
                f"{type(error).__name__}: {str(error).rstrip('.')}. Update the package, or remove "
                f"it: pip uninstall {self.package}."
            ) from error


def installed_plugins(*groups: Group) -> tuple[Plugin, ...]:
    """Return the plug-ins of all installed packages, sorted by group, name and package.

    Nothing is imported.

    Args:
        groups: whose; all three by default.
    """
    found = {
        (plugin.group, plugin.name, plugin.package, plugin.value): plugin
        for group in groups or tuple(WHAT)
        for plugin in (_plugin(group, entry) for entry in entry_points(group=group))
    }
    return tuple(found[key] for key in sorted(found))


def unknown_groups() -> dict[str, str]:
    """Return entry point groups that look like learnkit's and are none, with a package of each."""
    return {
        group: _package_of(entry)[0]
        for group in sorted(entry_points().groups)
        if group.startswith("learnkit.") and group not in WHAT
        for entry in entry_points(group=group)
    }


def find_plugin(group: Group, word: str) -> Plugin | None:
    """Return the plug-in that a user's word names, or None.

    Args:
        group: the kind of thing.
        word: ``"sparkle"``, or ``"learnkit-sparkle:sparkle"`` where two packages have a sparkle.

    Raises:
        PluginError: when two packages have it, and the word does not say which.
    """
    package, _, name = word.rpartition(":")
    found = [
        plugin
        for plugin in installed_plugins(group)
        if plugin.name == name and _normal(package) in ("", _normal(plugin.package))
    ]
    if len(found) > 1:
        raise PluginError(_twice(group, name, found))
    return found[0] if found else None


def unknown(group: Group, word: str, *, own: Sequence[str]) -> PluginError:
    """Return the error for a word that names nothing.

    Args:
        group: the kind of thing.
        word: that was given.
        own: the names that learnkit has itself.
    """
    plugins = sorted({plugin.name for plugin in installed_plugins(group)})
    listed = ", ".join(plugins) if plugins else f"none; a package adds some by {group!r}"
    name = word.rpartition(":")[2]
    return PluginError(
        f"There is no {WHAT[group]} {word!r}.{did_you_mean(name, [*plugins, *own])} "
        f"Plug-ins: {listed}. learnkit's own: {', '.join(own)}."
    )


def _plugin(group: Group, entry: EntryPoint) -> Plugin:
    package, version = _package_of(entry)
    return Plugin(
        group=group,
        name=entry.name,
        value=entry.value,
        package=package,
        version=version,
        entry=entry,
    )


def _package_of(entry: EntryPoint) -> tuple[str, str]:
    """Return name and version; a damaged installation may have neither."""
    if entry.dist is None:
        return "a package without a name", "of no version"
    about = entry.dist.metadata
    return about["Name"] or "a package without a name", about["Version"] or "of no version"


def _twice(group: Group, name: str, found: Iterable[Plugin]) -> str:
    same = tuple(found)
    for words in declared_twice(same):
        return words
    packages = [f"{plugin.package} {plugin.version}" for plugin in same]
    full = [f"{plugin.package}:{name}" for plugin in same]
    return (
        f"{' and '.join(packages)} {'both' if len(same) == 2 else 'all'} have the {WHAT[group]} "
        f"{name!r}. Say whose: {' or '.join(map(repr, full))}."
    )


def declared_twice(plugins: Iterable[Plugin]) -> Iterator[str]:
    """Say of each package that has one name more than once that it does, in a sentence."""
    declared: dict[tuple[Group, str, str], list[Plugin]] = {}
    for plugin in plugins:
        declared.setdefault((plugin.group, plugin.name, plugin.package), []).append(plugin)
    for (group, name, _), same in declared.items():
        if len(same) > 1:
            times = "twice" if len(same) == 2 else f"{len(same)} times"
            values = " and ".join(plugin.value for plugin in same)
            yield (
                f"{same[0].package} {same[0].version} declares the {WHAT[group]} {name!r} {times}, "
                f"as {values}. Install another version of it."
            )


def _normal(package: str) -> str:
    """Return a package's name as pip compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", package).lower()
