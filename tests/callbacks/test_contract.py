"""Every exported callback keeps the loop's contract; any stack of them trains, stops, goes on."""

import contextlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from learnkit import callbacks as lk
from learnkit.callback import Callback
from learnkit.schedule import cosine, linear, one_cycle_momentum
from learnkit.state import State
from learnkit.testing import check_callback, tiny_learner

Make = Callable[[Path], Callback]


# One of each, some with other options too; those that write get a folder of their own.
SAMPLES: dict[str, Make] = {
    "ActivationStats": lambda _: lk.ActivationStats(every=2),
    "AdaptiveGradientClip": lambda _: lk.AdaptiveGradientClip(),
    "BnFreeze": lambda _: lk.BnFreeze(head=True),
    "CSVLog": lambda folder: lk.CSVLog(folder / "log.csv"),
    "CutMix": lambda _: lk.CutMix(),
    "Distillation": lambda _: lk.Distillation(_Linear()),
    "DropoutSchedule": lambda _: lk.DropoutSchedule(linear()),
    "EMA": lambda _: lk.EMA(0.9),
    "EMA every 3": lambda _: lk.EMA(every=3),
    "EarlyStopping": lambda _: lk.EarlyStopping(patience=2),
    "GradientAccumulation": lambda _: lk.GradientAccumulation(3),
    "GradientAccumulation that grows": lambda _: lk.GradientAccumulation({0: 2, 1: 3}),
    "GradientCheckpointing": lambda _: lk.GradientCheckpointing(),
    "GradientClip": lambda _: lk.GradientClip(0.1),
    "GradientMonitor": lambda _: lk.GradientMonitor(every=2),
    "GradualUnfreezing": lambda _: lk.GradualUnfreezing(),
    "JSONLinesLog": lambda folder: lk.JSONLinesLog(folder / "log.jsonl"),
    "L1Penalty": lambda _: lk.L1Penalty(1e-3),
    "L2Penalty": lambda _: lk.L2Penalty(1e-3),
    "LRSchedule": lambda _: lk.LRSchedule(cosine(), one_cycle_momentum()),
    "LambdaCallback": lambda _: lk.LambdaCallback(after_batch=lambda state: None),
    "LambdaCallback that looks on": lambda _: lk.LambdaCallback(after_step=print, looks_on=True),
    "MCDropout": lambda _: lk.MCDropout(2),
    "MaxSteps": lambda _: lk.MaxSteps(7),
    "MaxTime": lambda _: lk.MaxTime(60),
    "MixUp": lambda _: lk.MixUp(),
    "MixUpOrCutMix": lambda _: lk.MixUpOrCutMix(),
    "OverfitOneBatch": lambda _: lk.OverfitOneBatch(),
    "ParamSchedule": lambda _: lk.ParamSchedule("weight_decay", linear()),
    "Profiler": lambda folder: lk.Profiler(folder / "trace.json", first=1, batches=1),
    "ProgressBar": lambda _: lk.ProgressBar(style="plain"),
    "ProgressiveResizing": lambda _: lk.ProgressiveResizing(0.5, multiple_of=4),
    "Recorder": lambda _: lk.Recorder(),
    "ReduceLROnPlateau": lambda _: lk.ReduceLROnPlateau(patience=1),
    "RunFolder": lambda folder: lk.RunFolder(folder / "runs"),
    "SAM": lambda _: lk.SAM(),
    "SWA": lambda _: lk.SWA(0.3),
    "SWA every 2": lambda _: lk.SWA(0.0, every=2),
    "SampleGrid": lambda folder: lk.SampleGrid(folder / "grids", draw=_first_weights),
    "SaveBest": lambda folder: lk.SaveBest(folder / "best.safetensors"),
    "SaveLast": lambda folder: lk.SaveLast(folder / "last.safetensors"),
    "SaveTopK": lambda folder: lk.SaveTopK(folder / "top", k=2),
    "ShortRun": lambda _: lk.ShortRun(3),
    "ShortRun of all epochs": lambda _: lk.ShortRun(2, epochs=None),
    "TerminateOnNaN": lambda _: lk.TerminateOnNaN(),
    "TimeLimit": lambda _: lk.TimeLimit(datetime(2100, 1, 1)),
    "Timer": lambda _: lk.Timer(clock=lambda: 0.0),
    "TorchScheduler": lambda _: lk.TorchScheduler(_step_lr),
    "ValidateEvery": lambda _: lk.ValidateEvery(2),
    "WeightNoise": lambda _: lk.WeightNoise(0.01),
}
# The finder ends its fit by itself; services are tried offline by tests of their own, and what
# needs a recurrent model with such a model.
ELSEWHERE = {"LRFinder", "TensorBoardLog", "WandbLog", "MLflowLog", "CometLog", "CarryHidden"}
IMAGES = {"CutMix", "MixUpOrCutMix", "ProgressiveResizing"}
OPTIONS: dict[str, dict[str, Any]] = {
    "CSVLog": {"ignore": ["rows"]},
    "JSONLinesLog": {"ignore": ["lines"]},
    "MaxTime": {"ignore": ["seconds"]},
    "RunFolder": {"ignore": ["run", "base", "step", "again"]},
    "Recorder": {"ignore": ["epochs", "rows"]},
    "GradualUnfreezing": {"may_change": ["requires_grad"]},
}


