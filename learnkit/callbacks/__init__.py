"""The callbacks that come with learnkit; each is one module, and none knows another.

Imported when first named. The rooms: ``rates`` (what the optimizer is told), ``gradients`` (what
it gets), ``weights`` (what it changes), ``batches`` (what a step sees), ``stop`` (when to end),
``saves`` (what is kept), ``logs`` (who is told) and ``watch`` (what is looked at).
"""

from typing import TYPE_CHECKING

from learnkit.lazy import lazy_names

if TYPE_CHECKING:
    from learnkit.callbacks.gradients.gradient_clip import GradientClip
    from learnkit.callbacks.logs.csv_log import CSVLog
    from learnkit.callbacks.progress import ProgressBar
    from learnkit.callbacks.rates.lr_finder import LRFinder
    from learnkit.callbacks.rates.lr_schedule import LRSchedule
    from learnkit.callbacks.recorder import Recorder
    from learnkit.callbacks.saves.save_best import SaveBest
    from learnkit.callbacks.stop.early_stopping import EarlyStopping

__all__ = [
    "CSVLog",
    "EarlyStopping",
    "GradientClip",
    "LRFinder",
    "LRSchedule",
    "ProgressBar",
    "Recorder",
    "SaveBest",
]

__getattr__ = lazy_names(
    __name__,
    {
        "CSVLog": "logs.csv_log",
        "EarlyStopping": "stop.early_stopping",
        "GradientClip": "gradients.gradient_clip",
        "LRFinder": "rates.lr_finder",
        "LRSchedule": "rates.lr_schedule",
        "ProgressBar": "progress",
        "Recorder": "recorder",
        "SaveBest": "saves.save_best",
    },
)


def __dir__() -> list[str]:
    return __all__
