"""A callback in its second fit."""

from typing import Any

import pytest

from learnkit.callback import Callback
from learnkit.state import State
from learnkit.testing import ContractError, check_second_fit
from tests.testing import broken


def test_a_callback_that_begins_anew_passes() -> None:
    check_second_fit(broken.Steps)


def test_one_that_goes_on_is_told() -> None:
    with pytest.raises(ContractError) as caught:
        check_second_fit(broken.Careless)
    start = (
        "Careless fails check_second_fit. Expected: the same callback object in another fit acts "
        "as a fresh one, bit for bit. Found: in its second fit, history.0.train_loss is "
    )
    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith("Begin anew in before_fit: set there all that __init__ sets "
                                      "and hooks change.")  # fmt: skip


def test_what_is_collected_on_purpose_is_left_out() -> None:
    class Collects(Callback):
        def __init__(self) -> None:
            self.epochs = 0

        def after_epoch(self, state: State) -> None:
            self.epochs += 1

        def state_dict(self) -> dict[str, Any]:
            return {"epochs": self.epochs}

    with pytest.raises(ContractError, match=r"state_dict\.0\.epochs is 4 and should be 2"):
        check_second_fit(Collects)
    check_second_fit(Collects, ignore=["epochs"])
