"""All checks in one call, over callbacks that keep the contract and callbacks that do not."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from learnkit import testing
from learnkit.callback import Callback
from learnkit.callbacks.gradients.gradient_clip import GradientClip
from learnkit.callbacks.logs.csv_log import CSVLog
from learnkit.callbacks.saves.save_best import SaveBest
from learnkit.callbacks.stop.early_stopping import EarlyStopping
from learnkit.state import State
from learnkit.testing import ContractError, check_callback, tiny_learner
from tests.testing import broken

pytestmark = pytest.mark.usefixtures("no_flushing")


@pytest.mark.parametrize(
    "make", [Callback, EarlyStopping, lambda: GradientClip(0.1), broken.Steps, broken.SwappedWell]
)
def test_a_callback_that_keeps_the_contract_passes(make: Callable[[], Callback]) -> None:
    check_callback(make)


def test_callbacks_that_write_files_pass(tmp_path: Path) -> None:
    check_callback(lambda: SaveBest(tmp_path / "best.safetensors"))
    # it goes on writing into one file, fit after fit
    check_callback(lambda: CSVLog(tmp_path / "log.csv"), ignore=["rows"])


@pytest.mark.parametrize(
    ("make", "check"),
    [
        (broken.Undropped, "check_event_order"),
        (broken.Opaque, "check_state_round_trip"),
        (broken.Careless, "check_second_fit"),
        (broken.Swapped, "check_errors"),
        (broken.Forgetful, "check_resume"),
        (broken.Meddling, "check_looks_on"),
    ],
)
def test_a_callback_that_breaks_it_fails_the_check_of_that_rule(
    make: type[Callback], check: str
) -> None:
    with pytest.raises(ContractError) as caught:
        check_callback(make)
    assert str(caught.value).startswith(f"{make.__name__} fails {check}. Expected: ")


def test_a_failure_is_one_that_test_runners_know() -> None:
    assert issubclass(ContractError, AssertionError)


def test_a_callback_may_ask_for_another_learner() -> None:
    class Flips(Callback):
        def before_batch(self, state: State) -> None:
            assert state.batch.x.shape[1:] == (3, 8, 8)
            state.batch = state.batch._replace(x=state.batch.x.flip(3))

    check_callback(Flips, learner=partial(tiny_learner, kind="images"))


def test_what_a_callback_changes_on_purpose_can_be_told() -> None:
    check_callback(broken.Unfreezing, may_change=["requires_grad"])


def test_what_it_prints_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    class Talks(Callback):
        def after_epoch(self, state: State) -> None:
            print("an epoch")

    check_callback(Talks)
    assert capsys.readouterr().out == ""


def test_something_else_than_a_callback_is_named() -> None:
    with pytest.raises(ContractError) as caught:
        check_callback(lambda: 3)  # type: ignore[arg-type, return-value]
    assert str(caught.value) == (
        "make() must return a Callback; it returned int. Pass a class, or a function without "
        "arguments: check_callback(lambda: MyCallback(0.5))."
    )


def test_every_check_is_public_and_documented() -> None:
    assert testing.__all__ == sorted(testing.__all__)
    for name in testing.__all__:
        assert getattr(testing, name).__doc__, name
