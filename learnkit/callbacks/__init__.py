"""The callbacks that come with learnkit; each is one module, and none knows another."""

from learnkit.callbacks.csv_log import CSVLog
from learnkit.callbacks.early_stopping import EarlyStopping
from learnkit.callbacks.gradient_clip import GradientClip
from learnkit.callbacks.lr_finder import LRFinder
from learnkit.callbacks.lr_schedule import LRSchedule
from learnkit.callbacks.progress import ProgressBar
from learnkit.callbacks.recorder import Recorder
from learnkit.callbacks.save_best import SaveBest

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
