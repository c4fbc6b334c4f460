"""Interrupts: a first signal waits, a second one does not, and other handlers are left alone."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from learnkit.errors import StateError
from learnkit.signals import SIGTERM_EXIT, Interrupts, import_whole

FRESH: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}
BOTH = [signal.SIGINT, signal.SIGTERM]
ERRORS = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: SystemExit}


@pytest.fixture(autouse=True)
def fresh_handlers() -> Iterator[None]:
    """Those of a process that has just begun."""
    before = {number: signal.signal(number, handler) for number, handler in FRESH.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def handlers() -> list[Any]:
    return [signal.getsignal(number) for number in BOTH]


def run(*acts: Callable[[Interrupts], object]) -> None:
    with Interrupts() as interrupts:
        for act in acts:
            act(interrupts)


def send(number: signal.Signals) -> Callable[[object], None]:
    return lambda interrupts: signal.raise_signal(number)


def fail(interrupts: object) -> None:
    raise ZeroDivisionError


def raise_it(interrupts: Interrupts) -> None:
    raise interrupts.error()


@pytest.mark.parametrize(
    ("number", "reason"),
    [(signal.SIGINT, "interrupted by Ctrl-C"), (signal.SIGTERM, "ended by SIGTERM")],
)
def test_the_first_signal_is_noted_and_raised_by_whoever_asks(
    number: signal.Signals, reason: str
) -> None:
    seen: list[object] = []

    def look(interrupts: Interrupts) -> None:
        seen.append(interrupts.pending)

    def ask(interrupts: Interrupts) -> None:
        seen.append(interrupts.reason)

    with pytest.raises(ERRORS[number]) as caught:
        run(look, send(number), look, ask, raise_it)
    assert seen == [None, number, reason]
    assert getattr(caught.value, "code", SIGTERM_EXIT) == 143
    assert caught.value.__context__ is None
    assert handlers() == list(FRESH.values())


@pytest.mark.parametrize("first", BOTH)
@pytest.mark.parametrize("second", BOTH)
def test_the_second_signal_does_not_wait(first: signal.Signals, second: signal.Signals) -> None:
    went_on: list[str] = []

    def mark(interrupts: object) -> None:
        went_on.append("")

    with pytest.raises(ERRORS[second]):
        run(send(first), mark, send(second), mark)
    assert len(went_on) == 1
    assert handlers() == list(FRESH.values())


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_that_nobody_has_raised_is_raised_on_leaving(number: signal.Signals) -> None:
    with pytest.raises(ERRORS[number]):
        run(send(number))
    assert handlers() == list(FRESH.values())


def test_an_error_that_ends_the_block_is_told_as_the_reason() -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        run(send(signal.SIGINT), fail)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_an_exit_that_is_under_way_is_not_replaced() -> None:
    def leave(interrupts: object) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit) as caught:
        run(send(signal.SIGINT), leave)
    assert caught.value.code == 3


def test_an_error_without_a_signal_stays_itself() -> None:
    with pytest.raises(ZeroDivisionError):
        run(fail)
    assert handlers() == list(FRESH.values())


def test_without_a_signal_there_is_nothing_to_say() -> None:
    with Interrupts() as interrupts:
        for ask in (lambda: interrupts.reason, interrupts.error):
            with pytest.raises(StateError) as caught:
                ask()
            assert str(caught.value) == "no signal has come."


@pytest.mark.parametrize("number", BOTH)
def test_a_handler_of_the_users_own_is_left_in_its_place(number: signal.Signals) -> None:
    heard: list[int] = []

    def mine(number: int, frame: object) -> None:
        heard.append(number)

    signal.signal(number, mine)
    with Interrupts() as interrupts:
        assert signal.getsignal(number) is mine
        signal.raise_signal(number)
        assert interrupts.pending is None
    assert heard == [number]
    assert signal.getsignal(number) is mine


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_that_is_ignored_stays_so(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_IGN)
    with Interrupts() as interrupts:
        signal.raise_signal(number)
        assert interrupts.pending is None
    assert signal.getsignal(number) is signal.SIG_IGN


def test_a_handler_that_was_set_meanwhile_stays() -> None:
    def mine(number: int, frame: object) -> None: ...

    with Interrupts():
        signal.signal(signal.SIGINT, mine)
    assert handlers() == [mine, signal.SIG_DFL]


def test_one_inside_another_takes_nothing_from_it() -> None:
    """A fit inside a fit: the inner one finds a handler that is not a fresh process's."""
    pending: list[object] = []

    def inner(outer: Interrupts) -> None:
        run(send(signal.SIGINT), lambda interrupts: pending.append(interrupts.pending))
        pending.append(outer.pending)

    with pytest.raises(KeyboardInterrupt):
        run(inner, raise_it)
    assert pending == [None, signal.SIGINT]


def test_it_can_be_entered_again_after_a_signal() -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(send(signal.SIGINT), raise_it)


def test_in_another_thread_it_does_nothing() -> None:
    """Python sets handlers in the main thread only."""
    seen: list[Any] = []

    def work() -> None:
        with Interrupts() as interrupts:
            seen.extend([handlers(), interrupts.pending])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [list(FRESH.values()), None]


@pytest.mark.parametrize("number", BOTH)
def test_a_module_is_imported_whole_before_a_signal_is_raised(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"slow_to_import_{number.name.lower()}"
    code = f"import signal\nsignal.raise_signal({int(number)})\nwhole = True\n"
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        with pytest.raises(ERRORS[number]):
            import_whole(name)
        assert sys.modules[name].whole
        assert import_whole(name) is sys.modules[name]
    finally:
        sys.modules.pop(name, None)
    assert handlers() == list(FRESH.values())
