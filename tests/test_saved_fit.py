"""A fit with checkpoints: when it goes on, when it is done, and when it is another one."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from learnkit import models
from learnkit.callback import Callback
from learnkit.callbacks import CSVLog, EarlyStopping, GradientClip, SaveBest
from learnkit.data.bunch import DataBunch
from learnkit.data.dataset_loader import DatasetLoader
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import CheckpointError
from learnkit.history import History
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.optim import sgd
from learnkit.runs.checkpoints import Checkpoints
from learnkit.schedule import constant
from learnkit.state import State
from learnkit.types import Loaded

N, SIZE = 20, 5  # four batches an epoch


pytestmark = pytest.mark.usefixtures("no_flushing", "no_checks")


class Counting(DatasetLoader):
    """Counts the batches that were asked for."""

    given = 0

    def batches(self, epoch: int, *, start: int = 0) -> Iterator[Loaded]:  # type: ignore[override]
        for loaded in super().batches(epoch, start=start):
            self.given += 1
            yield loaded


def bunch(*, seed: int = 0, n: int = N, batch_size: int = SIZE, classes: str = "ab") -> DataBunch:
    drawn = torch.Generator().manual_seed(7)
    x = torch.randn(n + 6, 4, generator=drawn)
    y = (x.sum(1) > 0).long()
    sets = [torch.utils.data.TensorDataset(x[a:b], y[a:b]) for a, b in ((0, n), (n, n + 6))]
    return DataBunch.from_dls(
        Counting(sets[0], batch_size=batch_size, shuffle=True, seed=seed, num_workers=0),
        Counting(sets[1], batch_size=batch_size, seed=seed, num_workers=0),
        classes=list(classes),
        loss_func=functional.cross_entropy,
        seed=seed,
    )


def net(*, hidden: int = 5, activation: type[nn.Module] = nn.Tanh) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(4, hidden), activation(), nn.Dropout(0.2), nn.Linear(hidden, 2)
        )


def make(folder: Path, model: nn.Module | None = None, **options: Any) -> Learner:
    data = options.pop("data", None)
    options.setdefault("metrics", accuracy)
    options.setdefault("precision", "fp32")
    return Learner(
        data if data is not None else bunch(),
        model if model is not None else net(),
        device="cpu",
        path=folder,
        **options,
    )


def fit(learn: Learner, *callbacks: Callback, **options: Any) -> History:
    options.setdefault("checkpoint", "run")
    options.setdefault("progress", False)
    return learn.fit(
        options.pop("epochs", 2), options.pop("lr", 0.05), callbacks=callbacks, **options
    )


def halves(model: Any) -> list[list[nn.Parameter]]:
    return [list(model[:2].parameters()), list(model[2:].parameters())]


class End(Exception):
    pass


class At(Callback):
    """Raise in one hook, from one batch on."""

    looks_on = True

    def __init__(self, hook: str, batch: int = 0) -> None:
        self.batch = batch
        setattr(self, hook, self.end)

    def end(self, state: State) -> None:
        if state.progress.batches_seen >= self.batch:
            raise End


def ended(folder: Path, hook: str, batch: int = 0, *callbacks: Callback, **options: Any) -> Learner:
    learn = make(folder)
    with pytest.raises(End):
        fit(learn, *callbacks, At(hook, batch), **options)
    return learn


def weights(learn: Learner) -> list[Tensor]:
    return [value.clone() for value in learn.model.state_dict().values()]


def same(one: Learner, other: Learner) -> bool:
    return all(map(torch.equal, weights(one), weights(other)))


def given(learn: Learner) -> int:
    return learn.data.train_dl.given + learn.data.valid_dl.given  # type: ignore[attr-defined, union-attr]


def stored(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.glob("step-*"))


def rows(history: History) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def told(call: Callable[[], object]) -> str:
    with pytest.raises(CheckpointError) as caught:
        call()
    return str(caught.value)


# ---------------------------------------------------------------- a fit that is finished


class Halved(Callback):
    """Halves the weights after the fit, as an average of weights would put others there."""

    def after_fit(self, state: State) -> None:
        with torch.no_grad():
            for parameter in state.model.parameters():
                parameter.mul_(0.5)


def test_a_finished_fit_returns_at_once_with_all_that_it_left(tmp_path: Path) -> None:
    one, other = make(tmp_path), make(tmp_path)
    first = fit(one, Halved())
    again = fit(other, Halved())
    assert given(other) == 0
    assert again == first  # the seconds too
    assert other.history == one.history
    assert again.stop_reason is None
    assert same(one, other)
    assert not other.model.training
    assert all(p.grad is None for p in other.model.parameters())
    assert other.recorder.losses == one.recorder.losses
    assert other.fingerprint() == one.fingerprint()
    after = [rows(fit(learn, checkpoint=None)) for learn in (one, other)]
    assert after[0] == after[1]


def test_a_finished_fit_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(make(tmp_path))
    fit(make(tmp_path), progress=True)
    where = tmp_path / "run" / "step-00000008-finished"
    assert capsys.readouterr().out == (
        f"this fit is finished, after 8 batches: its result is that of {where}; "
        "resume='never' trains anew\n"
    )


def test_a_fit_that_goes_on_says_from_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(tmp_path, "before_step", 6, every_steps=1)
    fit(make(tmp_path), progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        f"going on in epoch 2, after 5 batches: {tmp_path / 'run' / 'step-00000005'}"
    )
    assert [line.split()[0] for line in lines[3:]] == ["2"]


def test_an_early_stop_survives(tmp_path: Path) -> None:
    def stopping() -> Callback:
        return EarlyStopping("train_loss", patience=1, min_delta=9)

    one, other = make(tmp_path), make(tmp_path)
    first = fit(one, stopping(), epochs=5)
    again = fit(other, stopping(), epochs=5)
    assert (len(first), given(other)) == (2, 0)
    assert again == first
    assert again.stop_reason == first.stop_reason
    assert str(first.stop_reason).startswith("train_loss has not improved for 1 epoch (best ")
    assert other.history.stop_reason == first.stop_reason


@pytest.mark.parametrize("early", [False, True])
def test_a_fit_that_was_ended_after_its_last_epoch_trains_no_more(
    tmp_path: Path, early: bool
) -> None:
    """All that is left to do is what hooks do after a fit."""

    def callbacks() -> list[Callback]:
        stop = EarlyStopping("train_loss", patience=1, min_delta=9)
        return [stop, Halved()] if early else [Halved()]

    options: dict[str, Any] = {"epochs": 5 if early else 2}
    whole = make(tmp_path / "whole")
    expected = fit(whole, *callbacks(), **options)
    ended(tmp_path, "after_fit", 0, *callbacks(), **options)
    learn = make(tmp_path)
    found = fit(learn, *callbacks(), **options)
    assert given(learn) == 0
    assert same(learn, whole)
    assert rows(found) == rows(expected)
    assert found.stop_reason == expected.stop_reason
    assert stored(tmp_path / "run")[-1] == "step-00000008-finished"


def test_callbacks_that_look_on_are_left_alone_by_a_finished_fit(tmp_path: Path) -> None:
    """The table and the best weights are on the disk already, or are not wanted any more."""
    log, best = tmp_path / "log.csv", tmp_path / "best.safetensors"
    one = make(tmp_path)
    fit(one, CSVLog(log), SaveBest(best))
    text = log.read_text()
    other = make(tmp_path)
    fit(other, CSVLog(log), SaveBest(best))
    assert log.read_text() == text
    assert same(one, other)
    log.unlink()
    best.unlink()
    other = make(tmp_path)
    fit(other, CSVLog(log), SaveBest(best))
    assert same(one, other)


def test_the_table_of_a_fit_that_goes_on_has_each_epoch_once(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    ended(tmp_path, "after_loss", 10, CSVLog(log), epochs=4)
    fit(make(tmp_path), CSVLog(log), epochs=4)
    lines = log.read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "1", "2", "3", "4"]


# ---------------------------------------------------------------- a fit that is another one


def refusal(folder: Path, differs: str, last: str = "step-00000008-finished") -> str:
    return (
        f"{folder / 'run'} holds the checkpoints of another fit, so nothing was trained. "
        f"What differs: {differs}. Give another folder or the same settings; resume='never' "
        f"starts anew and deletes what is there; learn.rewind({last!r}, checkpoint=...) goes on "
        "from its weights with other settings."
    )


def smooth(preds: Tensor, y: Tensor) -> Tensor:
    return functional.cross_entropy(preds, y, label_smoothing=0.1)


class Other(Callback):
    """A callback that takes part."""


LR = "schedule.lr: [0.05] there, [0.1] here"
OTHERS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "epochs": ({}, {"epochs": 3}, "schedule.epochs: 2 there, 3 here"),
    "rate": ({}, {"lr": 0.1}, LR),
    "decay": ({}, {"weight_decay": 0.2}, "schedule.weight_decay: 0.01 there, 0.2 here"),
    "accumulate": ({}, {"accumulate": 2}, "schedule.accumulate: 1 there, 2 here"),
    "schedule": (
        {},
        {"schedule": constant()},
        "schedule.curve: ...1.0, 1.0, 1.0, 1.0, 0.8535548550593679, 0.500005, 0.14645514... there, "
        "...1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0] here",
    ),
    "seed": ({"seed": 5}, {}, "settings.seed: 0 there, 5 here"),
    "loss": (
        {"loss_func": smooth},
        {},
        "settings.loss: cross_entropy there, smooth here",
    ),
    "precision": ({"precision": "bf16"}, {}, "settings.precision: fp32 there, bf16 here"),
    "metrics": ({"metrics": ()}, {}, "settings.metrics: ['accuracy'] there, [] here"),
    "nonfinite": ({"nonfinite": "skip"}, {}, "settings.nonfinite: stop there, skip here"),
    "micro-batch": ({"micro_batch": 3}, {}, "settings.micro_batch: auto there, 3 here"),
    "classes": (
        {"data": lambda: bunch(classes="ax")},
        {},
        "data.classes: ['a', 'b'] there, ['a', 'x'] here",
    ),
    "batch size": (
        {"data": lambda: bunch(batch_size=4)},
        {},
        "data.train.batch_size: 5 there, 4 here; data.valid.batch_size: 5 there, 4 here",
    ),
    "samples": (
        {"data": lambda: bunch(n=21)},
        {},
        "data.train.samples: 20 there, 21 here; data.train.data: HASH there, HASH here; "
        "data.valid.data: HASH there, HASH here",
    ),
    "callbacks": (
        {},
        {"callbacks": [Other()]},
        "settings.callbacks: ['LRSchedule', 'Recorder'] there, "
        "['LRSchedule', 'Recorder', 'Other'] here",
    ),
    "layers": (
        {"model": lambda: net(hidden=6)},
        {},
        "model.shapes: HASH there, HASH here; 0.weight has shape (5, 4), expected (6, 4); 0.bias "
        "has shape (5,), expected (6,); 3.weight has shape (2, 5), expected (2, 6)",
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_another_fit_is_refused_with_a_list_of_what_differs(tmp_path: Path, what: str) -> None:
    fit(make(tmp_path))
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()}
    parts, options, differs = OTHERS[what]
    made = {name: part() if name in ("data", "model") else part for name, part in parts.items()}
    learn = make(tmp_path, **made)
    start = weights(learn)
    found = told(lambda: fit(learn, *options.pop("callbacks", ()), **dict(options)))
    assert re.sub(r"[0-9a-f]{60}\.\.\.", "HASH", found) == refusal(tmp_path, differs)
    assert given(learn) == 0
    assert all(map(torch.equal, start, weights(learn)))
    assert before == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()}


@pytest.mark.parametrize("other", [sgd, torch.optim.Adam])
def test_another_optimizer_is_refused(tmp_path: Path, other: Any) -> None:
    fit(make(tmp_path))
    found = told(lambda: fit(make(tmp_path, opt_func=other)))
    names = re.findall(r"settings\.optimizer: (\w+)\(.* there, (\w+)\(.* here\.", found)
    assert names == [("AdamW", "SGD" if other is sgd else "Adam")]


def weighted(*weights: float) -> nn.Module:
    return nn.CrossEntropyLoss(weight=torch.tensor(weights))


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        (
            nn.CrossEntropyLoss(),
            nn.CrossEntropyLoss(label_smoothing=0.1),
            "..., label_smoothing=0.0, reduction='mean'] there, "
            "..., label_smoothing=0.1, reduction='mean'] here",
        ),
        (
            nn.CrossEntropyLoss(),
            weighted(1.0, 2.0),
            "....0, reduction='mean'] there, "
            "....0, reduction='mean', weight=Tensor((2,), 8f20fd76509ba694)] here",
        ),
        (
            weighted(1.0, 3.0),
            weighted(1.0, 2.0),
            "...weight=Tensor((2,), d057d48dfdde9b38)] there, "
            "...weight=Tensor((2,), 8f20fd76509ba694)] here",
        ),
    ],
    ids=["smoothing", "weights", "other weights"],
)
def test_a_loss_with_other_settings_is_another_loss(
    tmp_path: Path, one: nn.Module, other: nn.Module, differs: str
) -> None:
    """torch's own words for its losses leave their settings out."""
    fit(make(tmp_path, loss_func=one))
    found = told(lambda: fit(make(tmp_path, loss_func=other)))
    assert found == refusal(tmp_path, f"settings.loss: {differs}")


