"""SanityChecks: one line for each mistake, and not a word about a healthy fit."""

import json
import math
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import TensorDataset

from learnkit import models
from learnkit.callback import Callback
from learnkit.callbacks import sanity_checks
from learnkit.callbacks.sanity_checks import CheckName, SanityChecks
from learnkit.data.batch import BatchPipeline, Normalize
from learnkit.data.bunch import DataBunch
from learnkit.data.dataset_loader import DatasetLoader
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import NonFiniteLossError
from learnkit.forward import Parts
from learnkit.history import History
from learnkit.learner import Learner
from learnkit.loop import run_fit
from learnkit.metrics import MetricLike, accuracy, as_metrics
from learnkit.models.backbone import Backbone, BackboneSource
from learnkit.precision import Plain
from learnkit.progress import Progress
from learnkit.sanity.kept import KeptLosses
from learnkit.sanity.names import CHECKS
from learnkit.state import Phase, SkipBatch, State
from learnkit.tasks import Supervised
from learnkit.types import Batch, BatchLoader
from learnkit.vision import cnn_learner

CPU = torch.device("cpu")
IMAGENET = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

MakeFit = Callable[[SanityChecks], list[str]]


def blobs(n: int = 320, *, classes: int = 2, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Points of well separated classes, in no order."""
    drawn = torch.Generator().manual_seed(seed)
    y = torch.randint(0, classes, (n,), generator=drawn)
    x = torch.randn(n, 4, generator=drawn) + 3 * functional.one_hot(y, 4)
    return x, y


def loader(x: Tensor, y: Tensor, *, shuffle: bool = True, batch_size: int = 16) -> DatasetLoader:
    return DatasetLoader(TensorDataset(x, y), batch_size=batch_size, shuffle=shuffle)


def small_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def fit(
    *callbacks: Callback,
    train_dl: BatchLoader | None = None,
    valid_dl: BatchLoader | None = None,
    model: nn.Module | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    metrics: Sequence[MetricLike] = (),
    epochs: int = 1,
    seen: int = 0,
    said: list[str] | None = None,
) -> list[str]:
    """Run a fit of these callbacks alone, and return what it warned of; or add it to ``said``."""
    said = [] if said is None else said
    model = model or small_net()
    state = State(
        model,
        device=CPU,
        optimizer=optimizer or torch.optim.SGD(model.parameters(), lr=0.05),
        train_dl=train_dl or loader(*blobs()),
        valid_dl=valid_dl,
        progress=Progress(epochs_planned=epochs, batches_seen=seen),
    )
    parts = Parts(
        state=state,
        task=Supervised(functional.cross_entropy),
        precision=Plain("fp32", "cpu"),
        pipeline=BatchPipeline(device=CPU),
        metrics=as_metrics(metrics),
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            run_fit(parts, callbacks, History())
        finally:
            said += [str(warning.message) for warning in caught]
    return said


class Blinding(Callback):
    """Make the inputs of some training batches a thousand times as large."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers
        self.losses: dict[int, float] = {}

    def before_batch(self, state: State) -> None:
        if state.training and state.progress.batches_seen - 1 in self.numbers:
            state.batch = Batch(state.batch.x * -1000, state.batch.y)

    def after_loss(self, state: State) -> None:
        if state.training:
            self.losses[state.progress.batches_seen - 1] = state.loss.item()


class Dead(nn.Module):
    """A net with a layer that no input reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.used(x)
        return out


def fit_spike(checks: SanityChecks) -> list[str]:
    return fit(checks, Blinding(25), train_dl=loader(*blobs(480)), valid_dl=loader(*blobs()))


def fit_not_finite(checks: SanityChecks) -> list[str]:
    x, y = blobs(64)
    x[40] = math.nan
    return fit(checks, valid_dl=loader(x, y, shuffle=False))


def fit_dead_layer(checks: SanityChecks) -> list[str]:
    return fit(checks, model=Dead())


def fit_short_optimizer(checks: SanityChecks) -> list[str]:
    model = small_net()
    return fit(checks, model=model, optimizer=torch.optim.SGD(model[2].parameters(), lr=0.05))


def fit_sorted(checks: SanityChecks) -> list[str]:
    x, y = blobs()
    order = y.argsort()
    return fit(checks, train_dl=loader(x[order], y[order], shuffle=False))


def fit_unseen_class(checks: SanityChecks) -> list[str]:
    x, y = blobs()
    ones = y == 1
    torch.manual_seed(0)
    three = nn.Linear(4, 3)
    return fit(checks, train_dl=loader(x, y * 2), valid_dl=loader(x[ones], y[ones]), model=three)


def photo_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


@pytest.fixture
def copied(photo_folder: Path) -> ImageDataBunch:
    """Photos, one of which is on both sides."""
    shutil.copy(photo_folder / "train/red/red_0.jpg", photo_folder / "valid/red/again.jpg")
    return ImageDataBunch.from_folder(photo_folder, size=16, batch_size=6)


@pytest.fixture
def troubles(copied: ImageDataBunch) -> dict[str, MakeFit]:
    """A fit for each check that has what the check is for, and nothing else."""

    def fit_copied(checks: SanityChecks) -> list[str]:
        return fit(checks, train_dl=copied.train_dl, valid_dl=copied.valid_dl, model=photo_net())

    def fit_plain(checks: SanityChecks) -> list[str]:
        checks.pretrained = IMAGENET
        return fit(checks, train_dl=copied.train_dl, model=photo_net())

    return {
        "constant_labels": fit_sorted,
        "loss_spike": fit_spike,
        "non_finite": fit_not_finite,
        "normalize": fit_plain,
        "optimizer": fit_short_optimizer,
        "same_images": fit_copied,
        "unseen_class": fit_unseen_class,
        "zero_gradient": fit_dead_layer,
    }


def test_there_is_a_trouble_for_each_check(troubles: dict[str, MakeFit]) -> None:
    assert sorted(troubles) == sorted(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_each_trouble_makes_one_line(troubles: dict[str, MakeFit], name: str) -> None:
    (line,) = troubles[name](SanityChecks())
    assert line.startswith(f"check {name}: ")
    assert line.endswith(f'. (mute="{name}" turns this check off)')
    assert "\n" not in line


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_is_off_by_name(troubles: dict[str, MakeFit], name: str) -> None:
    assert troubles[name](SanityChecks(mute=cast("CheckName", name))) == []


def test_a_spike_is_named_by_the_number_that_replay_takes() -> None:
    """Training batches are counted from 0, over all fits of a learner."""
    blinding = Blinding(1000 + 25, 1000 + 28)
    (line,) = fit(SanityChecks(), blinding, train_dl=loader(*blobs(480)), seen=1000, epochs=2)
    losses = blinding.losses
    median = sorted(losses[number] for number in range(1000, 1025))[12]
    assert line == (
        f"check loss_spike: the loss of training batch 1025 was {losses[1025]:.4g}, and the median "
        f"of those before it {median:.4g}. learn.replay(1025) gives that batch as the model saw "
        "it. Where its samples are sound, try a lower learning rate or "
        'callbacks=GradientClip(1.0). (mute="loss_spike" turns this check off)'
    )


def test_a_spike_before_a_loss_that_is_nan_is_said_when_the_fit_ends_by_it() -> None:
    class Break(Blinding):
        def after_loss(self, state: State) -> None:
            if state.progress.batches_seen == 28:
                state.loss = state.loss * math.nan

    said: list[str] = []
    with pytest.raises(NonFiniteLossError):
        fit(SanityChecks(), Break(25), train_dl=loader(*blobs(480)), said=said)
    (line,) = said
    assert line.startswith("check loss_spike: the loss of training batch 25 was ")


def test_a_last_batch_of_few_samples_is_no_spike() -> None:
    """It holds one sample, far away, whose loss says nothing of the training."""
    x, y = blobs(601)
    x[600] *= -1000
    assert fit(SanityChecks(), train_dl=loader(x, y, shuffle=False, batch_size=20)) == []
    full = torch.cat([x, x[:19]]), torch.cat([y, y[:19]])
    assert len(fit(SanityChecks(), train_dl=loader(*full, shuffle=False, batch_size=20))) == 1


def test_a_spike_of_one_fit_is_not_said_in_the_next() -> None:
    checks = SanityChecks()
    assert len(fit_spike(checks)) == 1
    assert fit(checks) == []


def losses_of_a_trained_model(checks: SanityChecks) -> list[str]:
    """Show losses by hand: a hundred of 0.01, then one of 0.9, which for two classes is little."""
    state = State(nn.Linear(4, 2), train_dl=loader(*blobs()))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        checks.before_fit(state)
        state.open_phase(Phase.TRAIN, batches=200)
        for loss in [0.01] * 100 + [0.9] + [0.01] * 10:
            state.progress.batches_seen += 1
            state.progress.batches_done += 1
            state.open_batch(Batch(torch.zeros(16, 4), torch.zeros(16)), np.arange(16))
            state.loss = torch.tensor(loss)
            checks.after_batch(state)
        checks.on_error(state, NonFiniteLossError())
    return [str(warning.message) for warning in caught]


def test_with_classes_a_spike_is_worse_than_guessing() -> None:
    muted: Any = ("constant_labels", "unseen_class")
    assert len(losses_of_a_trained_model(SanityChecks(mute=muted))) == 1
    assert losses_of_a_trained_model(SanityChecks(mute=muted, classes=("ash", "birch"))) == []


def test_numbers_of_validation_that_are_nan_are_named_with_their_samples() -> None:
    (line,) = fit_not_finite(SanityChecks())
    assert line == (
        "check non_finite: valid_loss is nan in epoch 1, from validation batch 2 on: sample 32, "
        "sample 33, sample 34 and 13 more. Look at these samples and at what the model gives for "
        "them; precision='fp32' tells whether the number format is at fault. "
        '(mute="non_finite" turns this check off)'
    )


def test_a_metric_that_is_nan_is_named() -> None:
    def ratio(preds: Tensor, targets: Tensor) -> Tensor:
        return torch.zeros(()) / 0

    (line,) = fit(SanityChecks(), valid_dl=loader(*blobs(64)), metrics=[accuracy, ratio], epochs=3)
    assert line == (
        "check non_finite: ratio is nan in epoch 1. Such a number is never an improvement, so "
        "nothing that watches it saves or stops; look for a division by zero, or a class without "
        'samples. (mute="non_finite" turns this check off)'
    )


def test_the_names_of_classes_are_used() -> None:
    (line,) = fit_unseen_class(SanityChecks(classes=("ash", "birch", "cedar")))
    assert line == (
        "check unseen_class: validation has samples of a class that training has none of: 'birch' "
        "(167 samples). A model cannot learn what it never sees. Put samples of each class on both "
        "sides, such as by stratified=True, or take the class out. "
        '(mute="unseen_class" turns this check off)'
    )


def test_a_frozen_weight_that_the_optimizer_moves_is_named() -> None:
    class Decaying(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            super().step(closure)
            with torch.no_grad():
                for group in self.param_groups:
                    for parameter in group["params"]:
                        parameter.mul_(0.99)

    model = small_net()
    model[0].requires_grad_(False)
    (line,) = fit(SanityChecks(), model=model, optimizer=Decaying(model.parameters(), lr=0.01))
    assert line == (
        "check optimizer: frozen weights have moved: 0.weight and 0.bias. An optimizer must pass "
        "by parameters whose grad is None, as those of torch.optim do; see to that in opt_func=, "
        "or keep frozen parameters out of it by splitter=. "
        '(mute="optimizer" turns this check off)'
    )


def test_a_line_points_at_the_line_of_the_user() -> None:
    data = DataBunch.from_arrays(*blobs(), batch_size=16)
    learn = Learner(data, Dead(), device="cpu")
    with pytest.warns(UserWarning, match="check zero_gradient") as caught:
        learn.fit(1, callbacks=SanityChecks(), progress=False)
    assert {warning.filename for warning in caught} == {__file__}


def test_the_next_fit_says_it_again_but_not_of_data_that_was_looked_at() -> None:
    checks, model = SanityChecks(), Dead()
    x, y = blobs()
    order = y.argsort()
    data = loader(x[order], y[order], shuffle=False)
    names = [[line.split(":")[0] for line in fit(checks, train_dl=data, model=model)] for _ in "ab"]
    assert names == [["check zero_gradient", "check constant_labels"], ["check zero_gradient"]]
    assert len(fit_sorted(checks)) == 1  # that is other data


def test_labels_are_counted_until_nothing_more_can_be_learned_of_them() -> None:
    data = {"train_dl": loader(*blobs()), "valid_dl": loader(*blobs(64))}
    one, three = SanityChecks(), SanityChecks()
    fit(one, **data)  # type: ignore[arg-type]
    fit(three, epochs=3, **data)  # type: ignore[arg-type]
    assert one.state_dict()["data"] == three.state_dict()["data"]


def test_photos_are_compared_once(copied: ImageDataBunch, troubles: dict[str, MakeFit]) -> None:
    checks = SanityChecks()
    assert len(troubles["same_images"](checks)) == 1
    assert troubles["same_images"](checks) == []


def test_who_stops_does_not_wait_for_files_to_be_compared(copied: ImageDataBunch) -> None:
    class Stop(Callback):
        def after_batch(self, state: State) -> None:
            state.stop("enough")

    checks = SanityChecks()
    given: Any = {"train_dl": copied.train_dl, "valid_dl": copied.valid_dl}
    assert fit(checks, Stop(), model=photo_net(), **given) == []
    assert len(fit(checks, model=photo_net(), **given)) == 1


def test_what_is_kept_of_a_long_phase_is_read_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And all is found as if it was read at the end."""
    lengths = []
    read = KeptLosses.read

    def noted(self: KeptLosses) -> tuple[list[int], list[float]]:
        numbers, losses = read(self)
        lengths.append(len(numbers))
        return numbers, losses

    monkeypatch.setattr(KeptLosses, "read", noted)
    whole = fit_spike(SanityChecks()), fit_sorted(SanityChecks()), fit_not_finite(SanityChecks())
    assert max(lengths) == 30
    monkeypatch.setattr(sanity_checks, "READ_EVERY", 4)
    lengths.clear()
    parts = fit_spike(SanityChecks()), fit_sorted(SanityChecks()), fit_not_finite(SanityChecks())
    assert max(lengths) == 4
    assert parts == whole


def test_a_fit_that_fails_leaves_no_losses_and_labels_behind() -> None:
    class Fail(Callback):
        def after_batch(self, state: State) -> None:
            if state.progress.batches_done == 3:
                raise KeyboardInterrupt

    checks = SanityChecks()
    with pytest.raises(KeyboardInterrupt):
        fit(checks, Fail())
    for kept in ("data", "losses"):
        assert checks.state_dict()[kept] == SanityChecks().state_dict()[kept]


# healthy fits: every warning is an error in this suite


def quiet(learn: Learner, epochs: int = 3, **options: Any) -> None:
    learn.fit(epochs, callbacks=SanityChecks(classes=learn.data.classes), progress=False, **options)


@pytest.mark.parametrize("batch_size", [4, 32])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_arrays_train_without_a_line(batch_size: int, accumulate: int) -> None:
    data = DataBunch.from_arrays(*blobs(classes=4), batch_size=batch_size)
    quiet(Learner(data, models.mlp(4, 4), device="cpu"), accumulate=accumulate)


def test_one_class_in_twenty_is_no_trouble() -> None:
    x, y = blobs(800)
    rare = torch.arange(800) % 20 != 0
    y[rare] = 0
    data = DataBunch.from_arrays(x, y, batch_size=16)
    quiet(Learner(data, small_net(), device="cpu"))


def test_values_instead_of_classes_are_no_trouble() -> None:
    x, _ = blobs()
    data = DataBunch.from_arrays(x, x.sum(1, keepdim=True), batch_size=16)
    quiet(Learner(data, nn.Linear(4, 1), device="cpu", loss_func=nn.MSELoss()))


def test_photos_train_without_a_line(photo_folder: Path) -> None:
    data = ImageDataBunch.from_folder(photo_folder, size=16, batch_size=6)
    learn = Learner(data, models.xresnet18(3), device="cpu", normalize=IMAGENET)
    checks = SanityChecks(classes=data.classes, pretrained=IMAGENET)
    learn.fit(4, callbacks=checks, progress=False)


@dataclass(frozen=True)
class ResidualSource(BackboneSource):
    """A body with a branch whose last norm starts at zero, as those of ResNets may."""

    def build(self, weights: str | None) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, bias=False), nn.BatchNorm2d(8), nn.ReLU(), Residual()
        )


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8)
        )
        nn.init.zeros_(cast("nn.BatchNorm2d", self.branch[3]).weight)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.branch(x)
        return out


