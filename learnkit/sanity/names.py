"""The names of the sanity checks, how they are turned off, and how their lines are written."""

from collections.abc import Collection, Sequence
from typing import Final, Literal, TypeAlias, cast, get_args

from learnkit.names import did_you_mean

CheckName: TypeAlias = Literal[
    "constant_labels",
    "loss_spike",
    "non_finite",
    "normalize",
    "optimizer",
    "same_images",
    "unseen_class",
    "zero_gradient",
]
CHECKS: Final[tuple[str, ...]] = get_args(CheckName)
Mute: TypeAlias = CheckName | Collection[CheckName]


def check_mute(names: Mute) -> frozenset[CheckName]:
    """Return the checks that ``mute=`` turns off.

    Args:
        names: one name, or any collection of them.

    Raises:
        ValueError: for a name that no check has; it gives the nearest one.
        TypeError: for what is neither a name nor a collection of names.
    """
    given: object = [names] if isinstance(names, str) else names
    if not isinstance(given, Collection) or not all(isinstance(name, str) for name in given):
        raise TypeError(f"mute must be the name of a check, or a list of names; got {names!r}.")
    for name in given:
        if name not in CHECKS:
            hint = did_you_mean(name, CHECKS) or f" There are: {', '.join(CHECKS)}."
            raise ValueError(f"mute={name!r}: no check has this name.{hint}")
    return frozenset(cast("Collection[CheckName]", given))


def line_of(name: CheckName, found: str) -> str:
    """Return the one line that a check says."""
    return f'check {name}: {found} (mute="{name}" turns this check off)'


def few(names: Sequence[str], most: int = 3) -> str:
    """Return the first names of many: ``a, b, c and 4 more``."""
    if len(names) <= most:
        return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
