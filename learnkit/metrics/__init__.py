"""Numbers about predictions: plain functions, and objects that gather them over a phase.

A metric sees logits and targets, batch by batch, on the device; the host reads one number at the
end of the phase. Knows nothing of the loop, the learner or who shows the number. What is beyond
the basics is imported when first named, and torchmetrics with it.
"""

from typing import TYPE_CHECKING

from learnkit.lazy import lazy_names
from learnkit.metrics.accuracies import accuracy, error_rate, top_k
from learnkit.metrics.given import as_metric, as_metrics
from learnkit.metrics.mean import MeanMetric
from learnkit.metrics.protocol import RESERVED, Metric, MetricLike
from learnkit.metrics.torch_metric import TorchMetric

if TYPE_CHECKING:
    from learnkit.metrics.agreement import kappa, mcc
    from learnkit.metrics.bootstrap import Interval, interval
    from learnkit.metrics.calibration import calibration_error
    from learnkit.metrics.class_metric import ClassMetric
    from learnkit.metrics.foreground import foreground_accuracy
    from learnkit.metrics.hits import f1, precision, recall
    from learnkit.metrics.masks import dice, iou
    from learnkit.metrics.multilabel import multilabel_accuracy
    from learnkit.metrics.ranking import auroc, average_precision
    from learnkit.metrics.ratio import RatioMetric
    from learnkit.metrics.report import ClassScores, PerClass, per_class
    from learnkit.metrics.sk import SkMetric, sk_metric
    from learnkit.metrics.text import perplexity
    from learnkit.metrics.values import mae, mse, r2, rmse

__all__ = [
    "RESERVED",
    "ClassMetric",
    "ClassScores",
    "Interval",
    "MeanMetric",
    "Metric",
    "MetricLike",
    "PerClass",
    "RatioMetric",
    "SkMetric",
    "TorchMetric",
    "accuracy",
    "as_metric",
    "as_metrics",
    "auroc",
    "average_precision",
    "calibration_error",
    "dice",
    "error_rate",
    "f1",
    "foreground_accuracy",
    "interval",
    "iou",
    "kappa",
    "mae",
    "mcc",
    "mse",
    "multilabel_accuracy",
    "per_class",
    "perplexity",
    "precision",
    "r2",
    "recall",
    "rmse",
    "sk_metric",
    "top_k",
]

__getattr__ = lazy_names(
    __name__,
    {
        "ClassMetric": "class_metric",
        "ClassScores": "report",
        "Interval": "bootstrap",
        "PerClass": "report",
        "RatioMetric": "ratio",
        "SkMetric": "sk",
        "auroc": "ranking",
        "average_precision": "ranking",
        "calibration_error": "calibration",
        "dice": "masks",
        "f1": "hits",
        "foreground_accuracy": "foreground",
        "interval": "bootstrap",
        "iou": "masks",
        "kappa": "agreement",
        "mae": "values",
        "mcc": "agreement",
        "mse": "values",
        "multilabel_accuracy": "multilabel",
        "per_class": "report",
        "perplexity": "text",
        "precision": "hits",
        "r2": "values",
        "recall": "hits",
        "rmse": "values",
        "sk_metric": "sk",
    },
)


def __dir__() -> list[str]:
    return __all__
