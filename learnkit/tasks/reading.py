"""Which task a word of an export stands for. Each is imported when it is met."""

from importlib import import_module
from typing import Final, cast

from learnkit.json_fields import Fields
from learnkit.tasks.protocol import Task

# the module below `learnkit.tasks` that has `read(classes, activation, options)`
_PLACES: Final = {
    "classification": "classification",
    "gan": "gan",
    "language": "language",
    "multilabel": "multilabel",
    "points": "points",
    "reconstruction": "reconstruction",
    "regression": "regression",
    "segmentation": "segmentation",
    "variational": "variational",
}
TASK_KINDS: Final = tuple(_PLACES)


def task_from(kind: str, classes: tuple[str, ...], activation: str, options: Fields) -> Task:
    """Make the task of an export; it can read predictions, but has no loss.

    Args:
        kind: one of ``TASK_KINDS``.
        classes: names in the order of the outputs.
        activation: a key of ``losses.ACTIVATIONS``.
        options: what the task's ``options()`` returned.

    Raises:
        ValueError: naming the option that is wrong.
    """
    module = import_module(f"learnkit.tasks.{_PLACES[kind]}")
    return cast("Task", module.read(classes, activation, options))
