"""What users write, for type checkers: strict mypy and pyright pass on this file.

It is not run. ``test_typing`` checks it, and that near misses of it are rejected.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from typing_extensions import override

from learnkit.vision import (
    Callback,
    DataBunch,
    EarlyStopping,
    History,
    ImageDataBunch,
    Learner,
    Prediction,
    State,
    accuracy,
    cnn_learner,
    error_rate,
    get_transforms,
    load_learner,
    models,
    top_k,
)


def five_lines(path: Path) -> History:
    data = ImageDataBunch.from_folder(path, size=(192, 256), tfms=get_transforms())
    learn = cnn_learner(data, models.resnet50, metrics=accuracy)
    history = learn.fit(5)
    learn.export("model")
    answer: Prediction = load_learner("model").predict("some.jpg")
    print(answer.label, answer.probability, answer.top(3)[0][0])
    return history


class ClipGrad(Callback):
    """Clip the norm of the gradients."""

    def __init__(self, max_norm: float) -> None:
        self.max_norm = max_norm

    @override
    def before_step(self, state: State) -> None:
        nn.utils.clip_grad_norm_(state.model.parameters(), self.max_norm)


class StopWhenGood(Callback):
    """End the fit once a metric is reached, and remember the best in checkpoints."""

    def __init__(self, metric: str, at_least: float) -> None:
        self.metric, self.at_least, self.best = metric, at_least, 0.0

    @override
    def after_epoch(self, state: State) -> None:
        self.best = max(self.best, state.metrics[self.metric])
        if self.best >= self.at_least:
            state.stop(f"{self.metric} reached {self.best:.3f}")

    @override
    def on_error(self, state: State, error: BaseException) -> None:
        print(state.progress.epochs_done, error)

    @override
    def state_dict(self) -> dict[str, float]:
        return {"best": self.best}


class MixTwo(Callback):
    """Assign what hooks may assign."""

    @override
    def before_batch(self, state: State) -> None:
        x, y = state.batch
        state.batch = state.batch._replace(x=(x + x.flip(0)) / 2, y=y)

    @override
    def after_loss(self, state: State) -> None:
        state.loss = state.loss * 2


def margin(preds: Tensor, targets: Tensor) -> Tensor:
    """Measure by a function."""
    return preds.gather(1, targets[:, None]).mean()


class Largest:
    """Measure by an object."""

    def __init__(self) -> None:
        self.value = 0.0

    @property
    def name(self) -> str:
        return "largest"

    @property
    def higher_is_better(self) -> bool:
        return False

    def reset(self) -> None:
        self.value = 0.0

    def update(self, preds: Tensor, targets: Tensor) -> None:
        self.value = max(self.value, float(preds.max()))

    def compute(self) -> float:
        return self.value


def own_parts(x: Tensor, y: Tensor) -> Learner:
    data = DataBunch.from_arrays(x, y, valid_pct=0.2, batch_size=32)
    learn = Learner(
        data,
        nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, data.n_classes)),
        loss_func=nn.CrossEntropyLoss(label_smoothing=0.1),
        opt_func=torch.optim.SGD,
        metrics=[accuracy, error_rate, top_k(2), margin, Largest()],
        callbacks=[ClipGrad(1.0), EarlyStopping("largest")],
        precision="bf16",
    )
    learn.fit_one_cycle(3, slice(1e-4, 1e-2), callbacks=StopWhenGood("accuracy", 0.9))
    learn.fine_tune(2, cbs=[MixTwo()])
    rate: float = learn.lr_find().suggestion
    column: list[float] = learn.fit(1, rate).column("accuracy")
    preds, targets = learn.get_preds()
    print(column, preds.shape, targets.shape, learn.validate()["valid_loss"])
    return learn.freeze().unfreeze().load(learn.save("checkpoint"))