def test_what_trains_is_a_setting_too(tmp_path: Path) -> None:
    fit(make(tmp_path, splitter=halves))
    found = told(lambda: fit(make(tmp_path, splitter=halves).freeze()))
    counts = r"model\.trained: 4 tensors, [0-9a-f]{16} there, 2 tensors, [0-9a-f]{16} here"
    assert re.search(f"What differs: {counts}", found)


def test_many_differences_are_cut_short(tmp_path: Path) -> None:
    fit(make(tmp_path))
    learn = make(tmp_path, data=bunch(seed=4), opt_func=sgd, precision="bf16", metrics=())
    found = told(lambda: fit(learn, epochs=3, lr=0.1, weight_decay=0.2, accumulate=2))
    assert re.search(r"; and \d more\. Give another folder or the same settings;", found)
    assert found.count(" here") == 8


def test_the_learner_that_trained_it_is_told_that_it_is_further_now(tmp_path: Path) -> None:
    learn = make(tmp_path)
    fit(learn)
    assert told(lambda: fit(learn)) == (
        f"{tmp_path / 'run'} holds the checkpoints of a fit that began at another point of the "
        "learner's training: start.epochs: 0 there, 2 here; start.batches: 0 there, 8 here. To "
        "train on, give another folder; to go on with that fit, or get its result, make the "
        "learner anew."
    )