def test_a_frozen_body_then_all_of_it_train_without_a_line(photo_folder: Path) -> None:
    data = ImageDataBunch.from_folder(photo_folder, size=16, batch_size=6)
    learn = cnn_learner(data, Backbone("residual", ResidualSource()), weights=None, device="cpu")
    checks = SanityChecks(classes=data.classes, pretrained=IMAGENET)
    learn.fine_tune(6, freeze_epochs=6, callbacks=checks, progress=False)


def test_a_converged_model_trains_on_without_a_line() -> None:
    data = DataBunch.from_arrays(*blobs(640), batch_size=16)
    learn = Learner(data, small_net(), device="cpu")
    learn.fit(5, 0.05, progress=False)
    quiet(learn, 5, lr=0.05)


def test_skipped_batches_and_odd_ones_are_passed_over() -> None:
    class Skip(Callback):
        def after_forward(self, state: State) -> None:
            if state.progress.batches_done % 3 == 0:
                raise SkipBatch

    class Soft(Callback):
        def before_batch(self, state: State) -> None:
            state.batch = Batch(state.batch.x, functional.one_hot(state.batch.y, 2).float())

    assert fit(SanityChecks(), Skip(), valid_dl=loader(*blobs(64))) == []
    assert fit(SanityChecks(), Soft(), valid_dl=loader(*blobs(64))) == []


