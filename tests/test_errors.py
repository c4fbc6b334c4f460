"""Errors: one family, and the builtin kinds that a user may already catch."""

import inspect

import pytest

from learnkit import errors
from learnkit.errors import LearnkitError

ALL = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if cls.__module__ == errors.__name__
]


@pytest.mark.parametrize("error", ALL)
def test_every_error_is_a_learnkit_error_with_a_docstring(error: type[Exception]) -> None:
    assert issubclass(error, LearnkitError)
    assert inspect.getdoc(error)


@pytest.mark.parametrize("error", ALL)
def test_every_error_shows_its_message_as_it_was_given(error: type[Exception]) -> None:
    assert str(error("what, where, what to do")) == "what, where, what to do"


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.MetricError, TypeError),
        (errors.MonitorError, ValueError),
        (errors.NonFiniteLossError, ArithmeticError),
        (errors.UnknownHookError, TypeError),
        (errors.MissingExtraError, ImportError),
    ],
)
def test_some_errors_are_of_a_builtin_kind_too(
    error: type[Exception], builtin: type[Exception]
) -> None:
    assert issubclass(error, builtin)


def test_a_learnkit_error_is_no_builtin_error_but_exception() -> None:
    assert LearnkitError.__bases__ == (Exception,)
