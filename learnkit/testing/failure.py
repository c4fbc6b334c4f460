"""What a contract test raises, and the sentence in it. Knows no contract."""

from learnkit.callback import Callback
from learnkit.errors import LearnkitError


class ContractError(LearnkitError, AssertionError):
    """A callback does not keep the loop's contract; the message says where and what to do."""


def broken(callback: Callback, check: str, *, expected: str, found: str, do: str) -> ContractError:
    """Return the error that says what a callback should have done.

    Args:
        callback: that broke its contract.
        check: the public function that saw it.
        expected: what the contract says, as a sentence without its full stop.
        found: what happened, likewise.
        do: how to mend it, likewise.
    """
    who = type(callback).__name__
    return ContractError(
        f"{who} fails {check}. Expected: {expected}. Found: {found.rstrip('.')}. {do}."
    )
