"""A fit that is stopped anywhere goes on to the same bits as one that is not."""

import contextlib
import functools
import math
import signal
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from learnkit.callback import HOOKS, Callback
from learnkit.callbacks import EarlyStopping, GradientClip
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.history import History
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.models.backbone import Backbone, BackboneSource
from learnkit.optim import adamw, sgd
from learnkit.runs.checkpoints import Checkpoints
from learnkit.state import SkipBatch, State
from learnkit.types import Batch
from learnkit.vision import cnn_learner

pytestmark = pytest.mark.usefixtures("no_flushing")


# ---------------------------------------------------------------- callbacks with a state


class Averaged(Callback):
    """An average of the weights over the steps, which the model has in the end."""

    def __init__(self) -> None:
        self.shadow: dict[str, Tensor] = {}

    def before_fit(self, state: State) -> None:
        self.shadow = {k: v.detach().clone() for k, v in state.model.named_parameters()}

    def after_step(self, state: State) -> None:
        for name, parameter in state.model.named_parameters():
            self.shadow[name].lerp_(parameter.detach(), 0.1)

    def after_fit(self, state: State) -> None:
        with torch.no_grad():
            for name, parameter in state.model.named_parameters():
                parameter.copy_(self.shadow[name])

    def state_dict(self) -> dict[str, Any]:
        return {"shadow": self.shadow}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.shadow = {name: value.clone() for name, value in state["shadow"].items()}


class Mixed(Callback):
    """Mix the samples of a batch, by draws from torch's own generator."""

    def __init__(self) -> None:
        self.least = 0.0

    def before_epoch(self, state: State) -> None:
        self.least = 0.5 + 0.1 * float(torch.rand(()))  # of the epoch's draws

    def before_batch(self, state: State) -> None:
        if state.training:
            x, y = state.batch
            order = torch.randperm(len(y))
            share = self.least + (1 - self.least) * torch.rand(())
            soft = functional.one_hot(y, 2).to(x.dtype)
            state.batch = Batch(x.lerp(x[order], 1 - share), soft.lerp(soft[order], 1 - share))


class Moody(Callback):
    """Remembers all kinds of things, changes the loss by them, and adds a column."""

    def __init__(self) -> None:
        self.seen: list[float] = []
        self.factor = 1.0
        self.offset = torch.zeros(())

    def before_phase(self, state: State) -> None:
        self.offset = torch.rand(())

    def after_loss(self, state: State) -> None:
        if state.training:
            state.loss = state.loss * (self.factor + float(self.offset))

    def after_batch(self, state: State) -> None:
        if state.training and state.progress.batches_done % 2:
            self.factor = 0.5 + (self.factor * 1.7) % 1.0

    def after_epoch(self, state: State) -> None:
        self.seen.append(self.factor)
        state.metrics["mood"] = self.factor

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen, "mood": {"factor": self.factor, 3: (self.offset, None)}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seen, self.factor = list(state["seen"]), state["mood"]["factor"]
        self.offset = state["mood"][3][0]


class Skipping(Callback):
    """Skip the training batches of these numbers, in one hook."""

    def __init__(self, batches: frozenset[int], hook: str) -> None:
        self.batches = batches
        setattr(self, hook, self._skip)

    def _skip(self, state: State) -> None:
        if state.training and state.progress.batches_seen - 1 in self.batches:
            raise SkipBatch


class Stopping(Callback):
    """Stop the fit at a batch or an epoch, in one hook."""

    def __init__(self, number: int, hook: str) -> None:
        self.number, self.by_batch = number, hook.endswith(("batch", "loss"))
        setattr(self, hook, self._stop)

    def _stop(self, state: State) -> None:
        done = state.progress.batches_seen if self.by_batch else 3 * state.progress.epochs_done
        if done >= self.number:
            state.stop("seen enough")


# ---------------------------------------------------------------- configurations

