"""ProgressiveResizing: which sizes when, and that only training sees them."""

from typing import Any

import pytest
import torch
from torch import nn

from learnkit.callback import Callback
from learnkit.callbacks.batches.progressive_resizing import ProgressiveResizing
from learnkit.data.bunch import DataBunch
from learnkit.errors import DataError
from learnkit.learner import Learner
from learnkit.sanity.names import CHECKS
from learnkit.state import Phase, State
from learnkit.testing import tiny_learner
from learnkit.types import Batch


@pytest.mark.parametrize(
    ("fraction", "size"),
    [(0.0, 128), (0.2, 128), (0.3, 160), (0.5, 192), (0.74, 224), (0.75, 224), (1.0, 224)],
)
def test_sizes_grow_evenly_in_multiples_of_32(fraction: float, size: int) -> None:
    """From half of 224 (3.5 times 32, rounded to the even 4) to all of it at three quarters."""
    assert ProgressiveResizing(0.5).size_at(fraction, 224) == size


def test_a_size_is_never_above_the_whole_nor_below_one_multiple() -> None:
    resizing = ProgressiveResizing(0.01)
    assert resizing.size_at(0.0, 224) == 32
    assert resizing.size_at(0.0, 24) == 24
    assert resizing.size_at(0.74, 230) == 224
    assert ProgressiveResizing(until=0.0).size_at(0.0, 224) == 224


class Sizes(Callback):
    """Note the sizes of the batches."""

    def __init__(self) -> None:
        self.seen: list[tuple[Phase, int, int]] = []

    def before_batch(self, state: State) -> None:
        self.seen.append((state.phase, *state.batch.x.shape[-2:]))


def test_a_fit_begins_small_ends_whole_and_validates_whole() -> None:
    """Four steps an epoch; photos of 8 x 8 from 4 pixels on, whole from step 6 of 8 on."""
    sizes, learn = Sizes(), tiny_learner(kind="images")
    learn.fit(2, callbacks=[ProgressiveResizing(multiple_of=2), sizes], progress=False)
    train = [height for phase, height, _ in sizes.seen if phase is Phase.TRAIN]
    assert train == [4, 4, 6, 6, 6, 8, 8, 8]
    assert {(h, w) for phase, h, w in sizes.seen if phase is Phase.VALID} == {(8, 8)}


def resized(x: Any, y: Any = None, *, done: int = 0, start: float = 0.5) -> Batch:
    state = State(nn.Identity())
    state.progress.steps_planned, state.progress.steps_done = 10, done
    state.open_phase(Phase.TRAIN, batches=1)
    state.batch = Batch(x, torch.zeros(len(x)) if y is None else y)
    ProgressiveResizing(start, multiple_of=2).before_batch(state)
    return state.batch


def test_photos_are_averaged_and_stay_in_their_memory_order() -> None:
    """A board of black and white points has no pattern at half the size."""
    x = torch.ones(2, 3, 16, 32).to(memory_format=torch.channels_last)
    x[..., ::2, ::2] = x[..., 1::2, 1::2] = 0.0
    found = resized(x).x
    assert found.shape == (2, 3, 8, 16)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found[..., 1:-1, 1:-1], torch.full((2, 3, 6, 14), 0.5))


def test_no_line_is_stepped_over() -> None:
    """At a quarter of the size, of lines that are every fourth: a filter that looks at all."""
    x = torch.zeros(1, 1, 16, 16)
    x[..., ::4] = 1.0
    found = resized(x, start=0.25).x
    assert found.shape == (1, 1, 4, 4)
    assert found[..., 1:-1].mean().item() == pytest.approx(0.25, abs=0.05)


def test_whole_photos_are_another_tensor_of_the_same_numbers() -> None:
    """So that features of a frozen body are not remembered by the batches of the last epochs."""
    x = torch.randn(2, 3, 8, 8)
    found = resized(x, done=9).x
    assert found is not x
    assert torch.equal(found, x)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (
            torch.zeros(2, 5),
            None,
            "ProgressiveResizing changes photos, floats x (B, C, H, W); found x of shape (2, 5). "
            "Leave it out for other data.",
        ),
        (
            torch.zeros(2, 3, 8, 8, dtype=torch.uint8),
            None,
            "ProgressiveResizing changes photos, floats x (B, C, H, W); found x of dtype uint8. "
            "Leave it out for other data.",
        ),
        (
            {"image": 1},
            torch.zeros(2),
            "ProgressiveResizing changes photos, floats x (B, C, H, W); found x of type dict. "
            "Leave it out for other data.",
        ),
        (
            torch.zeros(2, 3, 8, 8),
            torch.zeros(2, 8, 8),
            "ProgressiveResizing would leave targets of shape (2, 8, 8) as large as they are; it "
            "takes one target a photo. Leave it out for targets that are maps.",
        ),
    ],
)
def test_what_is_no_photo_is_refused(x: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        resized(x, y)
    assert str(caught.value) == message


def test_a_fit_on_a_table_says_so() -> None:
    data = DataBunch.from_arrays(torch.zeros(4, 3), torch.zeros(4), valid_pct=0.5, batch_size=2)
    learn = Learner(data, nn.Sequential(nn.Linear(3, 1), nn.Flatten(0)), device="cpu", mute=CHECKS)
    with pytest.raises(DataError, match="ProgressiveResizing changes photos"):
        learn.fit(1, callbacks=ProgressiveResizing(), progress=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"start": 0},
            "ProgressiveResizing(): start must be a fraction of a whole photo's side in (0, 1], "
            "found 0.",
        ),
        (
            {"start": 128},
            "ProgressiveResizing(): start must be a fraction of a whole photo's side in (0, 1], "
            "found 128.",
        ),
        (
            {"until": 1.5},
            "ProgressiveResizing(): until must be a fraction of the fit in [0, 1], found 1.5.",
        ),
        (
            {"multiple_of": 0},
            "ProgressiveResizing(): multiple_of must be a whole number of at least 1, found 0.",
        ),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        ProgressiveResizing(**options)
    assert str(caught.value) == message
