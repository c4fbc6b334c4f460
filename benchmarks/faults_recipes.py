"""The fits that ``benchmarks.faults`` kills: each is what a user would write, made to be hard.

A recipe is a function of a `Job` that returns a `Fit`. It must give the same bits in every process.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import torch
from torch import nn

from benchmarks.faults_parts import (
    SMALL_BODY,
    Mixup,
    Samples,
    WeightAverage,
    as_if_pretrained,
    small_net,
)
from learnkit import models
from learnkit.callback import Callback
from learnkit.history import History
from learnkit.optim import sgd
from learnkit.runs.checkpoints import Checkpoints
from learnkit.vision import (
    CSVLog,
    DataBunch,
    EarlyStopping,
    GradientClip,
    ImageDataBunch,
    Learner,
    SaveBest,
    accuracy,
    cnn_learner,
    get_transforms,
)


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one training process is told; a JSON object between processes.

    Attributes:
        recipe: a name in `RECIPES`.
        data: a folder of photos with ``train`` and ``valid``.
        work: a folder of its own: checkpoints, log, best weights, outcome.
        workers: decoding threads, or processes.
        plan: what happens at which point of a save; see ``faults_run``.
    """

    recipe: str
    data: str
    work: str
    workers: int = 2
    plan: dict[str, Any] | None = None

    @property
    def folder(self) -> Path:
        """The folder of its own."""
        return Path(self.work)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A learner that is ready, its callbacks, and the call that trains it."""

    learn: Learner
    callbacks: list[Callback]
    run: Callable[..., History]


Recipe: TypeAlias = Callable[[Job], Fit]


def photos(job: Job, *, precision: Any = "fp32", forgetful: bool = False) -> Fit:
    """Everything at once: augmentation, dropout, BatchNorm, mixup, averages, accumulation."""
    data = ImageDataBunch.from_folder(
        job.data, size=24, bs=8, tfms=get_transforms(), num_workers=job.workers
    )
    learn = Learner(
        data,
        small_net(data.n_classes),
        metrics=accuracy,
        precision=precision,
        device="cpu",
        callbacks=GradientClip(1.0),
    )
    callbacks = [
        Mixup(data.n_classes),
        WeightAverage(forgetful=forgetful),
        EarlyStopping(patience=2),
        SaveBest(job.folder / "best.safetensors", restore=False),
        CSVLog(job.folder / "log.csv"),
    ]
    run = partial(learn.fit_one_cycle, 4, 1e-2, accumulate=3, **_saves(job, every_steps=2))
    return Fit(learn=learn, callbacks=callbacks, run=run)


def plain_sgd(job: Job) -> Fit:
    """SGD with momentum, which one cycle moves too; stopped early by its callback."""
    data = ImageDataBunch.from_folder(job.data, size=24, bs=16, num_workers=job.workers)
    model = small_net(data.n_classes)
    learn = Learner(data, model, metrics=accuracy, opt_func=sgd, precision="fp32", device="cpu")
    stopping = EarlyStopping("accuracy", patience=1, min_delta=0.3)
    run = partial(learn.fit_one_cycle, 6, 5e-2, accumulate=2, **_saves(job, every_steps=1))
    return Fit(learn=learn, callbacks=[Mixup(data.n_classes), stopping], run=run)


def lbfgs(job: Job) -> Fit:
    """An optimizer with a history of its own, which computes each loss several times."""
    torch.manual_seed(1)
    x = torch.randn(90, 6)
    data = DataBunch.from_arrays(x, (x[:, :3].sum(1) > 0).long(), bs=24)
    torch.manual_seed(2)
    # without biases, as it takes one group of parameters only
    model = nn.Sequential(nn.Linear(6, 8, bias=False), nn.Tanh(), nn.Linear(8, 2, bias=False))
    optimizer = partial(torch.optim.LBFGS, max_iter=4, history_size=5)
    learn = Learner(data, model, opt_func=optimizer, metrics=accuracy, device="cpu")
    run = partial(learn.fit, 6, 0.3, **_saves(job, every_steps=1))
    return Fit(learn=learn, callbacks=[CSVLog(job.folder / "log.csv")], run=run)


def frozen(job: Job, *, body: Any = SMALL_BODY, every_steps: int = 2) -> Fit:
    """``fine_tune`` of a body that is frozen first, whose features are remembered."""
    data = ImageDataBunch.from_folder(job.data, size=32, bs=16, tfms=None, num_workers=job.workers)
    learn = cnn_learner(data, body, weights=None, train_bn=False, metrics=accuracy, device="cpu")
    as_if_pretrained(learn.model)
    run = partial(learn.fine_tune, 2, freeze_epochs=3, **_saves(job, every_steps=every_steps))
    return Fit(learn=learn, callbacks=[WeightAverage()], run=run)


def processes(job: Job) -> Fit:
    """A torch dataset that worker processes fetch, each sample with a random change."""
    data = DataBunch.from_dataset(
        Samples(), bs=8, num_workers=min(job.workers, 2), classes=["a", "b", "c"]
    )
    learn = Learner(data, small_net(3), metrics=accuracy, precision="fp32", device="cpu")
    run = partial(learn.fit, 4, 1e-2, accumulate=2, **_saves(job, every_steps=2))
    return Fit(learn=learn, callbacks=[Mixup(3), WeightAverage()], run=run)


def _saves(job: Job, *, every_steps: int) -> dict[str, Any]:
    return {
        "checkpoint": Checkpoints(job.folder / "runs", monitor="valid_loss"),
        "every_steps": every_steps,
        "every_minutes": None,
        "progress": False,
    }


RECIPES: Final[dict[str, Recipe]] = {
    "photos": photos,
    "sgd": plain_sgd,
    "lbfgs": lbfgs,
    "bf16": partial(photos, precision="bf16"),
    "frozen": frozen,
    "resnet18": partial(frozen, body=models.resnet18, every_steps=5),
    "processes": processes,
    "forgetful": partial(photos, forgetful=True),
}