def test_a_fit_after_other_fits_goes_on_after_the_same_fits(tmp_path: Path) -> None:
    def second(*callbacks: Callback) -> Learner:
        learn = make(tmp_path)
        fit(learn, checkpoint="first", epochs=1)
        fit(learn, *callbacks, checkpoint="second", every_steps=1)
        return learn

    whole = make(tmp_path)
    fit(whole, checkpoint=None, epochs=1)
    expected = rows(fit(whole, checkpoint=None))
    with pytest.raises(End):
        second(At("after_batch", 9))
    learn = second()
    assert same(learn, whole)
    assert rows(learn.history)[1:] == expected
    assert len(learn.history) == 3


def interrupted(folder: Path, *, batch: int = 6) -> Learner:
    """A learner after Ctrl-C in its second epoch, as a cell of a notebook leaves it."""
    learn = make(folder)
    fit(learn, checkpoint=None, epochs=1)
    with pytest.raises(End):
        fit(learn, At("after_batch", 4 + batch), every_steps=1)
    return learn


def test_the_learner_that_was_interrupted_goes_on_when_its_cell_is_run_again(
    tmp_path: Path,
) -> None:
    whole = make(tmp_path)
    fit(whole, checkpoint=None, epochs=1)
    fit(whole, checkpoint=None)
    learn = interrupted(tmp_path)
    assert len(learn.history) == 2
    again = fit(learn, every_steps=1)
    assert same(learn, whole)
    assert rows(learn.history) == rows(whole.history)
    assert rows(again) == rows(whole.history)[1:]
    assert learn.fingerprint() == whole.fingerprint()


