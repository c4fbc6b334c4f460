"""A learner's past: any batch again, any epoch again, two runs side by side."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from learnkit import models
from learnkit.callback import Callback
from learnkit.data.batch import Normalize
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import CheckpointError, NonFiniteLossError
from learnkit.history import History
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.replay import Replay
from learnkit.runs.checkpoints import Checkpoints
from learnkit.runs.folder import RunFolder
from learnkit.schedule import constant
from learnkit.state import SkipBatch, State
from learnkit.types import Batch

N, SIZE = 20, 5  # four batches an epoch


pytestmark = pytest.mark.usefixtures("no_flushing", "no_checks")


def bunch(seed: int = 0) -> DataBunch:
    drawn = torch.Generator().manual_seed(7)
    x = torch.randn(N + 6, 4, generator=drawn)
    y = (x.sum(1) > 0).long()
    return DataBunch.from_arrays(
        x[:N],
        y[:N],
        valid=(x[N:], y[N:]),
        classes=["a", "b"],
        batch_size=SIZE,
        seed=seed,
        tfms=[lambda x: x + 0.1 * torch.randn_like(x)],
    )


def net() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.3), nn.Linear(5, 2))


def make(folder: Path, model: nn.Module | None = None, **options: Any) -> Learner:
    data = options.pop("data", None) or bunch(options.get("seed") or 0)
    return Learner(
        data,
        model if model is not None else net(),
        metrics=accuracy,
        device="cpu",
        precision="fp32",
        path=folder,
        **options,
    )


def fit(learn: Learner, *callbacks: Callback, **options: Any) -> History:
    options.setdefault("checkpoint", "run")
    options.setdefault("schedule", constant())
    epochs = options.pop("epochs", 3)
    return learn.fit(epochs, 0.05, callbacks=callbacks, progress=False, **options)


def weights(learn: Learner) -> list[Tensor]:
    return [value.clone() for value in learn.model.state_dict().values()]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(map(torch.equal, one, other))


def rows(history: Any) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def flat(value: Any) -> Any:
    if isinstance(value, Tensor):
        return str(value.dtype), tuple(value.shape), repr(value.detach().flatten().tolist())
    if isinstance(value, dict):
        return {k: flat(v) for k, v in value.items()}
    return [flat(v) for v in value] if isinstance(value, list | tuple) else value


def told(error: type[BaseException], call: Callable[[], object]) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


class Mixing(Callback):
    """Mix samples by draws from torch's generator, more so with every batch it has seen."""

    def __init__(self) -> None:
        self.seen = 0

    def before_batch(self, state: State) -> None:
        if state.training:
            x, y = state.batch
            order, share = torch.randperm(len(y)), 0.9 - 0.01 * self.seen
            soft = functional.one_hot(y, 3).to(x.dtype)
            state.batch = Batch(x.lerp(x[order], 1 - share), soft.lerp(soft[order], 1 - share))
            self.seen += 1

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seen = state["seen"]


class Recording(Callback):
    """Keep all that a batch of training is."""

    looks_on = True

    def __init__(self) -> None:
        self.seen: dict[int, dict[str, Any]] = {}
        self.gradients: dict[str, Tensor] | None = None

    def before_step(self, state: State) -> None:
        self.gradients = self._now(state)

    def after_batch(self, state: State) -> None:
        if state.training:
            gradients = self.gradients if self.gradients is not None else self._now(state)
            describe = state.train_dl.describe  # type: ignore[union-attr]
            self.seen[state.progress.batches_seen - 1] = {
                "epoch": state.progress.epoch_key + 1,
                "files": tuple(describe(i) for i in state.indices.tolist()),
                "x": flat(state.batch.x),
                "y": flat(state.batch.y),
                "preds": flat(state.preds),
                "loss": state.loss.item(),
                "gradients": flat(gradients),
            }
        self.gradients = None

    def _now(self, state: State) -> dict[str, Tensor]:
        named = state.model.named_parameters()
        return {name: p.grad.clone() for name, p in named if p.grad is not None}