def test_a_fit_that_is_stopped_at_once_has_no_line() -> None:
    class Stop(Callback):
        def before_phase(self, state: State) -> None:
            state.stop("at once")

    assert fit(SanityChecks(), Stop(), valid_dl=loader(*blobs(64))) == []


# going on after an interruption


class Halt(Callback):
    """Take the state of some checks after a number of batches, and end the fit."""

    def __init__(self, checks: SanityChecks, batches: int) -> None:
        self.checks, self.batches = checks, batches
        self.saved: str = ""

    def after_batch(self, state: State) -> None:
        if state.progress.batches_seen == self.batches and state.training:
            self.saved = json.dumps(self.checks.state_dict())
            raise KeyboardInterrupt


class GoOn(Callback):
    """Give it back, as a resumed fit does: after ``before_fit``, inside the epoch."""

    def __init__(self, checks: SanityChecks, saved: str) -> None:
        self.checks, self.saved = checks, saved

    def before_phase(self, state: State) -> None:
        if self.saved:
            self.checks.load_state_dict(json.loads(self.saved))
            self.saved = ""


class Rest:
    """The batches of a loader from one on, in its first epoch."""

    def __init__(self, whole: BatchLoader, start: int) -> None:
        self.whole, self.start = whole, start
        self.batch_size, self.n_samples = whole.batch_size, whole.n_samples

    def __len__(self) -> int:
        return len(self.whole)

    def batches(self, epoch: int, *, start: int = 0) -> Any:
        return self.whole.batches(epoch, start=start or (self.start if epoch == 0 else 0))