def test_a_fine_tune_that_was_interrupted_goes_on_in_the_same_learner(tmp_path: Path) -> None:
    def tune(learn: Learner, **options: Any) -> None:
        learn.fine_tune(2, progress=False, **options)

    whole, learn = make(tmp_path, splitter=halves), make(tmp_path, splitter=halves)
    tune(whole)
    with pytest.raises(End):
        tune(learn, checkpoint="run", callbacks=At("after_batch", 9))
    tune(learn, checkpoint="run")
    assert same(learn, whole)
    assert rows(learn.history) == rows(whole.history)


def test_it_goes_on_only_where_nothing_was_trained_since(tmp_path: Path) -> None:
    learn = interrupted(tmp_path)
    fit(learn, checkpoint=None, epochs=1)
    counts = "start.epochs: 1 there, 3 here; start.batches: 4 there, 14 here"
    assert counts in told(lambda: fit(learn, every_steps=1))
    assert "start.epochs: 1 there, 3 here" in told(lambda: fit(learn, every_steps=1))


def test_a_learner_that_is_refused_stays_where_it_was(tmp_path: Path) -> None:
    learn = interrupted(tmp_path)
    before = rows(learn.history)
    assert "schedule.epochs: 2 there, 3 here" in told(lambda: fit(learn, epochs=3))
    with pytest.raises(ValueError, match="accumulate"):
        learn.fit(2, 0.05, checkpoint="run", accumulate=0, progress=False)
    with pytest.raises(ValueError, match="accumulate"):
        learn.fit(2, 0.05, checkpoint="another", accumulate=0, progress=False)
    with pytest.raises(ValueError, match="learning rates must be"):
        fit(learn, checkpoint="another", lr=-1.0)
    assert rows(learn.history) == before
    assert len(fit(learn, every_steps=1)) == 2