OPTIMIZERS: dict[str, Any] = {
    "sgd": torch.optim.SGD,
    "momentum": sgd,
    "adam": torch.optim.Adam,
    "adamw": adamw,
    "amsgrad": functools.partial(torch.optim.AdamW, amsgrad=True),
    "rmsprop": functools.partial(torch.optim.RMSprop, momentum=0.5, centered=True),
    "lbfgs": functools.partial(torch.optim.LBFGS, max_iter=3, history_size=4),
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """One fit, and how it is saved."""

    epochs: int = 2
    samples: int = 14
    batch_size: int = 4
    accumulate: int = 1
    one_cycle: bool = False
    optimizer: str = "adamw"
    dropout: float = 0.0
    norm: bool = False
    weight_decay: float = 0.01
    callbacks: tuple[str, ...] = ()
    valid: bool = True
    noise: bool = False
    skip: tuple[frozenset[int], str] = (frozenset(), "before_batch")
    stop: tuple[int, str] | None = None
    frozen: bool = False
    precision: str = "fp32"
    micro_batch: Any = "auto"
    nonfinite: str = "stop"
    bad_batch: bool = False
    every_steps: int | None = None
    every_minutes: float | None = None
    keep: int | None = 3
    background: bool = True

    def learner(self, folder: Path, *more: Callback) -> tuple[Learner, Callable[..., History]]:
        """Return a fresh learner, and what runs its fit."""
        callbacks = [*self.made_callbacks(), *more]
        made = OPTIMIZERS[self.optimizer]
        learn = Learner(
            self.data(),
            self.model(),
            opt_func=made,
            splitter=lambda model: (
                [list(model[0].parameters()), list(model[1:].parameters())]
                if self.optimizer != "lbfgs"
                else [list(model.parameters())]
            ),
            metrics=accuracy,
            device="cpu",
            precision=self.precision,  # type: ignore[arg-type]
            nonfinite=self.nonfinite,  # type: ignore[arg-type]
            micro_batch=self.micro_batch,
            path=folder,
        )
        if self.frozen and self.optimizer != "lbfgs":
            learn.freeze()
        fit = learn.fit_one_cycle if self.one_cycle else learn.fit

        def run(checkpoint: str | None) -> History:
            where = Checkpoints(checkpoint, keep=self.keep, background=self.background)
            return fit(
                self.epochs,
                0.05,
                weight_decay=self.weight_decay,
                accumulate=self.accumulate,
                callbacks=callbacks,
                progress=False,
                checkpoint=None if checkpoint is None else where,
                every_steps=self.every_steps,
                every_minutes=self.every_minutes,
            )

        learn.given = callbacks  # type: ignore[attr-defined]
        return learn, run

    def made_callbacks(self) -> list[Callback]:
        made: dict[str, Callable[[], Callback]] = {
            "averaged": Averaged,
            "clip": lambda: GradientClip(0.5),
            "early": lambda: EarlyStopping("train_loss", patience=1, min_delta=0.02),
            "mixed": Mixed,
            "moody": Moody,
        }
        callbacks = [made[name]() for name in self.callbacks]
        if self.skip[0]:
            callbacks.append(Skipping(*self.skip))
        return [*callbacks, Stopping(*self.stop)] if self.stop is not None else callbacks

    def data(self) -> DataBunch:
        drawn = torch.Generator().manual_seed(3)
        x = torch.randn(self.samples + 5, 4, generator=drawn)
        y = (x.sum(1) > 0).long()
        if self.bad_batch:
            x[1] = math.nan
        n, given = self.samples, {"batch_size": self.batch_size, "seed": 5}
        tfms = [lambda x: x + 0.1 * torch.randn_like(x)] if self.noise else None
        sides = TensorDataset(x[:n], y[:n]), TensorDataset(x[n:], y[n:])
        whole = DataBunch.from_dataset(*sides, classes=[0, 1], tfms=tfms, **given)
        if self.valid:
            return whole
        return DataBunch.from_dls(whole.train_dl, classes=[0, 1], tfms=tfms, seed=5)

    def model(self) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            body = [nn.Linear(4, 6), *([nn.BatchNorm1d(6)] if self.norm else []), nn.Tanh()]
            return nn.Sequential(nn.Sequential(*body), nn.Dropout(self.dropout), nn.Linear(6, 2))


HOOKS_TO_SKIP = ("before_batch", "after_forward", "after_loss", "before_step")
HOOKS_TO_STOP = ("before_epoch", "before_phase", "before_batch", "after_loss", "after_batch",
                 "after_phase", "after_epoch")  # fmt: skip


@st.composite
def configs(draw: st.DrawFn) -> Config:
    optimizer = draw(st.sampled_from(list(OPTIMIZERS)))
    lbfgs = optimizer == "lbfgs"
    names = ("averaged", "clip", "early", "mixed", "moody")
    bad = draw(st.integers(0, 4)) == 0
    return Config(
        epochs=draw(st.integers(1, 4)),
        samples=draw(st.integers(7, 20)),
        batch_size=draw(st.integers(3, 7)),
        accumulate=1 if lbfgs else draw(st.integers(1, 4)),
        one_cycle=draw(st.booleans()),
        optimizer=optimizer,
        dropout=draw(st.sampled_from([0.0, 0.5])),
        norm=draw(st.booleans()),
        weight_decay=draw(st.sampled_from([0.0, 0.1])),
        callbacks=tuple(draw(st.lists(st.sampled_from(names), unique=True, max_size=3))),
        valid=draw(st.booleans()),
        noise=draw(st.booleans()),
        skip=(
            draw(st.frozensets(st.integers(0, 12), max_size=4)),
            draw(st.sampled_from(HOOKS_TO_SKIP)),
        ),
        stop=draw(
            st.none() | st.tuples(st.integers(0, 9), st.sampled_from(HOOKS_TO_STOP))
            if draw(st.booleans())
            else st.none()
        ),
        frozen=draw(st.booleans()),
        precision=draw(st.sampled_from(["fp32", "bf16"] if lbfgs else ["fp32", "bf16", "fp16"])),
        micro_batch=draw(st.sampled_from(["auto", None, 3])),
        nonfinite="skip" if bad else "stop",
        bad_batch=bad,
        every_steps=draw(st.sampled_from([None, 1, 1, 2, 3])),
        every_minutes=draw(st.sampled_from([None, None, 1e-9])),
        keep=draw(st.sampled_from([1, 3, None])),
        background=draw(st.booleans()),
    )


# ---------------------------------------------------------------- ends


class End(Exception):
    """What ends a run, in place of a kill."""


class Ending(Callback):
    """Count the events; at one of them, raise or send a signal."""

    looks_on = True

    def __init__(self, at: int = -1, how: str = "error") -> None:
        self.at, self.how = at, how
        self.events = 0

    def act(self, state: State) -> None:
        self.events += 1
        if self.events - 1 != self.at:
            return
        if self.how == "error":
            raise End
        signal.raise_signal(signal.SIGINT if self.how == "ctrl-c" else signal.SIGTERM)


for _hook in HOOKS:
    setattr(Ending, _hook, lambda self, state: self.act(state))

ENDS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from(["error", "ctrl-c", "sigterm"])),
    max_size=3,
)


