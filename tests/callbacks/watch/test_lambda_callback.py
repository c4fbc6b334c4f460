"""LambdaCallback: functions in hooks."""

import inspect
from typing import Any

import pytest

from learnkit.callback import HOOKS, overriders
from learnkit.callbacks.watch.lambda_callback import LambdaCallback
from learnkit.testing import tiny_learner

pytestmark = pytest.mark.usefixtures("no_flushing")


def test_it_takes_every_hook_of_the_loop() -> None:
    taken = set(inspect.signature(LambdaCallback.__init__).parameters)
    assert taken == {"self", *HOOKS, "on_error", "looks_on"}


def test_functions_run_in_their_hooks() -> None:
    seen: list[str] = []
    functions: dict[str, Any] = {hook: lambda state, hook=hook: seen.append(hook) for hook in HOOKS}
    tiny_learner().fit(1, 0.1, callbacks=LambdaCallback(**functions), progress=False)
    assert set(seen) == set(HOOKS)
    assert (seen[0], seen[-1]) == ("before_fit", "after_fit")


def test_an_error_is_told_to_its_function() -> None:
    seen: list[BaseException] = []
    error = ZeroDivisionError()

    def fail(state: Any) -> None:
        raise error

    callback = LambdaCallback(after_step=fail, on_error=lambda state, error: seen.append(error))
    with pytest.raises(ZeroDivisionError):
        tiny_learner().fit(1, 0.1, callbacks=callback, progress=False)
    assert seen == [error]


def test_hooks_that_are_not_given_are_not_called() -> None:
    callback = LambdaCallback(after_batch=lambda state: None)
    assert [hook for hook in HOOKS if overriders([callback], hook)] == ["after_batch"]


def test_a_misspelt_hook_names_the_nearest_one() -> None:
    with pytest.raises(TypeError) as caught:
        LambdaCallback(after_bacth=print)  # type: ignore[call-arg]
    assert str(caught.value) == (
        "LambdaCallback() has no argument 'after_bacth'. Did you mean 'after_batch'?"
    )


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(TypeError) as caught:
        LambdaCallback(after_fit="done")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "LambdaCallback(): after_fit must be a function of the state, found 'done'."
    )