def test_callbacks_that_look_on_may_come_and_go(tmp_path: Path) -> None:
    whole = make(tmp_path)
    fit(whole, checkpoint=None)
    ended(tmp_path, "after_batch", 5, CSVLog(tmp_path / "a.csv"), every_steps=1)
    learn = make(tmp_path)
    fit(learn, SaveBest(tmp_path / "best", restore=False), every_steps=1)
    assert same(learn, whole)


def test_two_callbacks_of_one_name_keep_each_its_own_state(tmp_path: Path) -> None:
    class Counter(Callback):
        def __init__(self, step: int) -> None:
            self.step, self.count = step, 0

        def after_step(self, state: State) -> None:
            self.count += self.step

        def state_dict(self) -> dict[str, Any]:
            return {"count": self.count}

        def load_state_dict(self, state: dict[str, Any]) -> None:
            self.count = state["count"]

    ended(tmp_path, "before_batch", 6, Counter(1), Counter(100), every_steps=1)
    one, other = Counter(1), Counter(100)
    fit(make(tmp_path), one, other)
    assert (one.count, other.count) == (8, 800)


def test_a_dataset_that_was_moved_is_the_same_one(photo_folder: Path, tmp_path: Path) -> None:
    def seeing(root: Path) -> Learner:
        data = ImageDataBunch.from_folder(root, size=24, batch_size=6, num_workers=0)
        return Learner(data, models.cnn(3, channels=[4]), device="cpu", path=tmp_path)

    whole = seeing(photo_folder)
    fit(whole, checkpoint=None)
    with pytest.raises(End):
        fit(seeing(photo_folder), At("after_batch", 4), every_steps=1)
    moved = tmp_path / "elsewhere" / "pictures"
    moved.parent.mkdir()
    photo_folder.rename(moved)
    learn = seeing(moved)
    fit(learn, every_steps=1)
    assert same(learn, whole)