def flat(value: Any) -> Any:
    """Return nested values with numbers as text, so that == compares bits."""
    if isinstance(value, Tensor):
        return str(value.dtype), tuple(value.shape), repr(value.detach().flatten().tolist())
    if isinstance(value, dict):
        return {k: flat(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [flat(v) for v in value]
    return repr(value) if isinstance(value, float) else value


def all_of(learn: Learner, history: History) -> dict[str, Any]:
    """Return everything that a fit leaves behind, but for its time."""
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in history]
    mine = [{k: v for k, v in row.items() if k != "seconds"} for row in learn.history]
    return flat(
        {
            "weights": dict(learn.model.state_dict()),
            "optimizer": learn.optimizer.state_dict(),
            "precision": learn.precision.state_dict(),
            "rows": rows,
            "history": mine,
            "stop_reason": history.stop_reason,
            "recorder": learn.recorder.state_dict(),
            "callbacks": [c.state_dict() for c in learn.given],  # type: ignore[attr-defined]
            "fingerprint": learn.fingerprint(),
            "training": [learn.model.training, *(p.grad for p in learn.model.parameters())],
        }
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Batches that are left out, and what comes of them, are warned of; that is shown elsewhere."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="check ")
        warnings.filterwarnings("ignore", message="A batch is left out")
        yield


def resumed(config: Config, ends: list[tuple[float, str]], total: int, folder: Path) -> Any:
    """Run a fit that is ended again and again, each time with a fresh learner."""
    for fraction, how in [*ends, (1.0, "never")]:
        ending = Ending(int(fraction * total) if how != "never" else -1, how)
        learn, run = config.learner(folder, ending)
        try:
            history = run("run")
        except (End, KeyboardInterrupt, SystemExit):
            continue
        learn.given.pop()  # type: ignore[attr-defined]
        return all_of(learn, history), learn
    raise AssertionError("the last run has no end")


def check(config: Config, ends: list[tuple[float, str]]) -> None:
    with TemporaryDirectory() as name, quiet():
        counting = Ending()
        learn, run = config.learner(Path(name), counting)
        expected_history = run(None)
        learn.given.pop()  # type: ignore[attr-defined]
        expected = all_of(learn, expected_history)
        found, other = resumed(config, ends, counting.events, Path(name))
        for part, value in expected.items():
            assert found[part] == value, part
        # what follows follows alike
        after = [numbers(one.fit(1, 0.01, progress=False)) for one in (learn, other)]
        assert repr(after[0]) == repr(after[1])


def numbers(history: History) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


@settings(max_examples=30)
@given(configs(), ENDS)
def test_a_fit_that_was_ended_anywhere_goes_on_to_the_same_bits(
    config: Config, ends: list[tuple[float, str]]
) -> None:
    check(config, ends)


@pytest.mark.parametrize("hook", ["after_loss", "after_epoch"])
def test_it_does_so_from_each_event(hook: str) -> None:
    """All that may be random at once, ended in turn at each event of this hook."""
    config = Config(
        accumulate=2,
        one_cycle=True,
        dropout=0.5,
        norm=True,
        callbacks=("averaged", "moody", "mixed"),
        noise=True,
        every_steps=1,
    )
    seen: list[str] = []
    counting = Ending()
    for event in HOOKS:
        setattr(counting, event, lambda state, event=event: seen.append(event))
    with TemporaryDirectory() as name:
        config.learner(Path(name), counting)[1](None)
    for number, event in enumerate(seen):
        if event == hook:
            check(config, [((number + 0.5) / len(seen), "error")])


def test_a_step_that_a_hook_dropped_is_remembered_by_the_loss_scale() -> None:
    """The scaler is told of it at the next step only, which may be that of another process."""
    config = Config(
        precision="fp16", skip=(frozenset([1]), "before_step"), every_minutes=1e-9, valid=False
    )
    ended_alike(config, Early("before_step", 3))


def ended_alike(config: Config, ending: Callback, *more: type[Callback]) -> None:
    """Compare a fit that went through with one that was ended once."""
    with TemporaryDirectory() as name:
        learn, run = config.learner(Path(name), *(made() for made in more))
        expected = all_of(learn, run(None))
        with pytest.raises(End):
            config.learner(Path(name), *(made() for made in more), ending)[1]("run")
        other, run = config.learner(Path(name), *(made() for made in more))
        found = all_of(other, run("run"))
    for part, value in expected.items():
        assert found[part] == value, part


class Early(Callback):
    """Raise in the first hook of this name from this batch on."""

    looks_on = True

    def __init__(self, hook: str, batch: int) -> None:
        self.batch = batch
        setattr(self, hook, self.end)

    def end(self, state: State) -> None:
        if state.progress.batches_seen >= self.batch:
            raise End


class Annealed(Callback):
    """Less dropout as the fit goes on."""

    def before_epoch(self, state: State) -> None:
        for module in state.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.5 * (1 - state.progress.fraction)


def test_a_hook_before_an_epoch_sees_the_same_counts_when_the_fit_goes_on_inside_it() -> None:
    ended_alike(Config(dropout=0.5, every_steps=1), Early("after_loss", 7), Annealed)


class Events(Callback):
    """Write down the hooks, and when the state comes back."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def state_dict(self) -> dict[str, Any]:
        return {"any": 1}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seen.append("load_state_dict")


for _hook in HOOKS:
    setattr(Events, _hook, lambda self, state, hook=_hook: self.seen.append(hook))


@pytest.mark.parametrize(
    ("hook", "batch", "expected"),
    [
        ("before_step", 6, "before_fit before_epoch before_phase load_state_dict before_batch"),
        ("before_epoch", 4, "before_fit load_state_dict before_epoch before_phase before_batch"),
        ("after_fit", 8, "before_fit load_state_dict after_fit"),
    ],
)
def test_hooks_that_begin_something_run_before_the_state_comes_back(
    tmp_path: Path, hook: str, batch: int, expected: str
) -> None:
    config = Config(every_steps=1)
    with pytest.raises(End):
        config.learner(tmp_path, Events(), Early(hook, batch))[1]("run")
    events = Events()
    config.learner(tmp_path, events)[1]("run")
    words = expected.split()
    assert events.seen[: len(words)] == words
    assert events.seen.count("load_state_dict") == 1


# ---------------------------------------------------------------- photos


class OneAfterTheOther(nn.Module):
    """A body whose features depend on the batch they are computed in, as rounding does."""

    __module__ = "torch.nn.mine"  # so torch.fx does not look inside

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.1 * x.mean(0, keepdim=True)


@dataclass(frozen=True)
class SmallSource(BackboneSource):
    def build(self, weights: str | None) -> nn.Module:
        layers = [nn.Conv2d(3, 8, 3, stride=2, bias=False), nn.BatchNorm2d(8), nn.ReLU()]
        return nn.Sequential(*layers, OneAfterTheOther())


SMALL = Backbone("small", SmallSource())


def seeing(root: Path, folder: Path, **options: Any) -> Learner:
    data = ImageDataBunch.from_folder(root, size=24, batch_size=7, num_workers=0, **options)
    learn = cnn_learner(data, SMALL, weights=None, device="cpu", path=folder, metrics=accuracy)
    learn.given = []  # type: ignore[attr-defined]
    return learn


def test_photos_with_random_changes_go_on_alike(photo_folder: Path, tmp_path: Path) -> None:
    """Random crops, flips and light by sample; weights that are channels-last; one cycle."""

    def fit(learn: Learner, folder: str | None, *more: Callback) -> Any:
        learn.unfreeze()
        history = learn.fit_one_cycle(
            3, 0.02, checkpoint=folder, every_steps=2, callbacks=more, progress=False
        )
        return all_of(learn, history)

    expected = fit(seeing(photo_folder, tmp_path), None)
    for batch in range(1, 9):
        with pytest.raises(End):
            fit(seeing(photo_folder, tmp_path), str(batch), Early("after_loss", batch))
        assert fit(seeing(photo_folder, tmp_path), str(batch)) == expected


STOPS = {
    "in the first epoch": ("after_batch", 2),
    "before the first validation": ("after_forward", 3),
    "at the end of an epoch": ("before_epoch", 3),
    "in the second epoch": ("after_batch", 5),
    "at the end of the second epoch": ("before_epoch", 6),
}


@pytest.mark.parametrize("place", STOPS)
def test_a_frozen_body_remembers_what_it_saw_in_the_batches_of_the_first_epoch(
    photo_folder: Path, tmp_path: Path, place: str
) -> None:
    def fit(learn: Learner, folder: str | None, *more: Callback) -> Any:
        learn.freeze()
        history = learn.fit(
            3,
            0.02,
            checkpoint=folder,
            every_minutes=1e-9,
            callbacks=more,
            progress=False,
        )
        return all_of(learn, history)

    expected = fit(seeing(photo_folder, tmp_path, tfms=None), None)
    hook, batch = STOPS[place]
    with pytest.raises(End):
        fit(seeing(photo_folder, tmp_path, tfms=None), "run", Early(hook, batch))
    assert fit(seeing(photo_folder, tmp_path, tfms=None), "run") == expected


# ---------------------------------------------------------------- save and load


@settings(max_examples=20)
@given(configs(), st.integers(1, 2))
def test_save_load_fit_equals_fit_fit_for_any_configuration(config: Config, times: int) -> None:
    """What `Learner.save` keeps is all that the next fit depends on."""
    with TemporaryDirectory() as name, quiet():
        through, run = config.learner(Path(name))
        rows = [numbers(run(None)) for _ in range(times)]
        through.save("half")
        rows.append(numbers(run(None)))
        other, run = config.learner(Path(name))
        other.load("half")
        assert repr(numbers(other.history)) == repr([row for part in rows[:-1] for row in part])
        # callbacks are not part of a learner's file: of those that remember, new ones on both sides
        if set(config.callbacks) <= {"clip", "early", "averaged"}:
            assert repr(numbers(run(None))) == repr(rows[-1])
            assert flat(dict(other.model.state_dict())) == flat(dict(through.model.state_dict()))
            assert flat(other.optimizer.state_dict()) == flat(through.optimizer.state_dict())