def found(replay: Replay) -> dict[str, Any]:
    return {
        "epoch": replay.epoch,
        "files": replay.files,
        "x": flat(replay.batch.x),
        "y": flat(replay.batch.y),
        "preds": flat(replay.preds),
        "loss": replay.loss,
        "gradients": flat(replay.gradients),
    }


# ---------------------------------------------------------------- replay


@pytest.fixture
def seeing(photo_folder: Path, tmp_path: Path) -> Learner:
    """Photos with random crops, flips and light; dropout; 5 batches of 4 or 2 in an epoch."""
    data = ImageDataBunch.from_folder(photo_folder, size=24, batch_size=4, num_workers=0)
    model = nn.Sequential(models.cnn(3, channels=[4, 8]), nn.Dropout(0.3))
    return Learner(
        data,
        model,
        device="cpu",
        path=tmp_path,
        normalize=Normalize((0.5,) * 3, (0.25,) * 3),
        callbacks=Mixing(),
    )


def all_of(learn: Learner) -> Any:
    """Return everything of a learner that a replay must leave as it is."""
    return flat(
        {
            "weights": dict(learn.model.state_dict()),
            "optimizer": learn.optimizer.state_dict(),
            "precision": learn.precision.state_dict(),
            "history": list(learn.history),
            "recorder": learn.recorder.state_dict(),
            "callbacks": [callback.state_dict() for callback in learn.callbacks],
            "trains": [p.requires_grad for p in learn.model.parameters()],
            "gradients": [p.grad for p in learn.model.parameters()],
            "training": learn.model.training,
            "fingerprint": learn.fingerprint(),
            "random": torch.get_rng_state(),
        }
    )


@pytest.mark.parametrize("every_steps", [None, 1, 2])
def test_each_batch_of_a_fit_comes_back_bit_for_bit(
    seeing: Learner, every_steps: int | None
) -> None:
    recording = Recording()
    seeing.fit_one_cycle(
        2,
        0.05,
        accumulate=2,
        callbacks=recording,
        checkpoint="run",
        every_steps=every_steps,
        progress=False,
    )
    before = all_of(seeing)
    assert sorted(recording.seen) == list(range(10))
    for step, expected in recording.seen.items():
        assert found(seeing.replay(step)) == expected, step
        assert all_of(seeing) == before, step


def test_what_follows_a_replay_is_what_would_have_followed(seeing: Learner) -> None:
    seeing.fit(1, 0.05, checkpoint="first", progress=False)
    seeing.save("here")
    expected = rows(seeing.fit(1, 0.05, progress=False)), flat(weights(seeing))
    seeing.load("here")
    seeing.callbacks[0].load_state_dict({"seen": 5})
    seeing.replay(3, checkpoint="first")
    assert (rows(seeing.fit(1, 0.05, progress=False)), flat(weights(seeing))) == expected


def test_a_replay_has_the_loss_of_each_sample(tmp_path: Path) -> None:
    learn = make(tmp_path)
    fit(learn)
    replay = learn.replay(6)
    assert replay.losses is not None
    assert replay.losses.shape == (SIZE,)
    torch.testing.assert_close(float(replay.losses.mean()), replay.loss)
    worst = replay.worst
    assert sorted(worst, key=lambda pair: -pair[1]) == worst
    assert dict(worst) == dict(zip(replay.files, replay.losses.tolist(), strict=True))


def test_without_checkpoints_a_replay_has_the_batch_alone(tmp_path: Path) -> None:
    learn, recording = make(tmp_path), Recording()
    fit(learn, recording, checkpoint=None)
    fit(learn, recording, checkpoint=None, epochs=1)
    for step, expected in recording.seen.items():
        replay = learn.replay(step)
        for name in ("epoch", "files", "x", "y"):
            assert found(replay)[name] == expected[name], (step, name)
        assert (replay.preds, replay.losses, replay.loss, replay.gradients) == (None,) * 4


