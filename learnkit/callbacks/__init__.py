"""The callbacks that come with learnkit; each is one module, and none knows another.

Imported when first named. The rooms: ``rates`` (what the optimizer is told), ``gradients`` (what
it gets), ``weights`` (what it changes), ``batches`` (what a step sees), ``stop`` (when to end),
``saves`` (what is kept), ``logs`` (who is told) and ``watch`` (what is looked at).
"""

from typing import TYPE_CHECKING

from learnkit.lazy import lazy_names

if TYPE_CHECKING:
    from learnkit.callbacks.batches.carry_hidden import CarryHidden
    from learnkit.callbacks.batches.distillation import Distillation
    from learnkit.callbacks.batches.mixing import CutMix, MixUp, MixUpOrCutMix
    from learnkit.callbacks.batches.overfit_one_batch import OverfitOneBatch
    from learnkit.callbacks.batches.penalty import L1Penalty, L2Penalty
    from learnkit.callbacks.batches.progressive_resizing import ProgressiveResizing
    from learnkit.callbacks.gradients.adaptive_gradient_clip import AdaptiveGradientClip
    from learnkit.callbacks.gradients.gradient_accumulation import GradientAccumulation
    from learnkit.callbacks.gradients.gradient_checkpointing import GradientCheckpointing
    from learnkit.callbacks.gradients.gradient_clip import GradientClip
    from learnkit.callbacks.gradients.sam import SAM
    from learnkit.callbacks.logs.comet_log import CometLog
    from learnkit.callbacks.logs.csv_log import CSVLog
    from learnkit.callbacks.logs.json_lines_log import JSONLinesLog
    from learnkit.callbacks.logs.mlflow_log import MLflowLog
    from learnkit.callbacks.logs.run_folder import RunFolder
    from learnkit.callbacks.logs.tensorboard_log import TensorBoardLog
    from learnkit.callbacks.logs.wandb_log import WandbLog
    from learnkit.callbacks.progress import ProgressBar
    from learnkit.callbacks.rates.lr_finder import LRFinder
    from learnkit.callbacks.rates.lr_schedule import LRSchedule
    from learnkit.callbacks.rates.param_schedule import ParamSchedule
    from learnkit.callbacks.rates.reduce_lr_on_plateau import ReduceLROnPlateau
    from learnkit.callbacks.rates.torch_scheduler import TorchScheduler
    from learnkit.callbacks.recorder import Recorder
    from learnkit.callbacks.saves.save_best import SaveBest
    from learnkit.callbacks.saves.save_last import SaveLast
    from learnkit.callbacks.saves.save_top_k import SaveTopK
    from learnkit.callbacks.stop.early_stopping import EarlyStopping
    from learnkit.callbacks.stop.max_steps import MaxSteps
    from learnkit.callbacks.stop.max_time import MaxTime
    from learnkit.callbacks.stop.short_run import ShortRun
    from learnkit.callbacks.stop.terminate_on_nan import TerminateOnNaN
    from learnkit.callbacks.stop.time_limit import TimeLimit
    from learnkit.callbacks.watch.activation_stats import ActivationStats
    from learnkit.callbacks.watch.gradient_monitor import GradientMonitor
    from learnkit.callbacks.watch.lambda_callback import LambdaCallback
    from learnkit.callbacks.watch.profiler import Profiler
    from learnkit.callbacks.watch.sample_grid import SampleGrid
    from learnkit.callbacks.watch.timer import Timer
    from learnkit.callbacks.watch.validate_every import ValidateEvery
    from learnkit.callbacks.weights.bn_freeze import BnFreeze
    from learnkit.callbacks.weights.dropout_schedule import DropoutSchedule
    from learnkit.callbacks.weights.ema import EMA
    from learnkit.callbacks.weights.gradual_unfreezing import GradualUnfreezing
    from learnkit.callbacks.weights.mc_dropout import MCDropout
    from learnkit.callbacks.weights.swa import SWA
    from learnkit.callbacks.weights.weight_noise import WeightNoise

