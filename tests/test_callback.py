"""Callback: typed no-op hooks, and no misspelt one goes unnoticed."""

from typing import Any

import pytest
from torch import nn

from learnkit.callback import HOOKS, Callback, overriders
from learnkit.errors import UnknownHookError
from learnkit.state import State


def define(**members: Any) -> type[Callback]:
    return type("Mine", (Callback,), members)


def hook(self: Callback, state: State) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("befor_fit", None),  # does not look like a hook: a method of the callback's own
        ("before_fti", "before_fit"),
        ("after_bacth", "after_batch"),
        ("on_exception", "on_error"),
        ("before_backward", "before_batch"),
        ("after_epoch_end", "after_epoch"),
    ],
)
def test_a_method_that_looks_like_a_hook_but_is_none_fails_at_class_creation(
    name: str, nearest: str | None
) -> None:
    if nearest is None:
        define(**{name: hook})
        return
    with pytest.raises(UnknownHookError) as caught:
        define(**{name: hook})
    assert str(caught.value) == f"Mine.{name} is not a hook; did you mean {nearest!r}?"


def test_a_name_like_no_hook_lists_all_hooks() -> None:
    with pytest.raises(UnknownHookError) as caught:
        define(on_xyzzyxyzzyxyzzy=hook)
    assert str(caught.value) == (
        "Mine.on_xyzzyxyzzyxyzzy is not a hook; hooks: before_fit, before_epoch, before_phase, "
        "before_batch, after_forward, after_loss, before_step, after_step, after_batch, "
        "after_phase, after_epoch, after_fit."
    )


def test_data_and_private_methods_may_have_any_name() -> None:
    define(before_long=3, _after_all=hook, on_error=lambda self, state, error: None)


def test_a_typo_in_a_subclass_of_a_callback_is_caught_too() -> None:
    with pytest.raises(UnknownHookError):
        type("Child", (define(before_fit=hook),), {"after_ft": hook})


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_of_the_base_does_nothing(name: str) -> None:
    assert getattr(Callback(), name)(State(nn.Identity())) is None


def test_the_base_has_no_state_and_ignores_errors() -> None:
    callback = Callback()
    callback.on_error(State(nn.Identity()), RuntimeError())
    callback.load_state_dict({})
    assert callback.state_dict() == {}


def test_a_callback_is_named_after_its_class() -> None:
    assert define()().name == "Mine"


def test_overriders_finds_those_who_override_in_list_order() -> None:
    quiet, one, two = define()(), define(before_fit=hook)(), define(before_fit=hook)()
    found = overriders([one, quiet, two], "before_fit")
    assert [function.__self__ for function in found] == [one, two]  # type: ignore[attr-defined]
    assert overriders([one, quiet, two], "after_fit") == []


def test_overriders_finds_inherited_hooks_and_those_set_on_the_object() -> None:
    child = type("Child", (define(after_step=hook),), {})()
    lone = Callback()
    lone.after_step = lambda state: None  # type: ignore[method-assign]
    assert len(overriders([child, lone], "after_step")) == 2
