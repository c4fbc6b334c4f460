"""Every error that learnkit raises on purpose.

Each message says what was expected, what was found, where, and what to do.
"""


class LearnkitError(Exception):
    """Base of all errors raised by learnkit."""


class DataError(LearnkitError):
    """The data on disk, or the labels, cannot be used as asked."""


class WeightsError(LearnkitError):
    """Pretrained weights are missing, unreachable or do not fit."""


class CheckpointError(LearnkitError):
    """A saved file or folder is missing, damaged or does not fit."""


class ExportError(LearnkitError):
    """A model cannot be exported, or an export cannot be read."""


class ModelError(LearnkitError):
    """A model does not fit the data it is given."""


class MetricError(LearnkitError, TypeError):
    """Something that is no metric was given as one."""


class MonitorError(LearnkitError, ValueError):
    """A callback watches a value that this fit does not compute."""


class NonFiniteLossError(LearnkitError, ArithmeticError):
    """The training loss became NaN or infinite.

    Attributes:
        step: the training batch, from 0 over all fits; None where it is not known.
    """

    step: int | None = None


class StateError(LearnkitError):
    """A field of State was read while it does not exist."""


class UnknownHookError(LearnkitError, TypeError):
    """A callback defines a method that looks like a hook but is none."""


class MissingExtraError(LearnkitError, ImportError):
    """An optional package is not installed; the message gives the pip line."""