def test_other_files_are_other_data(photo_folder: Path, tmp_path: Path) -> None:
    def seeing() -> Learner:
        data = ImageDataBunch.from_folder(photo_folder, size=24, batch_size=6, num_workers=0)
        return Learner(data, models.cnn(3, channels=[4]), device="cpu", path=tmp_path)

    fit(seeing(), epochs=1)
    first = next(photo_folder.rglob("train/*/*.jpg"))
    first.rename(first.with_name("another.jpg"))
    assert "What differs: data.train." in told(lambda: fit(seeing(), epochs=1))


def test_another_number_of_threads_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = torch.get_num_threads()
    ended(tmp_path, "after_batch", 5, every_steps=1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads + 3)
    with pytest.warns(UserWarning, match="other conditions") as caught:
        fit(make(tmp_path))
    assert str(caught[0].message) == (
        "The checkpoint was written under other conditions, so sums may differ in their last "
        f"bits: threads: {threads} there, {threads + 3} here."
    )


def test_a_state_that_is_no_plain_value_is_told_before_the_training(tmp_path: Path) -> None:
    class Wrong(Callback):
        def state_dict(self) -> dict[str, Any]:
            return {"path": Path()}

    learn = make(tmp_path)
    found = told(lambda: fit(learn, Wrong()))
    assert re.match(r"cannot save \.callbacks\.\d\.1\.path: it is a PosixPath; a state may", found)
    assert given(learn) == 0


class NumPys(Callback):
    """Adds a column, and remembers it, as a number of NumPy's."""

    def __init__(self) -> None:
        self.last: Any = None

    def after_phase(self, state: State) -> None:
        self.last = state.metrics["mine"] = np.float32(0.1)  # type: ignore[assignment]

    def state_dict(self) -> dict[str, Any]:
        return {"last": self.last}


def test_numbers_of_numpy_may_be_in_the_metrics_and_in_a_state(tmp_path: Path) -> None:
    """A history takes them, so a checkpoint must not end the fit over them."""
    history = fit(make(tmp_path), NumPys(), every_steps=1)
    assert history.column("mine") == [float(np.float32(0.1))] * 2


# ---------------------------------------------------------------- what is kept


def test_resume_never_starts_anew_and_deletes_what_is_there(tmp_path: Path) -> None:
    fit(make(tmp_path), epochs=3)
    learn = make(tmp_path)
    fit(learn, epochs=1, resume="never")
    assert stored(tmp_path / "run") == [
        "step-00000000-start",
        "step-00000004-epoch-001",
        "step-00000004-finished",
    ]
    assert given(learn) == 6


@pytest.mark.parametrize("keep", [1, 2, 3, None])
def test_the_first_checkpoint_and_the_last_ones_stay(tmp_path: Path, keep: int | None) -> None:
    fit(make(tmp_path), epochs=3, checkpoint=Checkpoints("run", keep=keep))
    every = [
        "step-00000000-start",
        "step-00000004-epoch-001",
        "step-00000008-epoch-002",
        "step-00000012-epoch-003",
        "step-00000012-finished",
    ]
    expected = every if keep is None else [every[0], *every[-keep:]]
    assert stored(tmp_path / "run") == expected


@pytest.mark.parametrize(("mode", "best"), [("min", 3), ("max", 1)])
def test_the_checkpoint_of_the_best_epoch_stays(tmp_path: Path, mode: Any, best: int) -> None:
    """The training loss falls, so the last epoch is the best of five, or the first the worst."""

    class Chosen(Callback):
        def after_epoch(self, state: State) -> None:
            state.metrics["train_loss"] = [0.5, 0.4, 0.1, 0.3, 0.2][state.progress.epochs_done]

    where = Checkpoints("run", keep=1, monitor="train_loss", mode=mode)
    fit(make(tmp_path), Chosen(), epochs=5, checkpoint=where)
    assert stored(tmp_path / "run") == [
        "step-00000000-start",
        f"step-{4 * best:08d}-epoch-{best:03d}",
        "step-00000020-finished",
    ]


