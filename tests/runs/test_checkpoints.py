"""Checkpoints and SavePlan: options are refused where they are given."""

from pathlib import Path
from typing import Any

import pytest

from learnkit.errors import MonitorError
from learnkit.runs.checkpoints import Checkpoints, SavePlan, save_plan

OPTIONS: dict[str, Any] = {"resume": "auto", "every_minutes": 5.0, "every_steps": None}


@pytest.mark.parametrize("keep", [0, -1, 2.0, "3", True])
def test_to_keep_less_than_one_is_refused(keep: Any) -> None:
    with pytest.raises(ValueError) as caught:
        Checkpoints("runs/x", keep=keep)
    assert str(caught.value) == (
        f"keep must be None or a whole number of at least 1; got {keep!r}."
    )


def test_a_mode_is_checked_when_it_is_given() -> None:
    with pytest.raises(MonitorError) as caught:
        Checkpoints("runs/x", monitor="accuracy", mode="maxx")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "Checkpoints(mode='maxx'): mode must be 'min', 'max', or None to follow the metric's own "
        "direction. Did you mean 'max'?"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"resume": "nevr"},
            "resume must be one of auto, never; got 'nevr'. Did you mean 'never'?",
        ),
        ({"resume": True}, "resume must be one of auto, never; got True."),
        ({"every_minutes": 0}, "every_minutes must be None or a number above 0; got 0."),
        ({"every_minutes": "5"}, "every_minutes must be None or a number above 0; got '5'."),
        (
            {"every_minutes": float("nan")},
            "every_minutes must be None or a number above 0; got nan.",
        ),
        ({"every_minutes": True}, "every_minutes must be None or a number above 0; got True."),
        (
            {"every_steps": 0},
            "every_steps must be None or a whole number of at least 1; got 0.",
        ),
        (
            {"every_steps": 1.5},
            "every_steps must be None or a whole number of at least 1; got 1.5.",
        ),
        (
            {"every_steps": True},
            "every_steps must be None or a whole number of at least 1; got True.",
        ),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        save_plan("runs/x", **{**OPTIONS, **options})
    assert str(caught.value) == message


def test_a_path_alone_means_the_defaults() -> None:
    for given in ("runs/x", Path("runs/x"), Checkpoints("runs/x")):
        assert save_plan(given, **OPTIONS) == SavePlan(where=Checkpoints(Path("runs/x")))


def test_without_a_folder_there_is_no_plan_whatever_else_is_given() -> None:
    assert save_plan(None, resume="never", every_minutes=None, every_steps=3) is None


def test_one_part_of_several_has_a_folder_below_and_the_same_options() -> None:
    given = Checkpoints("runs/x", keep=None, monitor="accuracy", mode="max", background=False)
    plan = save_plan(given, **OPTIONS, below="frozen")
    assert plan is not None
    assert plan.where == Checkpoints(
        Path("runs/x/frozen"), keep=None, monitor="accuracy", mode="max", background=False
    )