__all__ = [  # noqa: RUF022, as text, not as isort has it
    "ActivationStats",
    "AdaptiveGradientClip",
    "BnFreeze",
    "CSVLog",
    "CarryHidden",
    "CometLog",
    "CutMix",
    "Distillation",
    "DropoutSchedule",
    "EMA",
    "EarlyStopping",
    "GradientAccumulation",
    "GradientCheckpointing",
    "GradientClip",
    "GradientMonitor",
    "GradualUnfreezing",
    "JSONLinesLog",
    "L1Penalty",
    "L2Penalty",
    "LRFinder",
    "LRSchedule",
    "LambdaCallback",
    "MCDropout",
    "MLflowLog",
    "MaxSteps",
    "MaxTime",
    "MixUp",
    "MixUpOrCutMix",
    "OverfitOneBatch",
    "ParamSchedule",
    "Profiler",
    "ProgressBar",
    "ProgressiveResizing",
    "Recorder",
    "ReduceLROnPlateau",
    "RunFolder",
    "SAM",
    "SWA",
    "SampleGrid",
    "SaveBest",
    "SaveLast",
    "SaveTopK",
    "ShortRun",
    "TensorBoardLog",
    "TerminateOnNaN",
    "TimeLimit",
    "Timer",
    "TorchScheduler",
    "ValidateEvery",
    "WandbLog",
    "WeightNoise",
]

__getattr__ = lazy_names(
    __name__,
    {
        "ActivationStats": "watch.activation_stats",
        "AdaptiveGradientClip": "gradients.adaptive_gradient_clip",
        "BnFreeze": "weights.bn_freeze",
        "CSVLog": "logs.csv_log",
        "CarryHidden": "batches.carry_hidden",
        "CometLog": "logs.comet_log",
        "CutMix": "batches.mixing",
        "Distillation": "batches.distillation",
        "DropoutSchedule": "weights.dropout_schedule",
        "EMA": "weights.ema",
        "EarlyStopping": "stop.early_stopping",
        "GradientAccumulation": "gradients.gradient_accumulation",
        "GradientCheckpointing": "gradients.gradient_checkpointing",
        "GradientClip": "gradients.gradient_clip",
        "GradientMonitor": "watch.gradient_monitor",
        "GradualUnfreezing": "weights.gradual_unfreezing",
        "JSONLinesLog": "logs.json_lines_log",
        "L1Penalty": "batches.penalty",
        "L2Penalty": "batches.penalty",
        "LRFinder": "rates.lr_finder",
        "LRSchedule": "rates.lr_schedule",
        "LambdaCallback": "watch.lambda_callback",
        "MCDropout": "weights.mc_dropout",
        "MLflowLog": "logs.mlflow_log",
        "MaxSteps": "stop.max_steps",
        "MaxTime": "stop.max_time",
        "MixUp": "batches.mixing",
        "MixUpOrCutMix": "batches.mixing",
        "OverfitOneBatch": "batches.overfit_one_batch",
        "ParamSchedule": "rates.param_schedule",
        "Profiler": "watch.profiler",
        "ProgressBar": "progress",
        "ProgressiveResizing": "batches.progressive_resizing",
        "Recorder": "recorder",
        "ReduceLROnPlateau": "rates.reduce_lr_on_plateau",
        "RunFolder": "logs.run_folder",
        "SAM": "gradients.sam",
        "SWA": "weights.swa",
        "SaveBest": "saves.save_best",
        "SaveLast": "saves.save_last",
        "SampleGrid": "watch.sample_grid",
        "SaveTopK": "saves.save_top_k",
        "ShortRun": "stop.short_run",
        "TensorBoardLog": "logs.tensorboard_log",
        "TerminateOnNaN": "stop.terminate_on_nan",
        "TimeLimit": "stop.time_limit",
        "Timer": "watch.timer",
        "TorchScheduler": "rates.torch_scheduler",
        "ValidateEvery": "watch.validate_every",
        "WandbLog": "logs.wandb_log",
        "WeightNoise": "weights.weight_noise",
    },
)


def __dir__() -> list[str]:
    return __all__
