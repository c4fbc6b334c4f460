"""What a step computes, and how predictions are read: one value for each kind of problem.

The less common ones are imported when they are first named.
"""

from typing import TYPE_CHECKING

from learnkit.lazy import lazy_names
from learnkit.tasks.classification import Classification
from learnkit.tasks.multilabel import MultiLabel
from learnkit.tasks.prediction import Prediction
from learnkit.tasks.protocol import Step, Task
from learnkit.tasks.regression import Regression
from learnkit.tasks.supervised import Supervised, check_loss

if TYPE_CHECKING:
    from learnkit.tasks.gan import GAN
    from learnkit.tasks.language import LanguageModel
    from learnkit.tasks.points import Points
    from learnkit.tasks.reconstruction import Reconstruction
    from learnkit.tasks.segmentation import Segmentation
    from learnkit.tasks.variational import Variational

__all__ = [
    "GAN",
    "Classification",
    "LanguageModel",
    "MultiLabel",
    "Points",
    "Prediction",
    "Reconstruction",
    "Regression",
    "Segmentation",
    "Step",
    "Supervised",
    "Task",
    "Variational",
    "check_loss",
]

__getattr__ = lazy_names(
    __name__,
    {
        "GAN": "gan",
        "LanguageModel": "language",
        "Points": "points",
        "Reconstruction": "reconstruction",
        "Segmentation": "segmentation",
        "Variational": "variational",
    },
)


def __dir__() -> list[str]:
    return __all__
