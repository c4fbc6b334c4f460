"""The options of a Learner that every learner factory hands on, as a type."""

from os import PathLike
from typing import TYPE_CHECKING, TypedDict

import torch

from learnkit.checks import Callbacks, Metrics, Splitter
from learnkit.compiled import CompileMode
from learnkit.data.batch import Normalize
from learnkit.finite import NonFinite
from learnkit.micro_batch import MicroBatch
from learnkit.precision import Precision, PrecisionName
from learnkit.types import LossFn, OptimizerFactory

if TYPE_CHECKING:
    from learnkit.sanity.names import Mute


class LearnerOptions(TypedDict, total=False):
    """The keywords of `Learner`, see there; a factory takes them as ``**options`` (PEP 692).

    `checked_keywords` knows them by this type, so that a misspelt one fails with the nearest.
    """

    loss_func: LossFn | None
    opt_func: OptimizerFactory
    splitter: Splitter | None
    metrics: Metrics
    callbacks: Callbacks
    cbs: Callbacks
    precision: PrecisionName | Precision
    device: torch.device | str | None
    path: str | PathLike[str] | None
    seed: int | None
    normalize: Normalize | None
    train_bn: bool | None
    compile: bool | CompileMode
    nonfinite: NonFinite
    micro_batch: MicroBatch
    mute: "Mute"