class _Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.layer = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x.flatten(1)[:, :4])
        return out


def _first_weights(model: nn.Module) -> Tensor:
    weights: Tensor = next(model.parameters()).detach().flatten()
    return weights[:12].view(1, 3, 2, 2).sigmoid()


def _step_lr(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.StepLR:
    return torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)


def test_every_exported_callback_is_tried_here() -> None:
    assert {name.split()[0] for name in SAMPLES} | ELSEWHERE == set(lk.__all__)


@pytest.fixture
def light_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes a RunFolder a second a fit: pictures, packages, git."""
    from learnkit.tracking import run_files

    monkeypatch.setattr(run_files, "find_spec", lambda name: None)
    monkeypatch.setattr(run_files, "environment_text", lambda device: "")
    monkeypatch.setattr(run_files, "git_revision", lambda folder: None)


@pytest.mark.usefixtures("no_flushing", "light_folders")
@pytest.mark.parametrize("name", SAMPLES)
def test_a_callback_keeps_the_contract(tmp_path: Path, name: str) -> None:
    learner = (lambda: tiny_learner(kind="images")) if name in IMAGES else tiny_learner
    check_callback(lambda: SAMPLES[name](tmp_path), learner=learner, **OPTIONS.get(name, {}))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_subclass_with_a_misspelt_hook_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TypeError, match="after_bacth is not a hook; did you mean 'after_batch'"):
        type("Child", (type(SAMPLES[name](tmp_path)),), {"after_bacth": lambda self, state: None})


# ---------------------------------------------------------------- stacks

# what ends a fit by itself ends both fits alike, but leaves nothing to stop and go on with
STACKED = sorted(set(SAMPLES) - {"TerminateOnNaN", "Profiler", "RunFolder"})
REFUSED = {"SAM", "GradientAccumulation"}  # together; a sentence says so before the first batch


class Stopped(Exception):
    pass


class Stop(Callback):
    """Fails after so many batches of training; at 0 never."""

    def __init__(self, after: int) -> None:
        self.left = after

    def after_batch(self, state: State) -> None:
        self.left -= state.training
        if self.left == 0:
            raise Stopped


def trained(names: list[str], folder: Path, *, stop: int = 0, saved: Path | None = None) -> Any:
    learn = tiny_learner(kind="images")
    callbacks = [*(SAMPLES[name](folder) for name in names), Stop(stop)]
    options: dict[str, Any] = {} if saved is None else {"checkpoint": saved, "every_steps": 1}
    history = learn.fit(3, 0.01, callbacks=callbacks, progress=False, **options)
    return history, learn.model.state_dict()


@st.composite
def stacks(draw: st.DrawFn) -> tuple[list[str], int]:
    names = draw(st.lists(st.sampled_from(STACKED), min_size=1, max_size=6, unique=True))
    if set(names) >= REFUSED:
        names.remove("SAM")
    return names, draw(st.integers(1, 12))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("no_flushing")
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stacks())
def test_any_stack_trains_stops_and_goes_on_to_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[list[str], int]
) -> None:
    names, stop = drawn
    folder = tmp_path_factory.mktemp("stack")
    rows, whole = trained(names, folder / "whole")
    with contextlib.suppress(Stopped):
        trained(names, folder / "cut", stop=stop, saved=folder / "saved")
    again_rows, again = trained(names, folder / "cut", saved=folder / "saved")
    assert len(rows) == len(again_rows)
    for name, value in whole.items():
        assert torch.equal(value, again[name]), name


def test_what_cannot_go_together_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="SAM") as caught:
        trained(["GradientAccumulation", "SAM"], tmp_path)
    assert "accumul" in str(caught.value)
