"""Two runs side by side: what differs in their settings, and the first step that does."""

import math
from pathlib import Path
from typing import Any

import pytest

from learnkit.errors import CheckpointError
from learnkit.runs.diff import RunDiff, diff_runs
from learnkit.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path, make_snapshot: Any) -> Any:
    """Return a function that writes a run of one checkpoint and returns its folder."""

    def make(name: str, batches: int = 8, stage: str = "train", **options: Any) -> Path:
        folder = RunFolder(tmp_path / name)
        with folder:
            named = f"step-{batches:08d}" + ("-finished" if stage == "finished" else "")
            folder.write(named, make_snapshot(stage, batches, **options))
        return folder.path

    return make


LOSSES = [0.5, 0.4, 0.3, 0.2, 0.1, 0.05]


def test_runs_that_are_the_same_say_so(run: Any) -> None:
    options: dict[str, Any] = {"losses": LOSSES, "identity": {"a": 1}}
    found = diff_runs(run("a", **options), run("b", **options))
    assert found == RunDiff(settings=(), step=None, epoch=None, losses=None, compared=6, weights=())
    assert found.same
    assert str(found) == "the losses of all 6 steps that both have are the same"


def test_the_first_step_that_differs_is_named_with_both_losses(run: Any) -> None:
    """8 steps are planned in 4 epochs, so step 4 is in the third."""
    other = [*LOSSES[:4], 0.11, 9.0]
    one = run("a", losses=LOSSES, identity={"seed": 1, "lr": 0.1})
    two = run("b", losses=other, identity={"seed": 2, "lr": 0.1}, weight=1.0)
    found = diff_runs(one, two)
    assert not found.same
    assert found == RunDiff(
        settings=("seed: 1 there, 2 here",),
        step=4,
        epoch=3,
        losses=(0.1, 0.11),
        compared=6,
        weights=("weight",),
    )
    assert str(found) == (
        "setting seed: 1 there, 2 here\n"
        "they part at step 4, in epoch 3: loss 0.1, 0.11\n"
        "the tensor weight differs"
    )
    more = RunDiff((), None, None, None, compared=0, weights=("a", "b", "c"))
    assert str(more).endswith("\nthe tensor a differs, and 2 more")


def test_a_run_that_is_the_beginning_of_another_is_the_same_as_far_as_it_goes(run: Any) -> None:
    one = run("a", batches=8, losses=LOSSES)
    two = run("b", batches=4, losses=LOSSES[:4], weight=1.0)
    found = diff_runs(one, two)
    assert found.same
    assert (found.compared, found.weights) == (4, None)


def test_weights_are_compared_where_both_are_after_as_many_batches(run: Any) -> None:
    one = run("a", losses=LOSSES)
    two = run("b", losses=LOSSES, weight=1e-7)
    found = diff_runs(one, two)
    assert found.weights == ("weight",)
    assert not found.same
    assert str(found).splitlines()[0] == "the losses of all 6 steps that both have are the same"
    at_the_end = run("c", stage="finished", losses=LOSSES, weight=1e-7)
    assert diff_runs(one, at_the_end).weights is None


@pytest.mark.parametrize(
    ("one", "other", "step"),
    [
        ([math.nan, 0.5], [math.nan, 0.5], None),
        ([math.nan, 0.5], [0.1, 0.5], 0),
        ([math.inf], [math.inf], None),
        ([0.0], [-0.0], None),
        ([], [], None),
        ([], [0.5], None),
    ],
)
def test_losses_that_are_no_numbers_are_compared_too(
    run: Any, one: list[float], other: list[float], step: int | None
) -> None:
    found = diff_runs(run("a", losses=one), run("b", losses=other))
    assert found.step == step


def test_weights_that_are_no_numbers_are_the_same_where_they_are_so_in_both(run: Any) -> None:
    one, two = run("a", weight=math.nan), run("b", weight=math.nan)
    assert diff_runs(one, two).weights == ()


def test_another_rate_is_another_step(
    run: Any, make_snapshot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = run("a", losses=LOSSES)
    two = run("b", losses=LOSSES)
    moment = RunFolder(two).newest()
    assert moment is not None
    dict(moment.saved["callbacks"])["Recorder"]["lrs"][2] = 0.2
    monkeypatch.setattr(RunFolder, "newest", newest_or(moment, two))
    found = diff_runs(one, two)
    assert (found.step, found.losses) == (2, (0.3, 0.3))
    assert found.rates == (0.1, 0.2)
    assert str(found).splitlines()[0] == (
        "they part at step 2, in epoch 2: loss 0.3, 0.3; learning rate 0.1, 0.2"
    )


def newest_or(moment: Any, path: Path) -> Any:
    newest = RunFolder.newest

    def chosen(self: RunFolder) -> Any:
        return moment if self.path == path else newest(self)

    return chosen


def test_a_folder_without_a_checkpoint_is_told(run: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        diff_runs(run("a"), tmp_path / "b")
    assert str(caught.value) == (
        f"{tmp_path / 'b'} holds no checkpoint. Give a folder of fit(checkpoint=...)."
    )