class StepsBefore(Callback):
    """Count the steps that were taken before the interruption."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def before_fit(self, state: State) -> None:
        state.progress.steps_done = self.steps


@pytest.mark.parametrize("batches", [3, 9, 20, 28])
def test_what_was_said_is_not_said_again_and_the_end_is_the_same(batches: int) -> None:
    x, y = blobs(480)
    order = y.argsort()
    data = loader(x[order], y[order], shuffle=False)

    def run(checks: SanityChecks, *more: Callback, dl: Any = data, **options: Any) -> list[str]:
        torch.manual_seed(0)
        return fit(checks, Blinding(25), *more, train_dl=dl, epochs=2, **options)

    whole, first, second = SanityChecks(), SanityChecks(), SanityChecks()
    model, other = Dead(), Dead()
    other.load_state_dict(model.state_dict())
    said = run(whole, model=model)
    halt = Halt(first, batches)
    with pytest.raises(KeyboardInterrupt):
        run(first, halt, model=other)
    go_on = StepsBefore(batches), GoOn(second, halt.saved)
    rest = run(second, *go_on, dl=Rest(data, batches), model=other, seen=batches)
    assert [line.split(":")[0] for line in said] == [line.split(":")[0] for line in rest]
    assert len(said) == 3
    assert second.state_dict() == whole.state_dict()


def test_what_was_said_before_an_interruption_stays_said() -> None:
    first, second = SanityChecks(), SanityChecks()
    model, data = Dead(), loader(*blobs())
    halt = Halt(first, 25)
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        fit(first, halt, train_dl=data, model=model, epochs=3, said=said)
    assert len(said) == 1
    assert json.loads(halt.saved)["said"] == ["zero_gradient"]
    go_on = StepsBefore(25), GoOn(second, halt.saved)
    assert fit(second, *go_on, train_dl=data, model=model, epochs=3, seen=25) == []


def test_the_state_is_plain() -> None:
    checks = SanityChecks()
    fit_sorted(checks)
    state = checks.state_dict()
    assert json.loads(json.dumps(state)) == state
    other = SanityChecks()
    other.load_state_dict(state)
    assert other.state_dict() == state


def test_no_step_reads_from_the_device() -> None:
    """A state that says that it is on a GPU; what would wait there is counted."""

    class Reads(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            self.count += func is torch.ops.aten._local_scalar_dense.default
            return func(*args, **(kwargs or {}))

    model, checks = small_net(), SanityChecks()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    state = State(
        model, device=torch.device("cuda"), optimizer=optimizer, train_dl=loader(*blobs())
    )
    checks.before_fit(state)
    state.open_phase(Phase.TRAIN, batches=20)
    batches = loader(*blobs())
    with Reads() as reads:
        for loaded in batches.batches(0):
            state.open_batch(loaded.batch, loaded.indices)
            state.progress.batches_seen += 1
            state.progress.batches_done += 1
            state.preds = model(loaded.batch.x)
            state.loss = functional.cross_entropy(state.preds, loaded.batch.y)
            state.loss.backward()
            checks.before_step(state)
            state.progress.steps_done += 1
            checks.after_batch(state)
        assert reads.count == 0
        state.loss.item()
        assert reads.count == 1


def test_a_misspelt_option_names_the_nearest_one() -> None:
    with pytest.raises(TypeError) as caught:
        SanityChecks(muted="optimizer")  # type: ignore[call-arg]
    assert str(caught.value) == "SanityChecks() has no argument 'muted'. Did you mean 'mute'?"
    with pytest.raises(ValueError) as wrong:
        SanityChecks(mute="optimiser")  # type: ignore[arg-type]
    assert str(wrong.value) == (
        "mute='optimiser': no check has this name. Did you mean 'optimizer'?"
    )
