"""ShortRun: few batches of each phase, planned for."""

from typing import Any

import pytest

from learnkit.callbacks.stop.short_run import ShortRun
from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.testing import tiny_learner

pytestmark = pytest.mark.usefixtures("no_flushing")


def phases(epochs: int, callback: ShortRun) -> tuple[list[tuple[str, int]], list[float]]:
    """Return the batches of each phase, of 4 and 2 at most, and the fractions at each step."""
    seen: list[tuple[str, int]] = []
    fractions: list[float] = []
    look = LambdaCallback(
        after_phase=lambda s: seen.append((s.phase.value, s.progress.batches_done)),
        after_step=lambda s: fractions.append(s.progress.fraction),
    )
    tiny_learner().fit(epochs, 0.1, callbacks=[callback, look], progress=False)
    return seen, fractions


def test_one_batch_of_each_phase_of_one_epoch_runs() -> None:
    assert phases(50, ShortRun()) == ([("train", 1), ("valid", 1)], [1.0])


def test_each_number_may_be_given() -> None:
    seen, fractions = phases(2, ShortRun(3, valid_batches=2, epochs=None))
    assert seen == [("train", 3), ("valid", 2)] * 2
    assert fractions == [i / 6 for i in range(1, 7)]


def test_more_than_there_is_changes_nothing() -> None:
    assert phases(1, ShortRun(99, epochs=99))[0] == [("train", 4), ("valid", 2)]


@pytest.mark.parametrize(
    ("options", "name", "found"),
    [
        ({"batches": 0}, "batches", "0"),
        ({"batches": None}, "batches", "None"),
        ({"valid_batches": True}, "valid_batches", "True"),
        ({"epochs": 0.5}, "epochs", "0.5"),
    ],
)
def test_an_option_out_of_range_is_refused(options: Any, name: str, found: str) -> None:
    with pytest.raises(ValueError) as caught:
        ShortRun(**options)
    assert str(caught.value) == (
        f"ShortRun(): {name} must be a whole number of at least 1, found {found}."
    )