def test_a_batch_of_an_earlier_fit_comes_back_too(tmp_path: Path) -> None:
    learn, recording = make(tmp_path), Recording()
    fit(learn, recording, checkpoint="first", epochs=1)
    fit(learn, recording, checkpoint="second", epochs=1)
    assert found(learn.replay(2, checkpoint="first")) == recording.seen[2]
    assert found(learn.replay(6)) == recording.seen[6]
    assert learn.replay(2).loss is None  # the second folder has no weights of then
    assert flat(learn.replay(2).batch.x) == recording.seen[2]["x"]


class Bad(nn.Module):
    """Makes the batches of these numbers NaN, for as long as it is told to."""

    def __init__(self, *steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.step = 0

    def forward(self, x: Tensor) -> Tensor:
        return x * math.nan if self.training and self.step in self.steps else x


class Telling(Callback):
    """Tells the model which batch this is, in a replay too."""

    def before_batch(self, state: State) -> None:
        state.model[0].step = state.progress.batches_seen - 1  # type: ignore[index]


@pytest.mark.parametrize("checkpoint", [None, "run"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_after_a_bad_loss_the_bad_batch_comes_back_with_its_weights(
    tmp_path: Path, checkpoint: str | None, accumulate: int
) -> None:
    learn = make(tmp_path, nn.Sequential(Bad(5), *net()))  # type: ignore[misc]
    with pytest.raises(NonFiniteLossError, match=r"learn\.replay\(5\)"):
        fit(learn, Telling(), checkpoint=checkpoint, accumulate=accumulate)
    before = all_of(learn)
    replay = learn.replay(5)
    assert replay.loss is not None
    assert math.isnan(replay.loss)
    assert replay.losses is not None
    assert replay.losses.isnan().all()
    assert replay.gradients is not None
    assert replay.gradients["4.weight"].isnan().all()
    assert all_of(learn) == before
    earlier = learn.replay(4)
    assert (earlier.loss is None) is (checkpoint is None)


def test_a_replay_past_a_batch_that_was_left_out_is_exact(tmp_path: Path) -> None:
    model = nn.Sequential(Bad(1), *net())  # type: ignore[misc]
    learn = make(tmp_path, model, nonfinite="skip")

    class Guarded(Recording):
        def after_batch(self, state: State) -> None:
            if state.progress.batches_seen - 1 != 1:  # which has no loss
                super().after_batch(state)

    recording = Guarded()
    with pytest.warns(UserWarning, match="A batch is left out"):
        fit(learn, Telling(), recording, epochs=1)
    assert found(learn.replay(3)) == recording.seen[3]


def test_a_replay_after_a_rollback_has_the_rate_of_then(tmp_path: Path) -> None:
    class Once(Telling):
        """Batch 6 is bad at the first rate alone."""

        def before_batch(self, state: State) -> None:
            super().before_batch(state)
            full = state.optimizer.param_groups[0]["initial_lr"] > 0.03
            state.model[0].steps = (6,) if full else ()  # type: ignore[index]

    learn = make(tmp_path, nn.Sequential(Bad(), *net()), nonfinite="rollback")  # type: ignore[misc]
    recording = Recording()
    with pytest.warns(UserWarning, match="Going back to step-00000004-epoch-001"):
        fit(learn, Once(), recording, epochs=2)
    assert found(learn.replay(7)) == recording.seen[7]


def test_a_batch_that_a_callback_skipped_cannot_be_replayed(tmp_path: Path) -> None:
    class Skipping(Callback):
        def before_batch(self, state: State) -> None:
            if state.training and state.progress.batches_seen == 3:
                raise SkipBatch

    learn = make(tmp_path)
    fit(learn, Skipping(), epochs=1)
    assert told(CheckpointError, lambda: learn.replay(2)) == (
        "replay: batch 2 was skipped by a callback."
    )
    assert learn.replay(3).loss is not None


@pytest.mark.parametrize("step", [-1, 12, 1.0, True, "3", None])
def test_a_batch_that_never_was_is_told(tmp_path: Path, step: Any) -> None:
    learn = make(tmp_path)
    fit(learn)
    assert told(ValueError, lambda: learn.replay(step)) == (
        f"replay: steps run from 0 to 11; got {step!r}."
    )


def test_before_any_fit_there_is_nothing_to_replay(tmp_path: Path) -> None:
    assert told(CheckpointError, lambda: make(tmp_path).replay(0)) == (
        "replay looks back at a fit, and this learner has run none in this session. Call the fit "
        "first, with its checkpoint folder; one that is finished returns at once."
    )


def test_a_fit_that_was_refused_is_not_the_one_to_look_back_at(tmp_path: Path) -> None:
    where = Checkpoints("other", keep=None)
    fit(make(tmp_path, seed=5), checkpoint=where, every_steps=1)
    learn, recording = make(tmp_path), Recording()
    fit(learn, recording, checkpoint="run")
    before = all_of(learn)
    told(CheckpointError, lambda: fit(learn, checkpoint="other"))
    assert all_of(learn) == before
    assert found(learn.replay(2)) == recording.seen[2]


def test_a_fit_that_returned_at_once_can_be_replayed(tmp_path: Path) -> None:
    recording = Recording()
    fit(make(tmp_path), recording)
    learn = make(tmp_path)
    fit(learn)
    assert found(learn.replay(9)) == recording.seen[9]


def test_a_batch_in_parts_comes_back_whole(tmp_path: Path) -> None:
    learn, recording = make(tmp_path, micro_batch=3), Recording()
    fit(learn, recording, epochs=1)
    assert found(learn.replay(2)) == recording.seen[2]


# ---------------------------------------------------------------- rewind


class Weights(Callback):
    """Keep the weights at the end of each epoch."""

    looks_on = True

    def __init__(self) -> None:
        self.seen: list[list[Tensor]] = []

    def after_epoch(self, state: State) -> None:
        self.seen.append([value.clone() for value in state.model.state_dict().values()])


@pytest.mark.parametrize("epoch", [0, 1, 2, 3])
def test_a_learner_goes_back_to_the_end_of_an_epoch(tmp_path: Path, epoch: int) -> None:
    learn, ends = make(tmp_path), Weights()
    start = weights(learn)
    history = fit(learn, ends, checkpoint=Checkpoints("run", keep=None))
    assert learn.rewind(epoch) is learn
    assert same(weights(learn), [start, *ends.seen][epoch])
    assert list(learn.history) == list(history)[:epoch]
    assert not learn.model.training
    assert learn._seen.batches_seen == 4 * epoch


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_the_same_settings_from_there_give_the_bits_of_the_epochs_that_followed(
    tmp_path: Path, epoch: int
) -> None:
    learn = make(tmp_path)
    whole = rows(fit(learn, checkpoint=Checkpoints("run", keep=None)))
    end = weights(learn)
    learn.rewind(epoch)
    assert rows(fit(learn, checkpoint=None, epochs=3 - epoch)) == whole[epoch:]
    assert same(weights(learn), end)
    assert rows(learn.history) == whole


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_epoch_that_is_no_longer_stored_is_trained_again_to_the_same_bits(
    tmp_path: Path, epoch: int
) -> None:
    learn, ends = make(tmp_path), Weights()
    history = fit(learn, ends, checkpoint=Checkpoints("run", keep=1))
    with pytest.warns(UserWarning, match="trained again") as caught:
        learn.rewind(epoch)
    assert str(caught[0].message) == (
        f"epoch {epoch} is not stored; it is trained again from step-00000000-start."
    )
    assert same(weights(learn), ends.seen[epoch - 1])
    assert rows(learn.history) == rows(history)[:epoch]
    again = rows(fit(learn, checkpoint=None, epochs=3 - epoch))
    assert again == rows(history)[epoch:]


def test_a_learner_goes_back_to_the_best_epoch(tmp_path: Path) -> None:
    class Chosen(Callback):
        def after_epoch(self, state: State) -> None:
            state.metrics["valid_loss"] = [0.5, 0.1, 0.3][state.progress.epochs_done]

    learn, ends = make(tmp_path), Weights()
    fit(learn, Chosen(), ends, checkpoint=Checkpoints("run", keep=1, monitor="valid_loss"))
    learn.rewind("best")
    assert same(weights(learn), ends.seen[1])


def test_a_learner_goes_back_to_a_checkpoint_by_its_name(tmp_path: Path) -> None:
    learn = make(tmp_path)
    fit(learn, every_steps=1, checkpoint=Checkpoints("run", keep=None))
    learn.rewind("step-00000006")
    assert (len(learn.history), learn._seen.batches_seen) == (1, 6)


def test_a_learner_with_a_relative_path_goes_back_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    learn = make(Path("models"))
    fit(learn, checkpoint="run")
    assert len(learn.rewind(2).history) == 2
    assert len(learn.rewind(2, checkpoint="run").history) == 2


def test_another_learner_goes_back_there_too(tmp_path: Path) -> None:
    ends = Weights()
    fit(make(tmp_path), ends, checkpoint=Checkpoints("run", keep=None))
    learn = make(tmp_path).rewind(2, checkpoint="run")
    assert same(weights(learn), ends.seen[1])
    assert len(learn.history) == 2


def test_the_history_before_the_fit_is_kept(tmp_path: Path) -> None:
    learn = make(tmp_path)
    fit(learn, checkpoint=None, epochs=2)
    fit(learn, checkpoint=Checkpoints("run", keep=None), epochs=2)
    before = list(learn.history)
    learn.rewind(1)
    assert list(learn.history) == before[:3]
    assert learn._seen.epochs_before == 3


def test_the_next_fit_is_a_branch_that_knows_where_it_began(tmp_path: Path) -> None:
    learn = make(tmp_path)
    fit(learn, checkpoint=Checkpoints("run", keep=None))
    learn.rewind(1)
    fit(learn, checkpoint="branch", epochs=1)
    head = RunFolder(tmp_path / "branch").newest()
    assert head is not None
    assert head.head["branch_of"] == "run/step-00000004-epoch-001"
    assert len(head.head["earlier"]) == 1
    fit(learn, checkpoint="next", epochs=1)
    after = RunFolder(tmp_path / "next").newest()
    assert after is not None
    assert after.head["branch_of"] is None


def test_a_checkpoint_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    learn = make(tmp_path)
    fit(learn, epochs=1)
    for epoch in (4, "best", "step-00000002"):
        assert told(CheckpointError, lambda epoch=epoch: learn.rewind(epoch)) == (
            f"{tmp_path / 'run'} holds no checkpoint {epoch!r}. It holds: step-00000000-start, "
            "step-00000004-epoch-001, step-00000004-finished."
        )
    assert told(CheckpointError, lambda: learn.rewind(1, checkpoint="elsewhere")) == (
        f"{tmp_path / 'elsewhere'} holds no checkpoint 1. It holds: none."
    )


def test_a_fit_without_checkpoints_cannot_be_gone_back_in(tmp_path: Path) -> None:
    learn = make(tmp_path)
    expected = "rewind needs the checkpoints of a fit: learn.rewind(3, checkpoint='runs/x')."
    assert told(CheckpointError, lambda: learn.rewind(1)) == expected
    fit(learn, checkpoint=None, epochs=1)
    assert told(CheckpointError, lambda: learn.rewind(1)) == expected


def test_an_epoch_of_another_fit_is_not_trained_again_by_the_plan_of_the_last(
    tmp_path: Path,
) -> None:
    other = make(tmp_path)
    other.fit(3, 0.5, checkpoint=Checkpoints("other", keep=1), progress=False)
    learn = make(tmp_path)
    fit(learn, checkpoint="run", epochs=3)
    message = told(CheckpointError, lambda: learn.rewind(1, checkpoint="other"))
    assert message.startswith(f"{tmp_path / 'other'} holds no checkpoint 1. It holds: ")


def test_a_fit_after_going_back_into_a_cycle_has_its_own_momentum(tmp_path: Path) -> None:
    """Within the cycle the momentum is lower; what a checkpoint of then has is not the default."""
    learn = make(tmp_path)
    learn.fit_one_cycle(3, 0.05, checkpoint=Checkpoints("run", keep=None), progress=False)
    learn.rewind(1)
    seen: list[float] = []

    class Betas(Callback):
        def after_step(self, state: State) -> None:
            seen.append(state.optimizer.param_groups[0]["betas"][0])

    fit(learn, Betas(), checkpoint=None, epochs=1)
    assert set(seen) == {0.9}


def test_batches_after_going_back_into_an_epoch_are_found_by_their_numbers(
    tmp_path: Path,
) -> None:
    learn, recording = make(tmp_path), Recording()
    fit(learn, every_steps=1, checkpoint=Checkpoints("run", keep=None))
    learn.rewind("step-00000003")
    fit(learn, recording, checkpoint=None, epochs=2)
    for step in recording.seen:
        assert flat(learn.replay(step).batch.x) == recording.seen[step]["x"], step


# ---------------------------------------------------------------- diff


def test_two_runs_with_the_same_settings_are_the_same(tmp_path: Path) -> None:
    learn = make(tmp_path)
    fit(learn, checkpoint="a")
    fit(make(tmp_path), checkpoint="b")
    found = learn.diff("a", "b")
    assert found.same
    assert str(found) == "the losses of all 12 steps that both have are the same"


def test_runs_with_another_seed_part_at_the_first_step(tmp_path: Path) -> None:
    learn, other = make(tmp_path), make(tmp_path, seed=5)
    fit(learn, checkpoint="a")
    fit(other, checkpoint="b")
    found = learn.diff("a", "b")
    assert found.settings == (
        "data.train.seed: 0 there, 5 here",
        "data.valid.seed: 0 there, 5 here",
        "settings.seed: 0 there, 5 here",
    )
    assert (found.step, found.epoch) == (0, 1)
    assert found.losses == (learn.recorder.losses[0], other.recorder.losses[0])
    assert found.weights is not None
    assert "0.weight" in found.weights


def test_runs_of_which_one_was_disturbed_part_where_it_was(tmp_path: Path) -> None:
    class Nudge(Callback):
        looks_on = True

        def before_batch(self, state: State) -> None:
            if state.progress.batches_seen == 7 and state.training:
                with torch.no_grad():
                    next(state.model.parameters()).add_(1e-3)

    learn = make(tmp_path)
    fit(learn, checkpoint="a")
    fit(make(tmp_path), Nudge(), checkpoint="b")
    found = learn.diff("a", "b")
    assert (found.settings, found.step, found.epoch) == ((), 6, 2)


def test_a_run_that_was_stopped_is_the_beginning_of_the_other(tmp_path: Path) -> None:
    class Boom(Callback):
        looks_on = True

        def before_batch(self, state: State) -> None:
            if state.progress.batches_seen == 6:
                raise ZeroDivisionError

    learn = make(tmp_path)
    fit(learn, checkpoint="a")
    with pytest.raises(ZeroDivisionError):
        fit(make(tmp_path), Boom(), checkpoint="b")
    found = learn.diff("a", "b")
    assert found.same
    assert (found.compared, found.weights) == (4, None)


def test_a_folder_without_checkpoints_cannot_be_compared(tmp_path: Path) -> None:
    learn = make(tmp_path)
    fit(learn, checkpoint="a", epochs=1)
    assert told(CheckpointError, lambda: learn.diff("a", "b")) == (
        f"{tmp_path / 'b'} holds no checkpoint. Give a folder of fit(checkpoint=...)."
    )


def test_a_checkpoint_holds_the_fingerprint_that_the_learner_had(tmp_path: Path) -> None:
    learn = make(tmp_path)
    start = learn.fingerprint()
    fit(learn, epochs=1)
    first = json.loads((tmp_path / "run" / "step-00000000-start" / "snapshot.json").read_text())
    assert len(first["document"]["fingerprint"]) == 64
    assert first["document"]["identity"]["start.batches"] == 0
    assert start != learn.fingerprint()