def test_a_monitor_that_is_not_computed_is_told_before_the_training(tmp_path: Path) -> None:
    learn = make(tmp_path)
    with pytest.raises(ValueError) as caught:
        fit(learn, checkpoint=Checkpoints("run", monitor="acuracy"))
    assert str(caught.value) == (
        "Checkpoints(monitor='acuracy'): this fit computes train_loss, valid_loss, accuracy."
        " Did you mean 'accuracy'?"
    )
    assert given(learn) == 0


@pytest.mark.parametrize("background", [True, False])
def test_checkpoints_may_be_written_at_once_or_beside_the_fit(
    tmp_path: Path, background: bool
) -> None:
    learn = make(tmp_path)
    where = Checkpoints("run", keep=None, background=background)
    fit(learn, checkpoint=where, every_steps=3)
    assert stored(tmp_path / "run") == [
        "step-00000000-start",
        "step-00000003",
        "step-00000004-epoch-001",
        "step-00000007",
        "step-00000008-epoch-002",
        "step-00000008-finished",
    ]


def test_saving_changes_nothing_of_a_fit(tmp_path: Path) -> None:
    plain, saved = make(tmp_path), make(tmp_path)
    expected = fit(plain, checkpoint=None)
    assert rows(fit(saved, every_steps=1)) == rows(expected)
    assert same(plain, saved)


def test_two_fits_cannot_write_into_one_folder(tmp_path: Path) -> None:
    class Inside(Callback):
        looks_on = True
        message = ""

        def before_epoch(self, state: State) -> None:
            Inside.message = told(lambda: fit(make(tmp_path)))

    fit(make(tmp_path), Inside(), epochs=1)
    assert Inside.message == (
        f"another fit is writing checkpoints into {tmp_path / 'run'}. Wait for it, or give this "
        "one a folder of its own."
    )


# ---------------------------------------------------------------- fine-tuning


def by_layer(model: Any) -> list[list[nn.Parameter]]:
    return [list(model[0].parameters()), list(model[1:].parameters())]


@pytest.mark.parametrize("opt_func", [torch.optim.AdamW, torch.optim.SGD])
@pytest.mark.parametrize("batch", [2, 4, 6, 11])
def test_fine_tuning_goes_on_in_either_part(tmp_path: Path, batch: int, opt_func: Any) -> None:
    def tuned(checkpoint: str | None, *callbacks: Callback) -> tuple[Learner, History]:
        learn = make(tmp_path, splitter=by_layer, opt_func=opt_func)
        history = learn.fine_tune(
            2,
            freeze_epochs=1,
            checkpoint=checkpoint,
            every_steps=1,
            callbacks=[GradientClip(1.0), *callbacks],
            progress=False,
        )
        return learn, history

    whole, expected = tuned(None)
    with pytest.raises(End):
        tuned("run", At("after_loss", batch))
    learn, found = tuned("run")
    assert same(learn, whole)
    assert rows(found) == rows(expected)
    assert rows(learn.history) == rows(whole.history)
    again, found = tuned("run")
    assert given(again) == 0
    assert rows(found) == rows(expected)
    assert sorted(entry.name for entry in (tmp_path / "run").iterdir()) == ["frozen", "unfrozen"]


def test_an_optimizer_that_lacks_what_torch_adds_on_loading_goes_on(tmp_path: Path) -> None:
    """torch gives an optimizer that has taken a state back a setting that L-BFGS does not have."""

    def two_fits(*callbacks: Callback) -> Learner:
        learn = make(tmp_path, opt_func=torch.optim.LBFGS)
        for name in ("first", "second"):
            fit(learn, *(callbacks if name == "second" else ()), checkpoint=name, every_steps=1)
        return learn

    with pytest.raises(End):
        two_fits(At("after_batch", 10))
    assert len(two_fits().history) == 4
