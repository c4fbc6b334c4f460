"""State: what a hook may read, and when."""

import numpy as np
import pytest
import torch
from torch import nn

from learnkit.errors import StateError
from learnkit.progress import Progress
from learnkit.state import Phase, State
from learnkit.types import Batch

WINDOWS = {
    "phase": "before_phase to after_phase",
    "batch": "before_batch to after_batch",
    "indices": "before_batch to after_batch",
    "preds": "after_forward to after_batch",
    "loss": "after_loss to after_batch",
}


@pytest.fixture
def state() -> State:
    return State(nn.Linear(2, 2))


def open_batch(state: State) -> None:
    state.open_batch(Batch(torch.zeros(3, 2), torch.zeros(3)), np.arange(3))
    state.preds = torch.ones(3, 2)
    state.loss = torch.tensor(0.5)


@pytest.mark.parametrize("field", WINDOWS)
def test_a_field_read_outside_its_window_says_when_it_exists(state: State, field: str) -> None:
    with pytest.raises(StateError) as caught:
        getattr(state, field)
    expected = f"`{field}` is not available here; it exists from {WINDOWS[field]}."
    assert str(caught.value) == expected


def test_the_optimizer_is_there_during_a_fit_only(state: State) -> None:
    with pytest.raises(StateError) as caught:
        _ = state.optimizer
    expected = "`optimizer` is not available here; it exists during a fit."
    assert str(caught.value) == expected


def test_a_hook_may_replace_batch_preds_and_loss(state: State) -> None:
    open_batch(state)
    state.batch = state.batch._replace(y=torch.ones(3))
    state.preds = state.preds * 2
    state.loss = state.loss + 1
    assert state.batch.y.sum() == 3
    assert state.preds.sum() == 12
    assert state.loss == 1.5


def test_a_misspelt_field_cannot_be_assigned(state: State) -> None:
    with pytest.raises(AttributeError):
        state.los = torch.tensor(1.0)  # type: ignore[attr-defined]


@pytest.mark.parametrize("field", ["batch", "indices", "preds", "loss"])
def test_closing_a_batch_ends_its_windows(state: State, field: str) -> None:
    open_batch(state)
    state.close_batch()
    with pytest.raises(StateError):
        getattr(state, field)


def test_closing_the_state_ends_the_phase_too(state: State) -> None:
    state.open_phase(Phase.TRAIN, batches=4)
    assert state.phase is Phase.TRAIN
    state.close()
    with pytest.raises(StateError):
        _ = state.phase
    assert not state.training


def test_opening_a_phase_starts_its_counts_anew(state: State) -> None:
    state.progress.batches_done = 9
    state.open_phase(Phase.VALID, batches=4)
    assert (state.progress.batches_done, state.progress.batches_planned) == (0, 4)
    assert not state.training
    assert state.loss_so_far is None


def test_the_running_loss_is_weighted_by_samples(state: State) -> None:
    """64 samples at 1.0 and 2 at 0.0 give 64/66, not the 0.5 of unweighted batches."""
    state.open_phase(Phase.TRAIN, batches=2)
    state.add_loss(torch.tensor(1.0, requires_grad=True), 64)
    state.add_loss(torch.tensor(0.0), 2)
    assert state.loss_so_far is not None
    assert not state.loss_so_far.requires_grad
    torch.testing.assert_close(state.loss_so_far, torch.tensor(64 / 66))


LOSSES = [(0.1 * (i % 7) + 1e-3 * i, 1 + i % 3) for i in range(300)]


def added(state: State, losses: list[tuple[float, int]]) -> float:
    for value, samples in losses:
        state.add_loss(torch.tensor(value), samples)
    assert state.loss_so_far is not None
    return state.loss_so_far.item()


def test_looking_at_the_running_loss_does_not_change_how_it_is_rounded(state: State) -> None:
    state.open_phase(Phase.TRAIN, batches=300)
    expected = added(state, LOSSES)
    for every in (1, 7, 128):
        looked_at = State(nn.Identity())
        looked_at.open_phase(Phase.TRAIN, batches=300)
        for start in range(0, 300, every):
            found = added(looked_at, LOSSES[start : start + every])
        assert found == expected


@pytest.mark.parametrize("at", [0, 1, 127, 128, 129, 299])
def test_the_losses_of_a_phase_survive_a_checkpoint_bit_for_bit(state: State, at: int) -> None:
    state.open_phase(Phase.TRAIN, batches=300)
    for value, samples in LOSSES[:at]:
        state.add_loss(torch.tensor(value), samples)
    restored = State(nn.Identity())
    restored.open_phase(Phase.TRAIN, batches=300)
    restored.load_losses(state.losses_dict())
    assert added(restored, LOSSES[at:]) == added(state, LOSSES[at:])


def test_the_first_reason_to_stop_is_kept(state: State) -> None:
    assert state.stop_reason is None
    state.stop("first")
    state.stop("second")
    assert state.stop_reason == "first"


def test_lr_is_that_of_the_last_group() -> None:
    body, head = nn.Linear(1, 1), nn.Linear(1, 1)
    groups = [{"params": body.parameters(), "lr": 0.1}, {"params": head.parameters(), "lr": 0.5}]
    state = State(nn.Sequential(body, head), optimizer=torch.optim.SGD(groups))
    assert state.lr == 0.5


def test_metric_names_are_the_columns_in_order() -> None:
    directions = {"train_loss": False, "valid_loss": False, "accuracy": True, "mine": None}
    assert State(nn.Identity(), higher_is_better=directions).metric_names == (*directions,)
    assert State(nn.Identity()).metric_names == ("train_loss", "valid_loss")


def test_the_fraction_of_a_fit_stays_within_zero_and_one() -> None:
    assert Progress().fraction == 0.0
    assert Progress(steps_done=3, steps_planned=12).fraction == 0.25
    assert Progress(steps_done=13, steps_planned=12).fraction == 1.0


def test_random_choices_go_on_from_earlier_fits() -> None:
    assert Progress(epochs_done=2, epochs_before=5).epoch_key == 7


def test_progress_survives_a_checkpoint() -> None:
    counts = Progress(1, 2, 3, 4, 5, 6, 7, 8)
    restored = Progress()
    restored.load_state_dict(counts.state_dict())
    assert restored == counts
