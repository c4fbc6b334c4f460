"""The loop: its grammar, its arithmetic, its randomness, and how it ends."""

import contextlib
import itertools
import math
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from learnkit.callback import HOOKS, Callback
from learnkit.data.batch import BatchPipeline
from learnkit.errors import DataError, ModelError, NonFiniteLossError, StateError
from learnkit.forward import Parts
from learnkit.history import History
from learnkit.loop import run_fit
from learnkit.metrics import MeanMetric, accuracy, as_metrics
from learnkit.phases import evaluate
from learnkit.precision import Fp16, Plain
from learnkit.state import Phase, SkipBatch, State
from learnkit.tasks import Supervised
from learnkit.types import Batch, Loaded

CPU = torch.device("cpu")


class Batches:
    """A BatchLoader of given batches, in the given order in every epoch."""

    def __init__(self, batches: Sequence[Batch], *, batch_size: int | None = None) -> None:
        self.given = list(batches)
        self.batch_size = batch_size or max((len(b.y) for b in batches), default=1)
        self.opened = self.closed = 0
        self.epochs: list[int] = []

    @property
    def n_samples(self) -> int:
        return sum(len(b.y) for b in self.given)

    def __len__(self) -> int:
        return len(self.given)

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.given)

    def batches(self, epoch: int, *, start: int = 0) -> Iterator[Loaded]:
        self.opened += 1
        self.epochs.append(epoch)
        first = 0
        try:
            for number, batch in enumerate(self.given):
                if number >= start:
                    yield Loaded(batch, np.arange(first, first + len(batch.y)))
                first += len(batch.y)
        finally:
            self.closed += 1

    def describe(self, index: int) -> str:
        return f"{'abcdefghijklmnopqrstuvwxyz'[index]}.jpg"


class Recording(Callback):
    """Write down the letter of every event; ``act`` may interfere in any of them."""

    def __init__(self, act: Callable[[str, State], None] = lambda hook, state: None) -> None:
        self.events: list[str] = []
        self.act = act

    def on_error(self, state: State, error: BaseException) -> None:
        self.events.append("!")


# one letter for each event; of the loop's own doings, `forward`, `loss` and `backward`, the grammar
# in the docstring of loop.py speaks too, but they are no hooks
LETTERS = dict(zip(HOOKS, "fepbolstBPEF", strict=True))


def _hook(name: str) -> Callable[[Recording, State], None]:
    def run(self: Recording, state: State) -> None:
        self.events.append(LETTERS[name])
        self.act(name, state)

    return run


for _name in HOOKS:
    setattr(Recording, _name, _hook(_name))


def classes_of(*sizes: int, width: int = 3, seed: int = 0) -> Batches:
    drawn = torch.Generator().manual_seed(seed)
    return Batches(
        [
            Batch(
                torch.randn(n, width, generator=drawn),
                torch.randint(0, 2, (n,), generator=drawn),
            )
            for n in sizes
        ]
    )


def make_parts(
    train: Batches | None,
    valid: Batches | None = None,
    *,
    model: nn.Module | None = None,
    optimizer: Callable[[Any], Optimizer] = lambda p: torch.optim.SGD(p, lr=0.1),
    epochs: int = 1,
    loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
    metrics: Any = (),
    classes: tuple[str, ...] = ("no", "yes"),
    **options: Any,
) -> Parts:
    model = model if model is not None else nn.Linear(3, 2)
    state = State(
        model, device=CPU, optimizer=optimizer(model.parameters()), train_dl=train, valid_dl=valid
    )
    state.progress.epochs_planned = epochs
    state.accumulate = options.pop("accumulate", 1)
    return Parts(
        state=state,
        task=Supervised(loss, classes),
        precision=options.pop("precision", Plain("fp32", "cpu")),
        pipeline=BatchPipeline(CPU),
        metrics=as_metrics(metrics),
        **options,
    )


def events(parts: Parts, recorder: Recording) -> str:
    run_fit(parts, [recorder], History())
    return "".join(recorder.events)


def told(error: type[BaseException], call: Callable[[], object]) -> str:
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


# ---------------------------------------------------------------- the grammar


def test_the_events_of_two_epochs_of_three_batches_come_in_order() -> None:
    """f fit, e epoch, p phase, b batch, o forward, l loss, s before step, t after step; capitals
    end what small letters began.
    """
    train_batch, valid_batch = "bolstB", "bolB"
    epoch = f"ep{train_batch * 3}Pp{valid_batch * 2}PE"
    found = events(make_parts(classes_of(4, 4, 2), classes_of(4, 1), epochs=2), Recording())
    assert found == f"f{epoch * 2}F"


def test_without_validation_samples_there_is_one_phase_an_epoch() -> None:
    found = events(make_parts(classes_of(4, 4, 2), epochs=2), Recording())
    assert found == f"f{'ep' + 'bolstB' * 3 + 'PE'}{'ep' + 'bolstB' * 3 + 'PE'}F"


def test_accumulation_steps_on_each_full_group_and_on_the_last_batch() -> None:
    found = events(make_parts(classes_of(4, 4, 4, 4, 4), accumulate=2), Recording())
    assert found == "fepbolBbolstBbolBbolstBbolstBPEF"


BATCH = "b(o(l(st?)?)?)?B"  # a skip ends the hooks of a batch anywhere
PHASE = f"p(?:{BATCH})*P"
EPOCH = f"e{PHASE}(?:{PHASE})?E"
FIT = re.compile(f"f(?:{EPOCH})*F".replace("(", "(?:").replace("(?:?:", "(?:"))


def is_prefix(text: str) -> bool:
    """Whether ``text`` is the beginning of some fit: whether letters can be added to match."""
    endings = ["".join(e) for e in ENDINGS]
    return any(FIT.fullmatch(text + ending) for ending in endings)


# whatever is open, closes in this order: batch, phase, epoch, fit
ENDINGS = [
    [batch, phase, epoch, "F"]
    for batch in ("", "B")
    for phase in ("", "P", "pP")
    for epoch in ("", "E")
]

STOP, SKIP, ERROR, CTRL_C = "stop", "skip", "error", "ctrl-c"


class Boom(Exception):
    pass


def interfering(plan: dict[int, str]) -> Recording:
    """Return a recorder that does something at the n-th event."""
    count = [0]

    def act(hook: str, state: State) -> None:
        what = plan.get(count[0])
        count[0] += 1
        if what == STOP:
            state.stop("enough")
        elif what == SKIP:
            raise SkipBatch
        elif what == ERROR:
            raise Boom
        elif what == CTRL_C:
            raise KeyboardInterrupt

    return Recording(act)


@settings(deadline=None, max_examples=150)
@given(
    plan=st.dictionaries(
        st.integers(0, 60), st.sampled_from([STOP, SKIP, SKIP, ERROR, CTRL_C]), max_size=4
    ),
    sizes=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    valid=st.booleans(),
    accumulate=st.integers(1, 3),
)
def test_the_events_match_the_grammar_whatever_a_hook_does(
    plan: dict[int, str], sizes: list[int], valid: bool, accumulate: int
) -> None:
    parts = make_parts(
        classes_of(*sizes), classes_of(2) if valid else None, epochs=2, accumulate=accumulate
    )
    recorder = interfering(plan)
    error: BaseException | None = None
    history = History()
    try:
        run_fit(parts, [recorder], history)
    except (Boom, KeyboardInterrupt, StateError) as caught:
        error = caught
    text = "".join(recorder.events)
    assert text.count("F") == 1
    assert text.endswith("F")
    if "!" in text:
        assert text.endswith("!F")
        assert is_prefix(text[:-2])
        assert error is not None
    else:
        assert FIT.fullmatch(text)
        assert error is None or plan.keys() & {len(text) - 1}, "only after_fit may fail unheard"
    assert text.count("E") >= len(history)
    # the learner's side: gradients gone, eval mode, nothing left open, and a second fit works
    assert not parts.state.model.training
    assert all(p.grad is None for p in parts.state.model.parameters())
    assert told(StateError, lambda: parts.state.phase)
    assert parts.state.train_dl.opened == parts.state.train_dl.closed  # type: ignore[union-attr]
    again = Recording()
    assert FIT.fullmatch(events(make_parts(classes_of(2), model=parts.state.model), again))


def test_the_grammar_would_notice_a_wrong_order() -> None:
    for wrong in ("", "f", "fF!", "fepP", "fepbBPEEF", "fepbolsBtPEF", "feEF", "fepbolBBPEF"):
        assert not FIT.fullmatch(wrong)
    for right in ("fF", "fepPEF", "fepbBPpbolBPEF"):
        assert FIT.fullmatch(right)
    assert is_prefix("fepbol")
    assert not is_prefix("fepbolP")


def test_stop_ends_after_the_batch_and_closes_what_is_open() -> None:
    parts = make_parts(classes_of(2, 2, 2), classes_of(2), epochs=3)
    history = History()

    def stop(hook: str, state: State) -> None:
        if hook == "after_loss" and state.progress.batches_done == 1:
            state.stop("seen enough")

    recorder = Recording(stop)
    run_fit(parts, [recorder], history)
    assert "".join(recorder.events) == "fepbolstBbolstBPEF"
    assert history.stop_reason == "seen enough"
    assert list(history[0]) == ["train_loss", "seconds"]


def test_a_stop_before_the_first_epoch_runs_none() -> None:
    recorder = interfering({0: STOP})
    assert events(make_parts(classes_of(2)), recorder) == "fF"


def test_hooks_run_in_list_order() -> None:
    order: list[str] = []
    one, two = (Recording(lambda hook, state, n=n: order.append(n + hook)) for n in "ab")  # type: ignore[misc]
    run_fit(make_parts(classes_of(2)), [one, two], History())
    assert order == [n + hook for hook in HOOKS for n in "ab"]


@pytest.mark.parametrize("hook", ["before_fit", "before_epoch", "after_batch", "after_phase"])
def test_skip_outside_a_batch_says_where_it_may_be_raised(hook: str) -> None:
    def skip(name: str, state: State) -> None:
        if name == hook:
            raise SkipBatch

    recorder = Recording(skip)
    expected = (
        "SkipBatch was raised where there is no batch to skip; raise it in before_batch, "
        "after_forward, after_loss or before_step."
    )
    assert told(StateError, lambda: events(make_parts(classes_of(2)), recorder)) == expected
    assert recorder.events[-2:] == ["!", "F"]


class Failing(Recording):
    """Fails in its last words too."""

    def on_error(self, state: State, error: BaseException) -> None:
        super().on_error(state, error)
        raise RuntimeError("in on_error")


def test_an_error_while_handling_an_error_is_noted_and_hides_neither() -> None:
    failing, other = Failing(), interfering({2: ERROR})
    with pytest.raises(Boom) as caught:
        run_fit(make_parts(classes_of(2)), [failing, other], History())
    expected = "While handling this, a callback raised RuntimeError('in on_error')"
    assert caught.value.__notes__ == [expected]
    assert [r.events[-2:] for r in (failing, other)] == [["!", "F"]] * 2


def test_every_after_fit_runs_even_if_one_fails() -> None:
    def fail(hook: str, state: State) -> None:
        if hook == "after_fit":
            raise Boom

    one, two = Recording(fail), Recording()
    with pytest.raises(Boom):
        run_fit(make_parts(classes_of(2)), [one, two], History())
    assert two.events[-1] == "F"


def test_a_callback_whose_fit_never_began_hears_no_end() -> None:
    one, two = interfering({0: ERROR}), Recording()
    with pytest.raises(Boom):
        run_fit(make_parts(classes_of(2)), [one, two], History())
    assert ("".join(one.events), two.events) == ("f!F", [])


def test_a_hook_that_nobody_overrides_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: Callback, state: State) -> None:
        raise AssertionError("called")

    class Quiet(Callback):
        """Overrides nothing."""

    quiet = Quiet()
    for hook in HOOKS[1:-1]:
        monkeypatch.setattr(Callback, hook, never)
    run_fit(make_parts(classes_of(2), classes_of(2)), [quiet], History())


# ---------------------------------------------------------------- signals


@pytest.fixture
def fresh_handlers() -> Iterator[None]:
    """Those of a process that has just begun."""
    fresh = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in fresh.items()}
    yield
    assert {number: signal.getsignal(number) for number in fresh} == fresh
    for number, handler in before.items():
        signal.signal(number, handler)


def signalled(at: int, *numbers: signal.Signals) -> tuple[str, BaseException | None, History]:
    """Run two epochs of three batches and two of validation; send signals at an event."""
    count = [0]

    def act(hook: str, state: State) -> None:
        count[0] += 1
        if count[0] == at + 1:
            for number in numbers:
                signal.raise_signal(number)

    recorder, history, error = Recording(act), History(), None
    try:
        run_fit(make_parts(classes_of(2, 2, 2), classes_of(2, 2), epochs=2), [recorder], history)
    except (KeyboardInterrupt, SystemExit) as caught:
        error = caught
    return "".join(recorder.events), error, history


WHOLE = "f" + ("ep" + "bolstB" * 3 + "Pp" + "bolB" * 2 + "PE") * 2 + "F"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_the_batch_and_every_open_hook(
    fresh_handlers: None, number: signal.Signals
) -> None:
    """At each event in turn; where no batch is open the next one ends it."""
    for at in range(len(WHOLE)):
        text, error, history = signalled(at, number)
        if number is signal.SIGINT:
            assert isinstance(error, KeyboardInterrupt), at
        else:
            assert isinstance(error, SystemExit), at
            assert error.code == 143
        if at == len(WHOLE) - 1:  # in after_fit, when all is done
            assert text == WHOLE
            continue
        assert text.endswith("!F"), at
        went = text[:-2]
        assert FIT.fullmatch(went + "F"), at
        assert len(history) == went.count("E")
        begun = went[at + 1 :].count("b")
        open_batch = WHOLE[: at + 1].rfind("b") > WHOLE[:at].rfind("B")
        last = "b" not in WHOLE[at + 1 :]
        assert begun == (0 if open_batch or last else 1), at


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_not_wait(fresh_handlers: None, first: signal.Signals) -> None:
    for at in range(len(WHOLE) - 1):
        text, error, _ = signalled(at, first, signal.SIGINT)
        assert isinstance(error, KeyboardInterrupt), at
        assert text == WHOLE[: at + 1] + "!F", at


def test_an_epoch_that_a_signal_has_ended_leaves_the_row_of_what_it_trained(
    fresh_handlers: None,
) -> None:
    text, _, history = signalled(WHOLE.index("bolstB") + 8, signal.SIGINT)
    assert text == "fep" + "bolstB" * 2 + "PE!F"
    assert [list(row) for row in history] == [["train_loss", "seconds"]]


def test_a_model_is_whole_and_trains_on_after_a_signal(fresh_handlers: None) -> None:
    def act(hook: str, state: State) -> None:
        if hook == "after_loss" and state.training:
            signal.raise_signal(signal.SIGINT)

    parts = make_parts(classes_of(2, 2))
    with pytest.raises(KeyboardInterrupt):
        run_fit(parts, [Recording(act)], History())
    assert parts.state.progress.steps_done == 1
    assert not parts.state.model.training
    assert all(p.grad is None for p in parts.state.model.parameters())
    again = make_parts(classes_of(2, 2), model=parts.state.model)
    run_fit(again, [], History())
    assert again.state.progress.steps_done == 2


# ---------------------------------------------------------------- what a hook sees


def test_the_windows_of_the_state_open_and_close_as_told() -> None:
    seen: dict[str, set[str]] = {field: set() for field in ("phase", "batch", "preds", "loss")}

    def look(hook: str, state: State) -> None:
        for field, hooks in seen.items():
            with contextlib.suppress(StateError):
                getattr(state, field)
                hooks.add(hook)

    events(make_parts(classes_of(2), classes_of(2)), Recording(look))
    order = list(HOOKS)
    for field, first, last in (
        ("phase", "before_phase", "after_phase"),
        ("batch", "before_batch", "after_batch"),
        ("preds", "after_forward", "after_batch"),
        ("loss", "after_loss", "after_batch"),
    ):
        assert seen[field] == set(order[order.index(first) : order.index(last) + 1])


def test_a_field_of_a_skipped_batch_is_gone_with_a_message() -> None:
    messages: list[str] = []

    def act(hook: str, state: State) -> None:
        if hook == "after_forward":
            raise SkipBatch
        if hook == "after_batch":
            messages.append(told(StateError, lambda: state.loss))

    events(make_parts(classes_of(2)), Recording(act))
    expected = "`loss` is not available here; it exists from after_loss to after_batch."
    assert messages == [expected]


def test_what_hooks_assign_is_what_the_loop_goes_on_with() -> None:
    model = nn.Linear(3, 2)
    before = model.weight.clone()
    losses: list[float] = []

    class Changing(Callback):
        def before_batch(self, state: State) -> None:
            state.batch = state.batch._replace(x=torch.zeros_like(state.batch.x))

        def after_forward(self, state: State) -> None:
            state.preds = state.preds * 0

        def after_loss(self, state: State) -> None:
            losses.append(state.loss.item())
            state.loss = state.loss + 5

    history = History()
    run_fit(make_parts(classes_of(2), model=model), [Changing()], history)
    assert losses == pytest.approx([math.log(2)])
    assert history[0]["train_loss"] == pytest.approx(math.log(2) + 5)
    assert torch.equal(model.weight, before)  # x was 0, so the weights had no gradient


def test_gradients_are_complete_before_the_step_and_gone_after_it() -> None:
    found: list[bool] = []

    class Looking(Callback):
        def before_step(self, state: State) -> None:
            found.append(all(p.grad is not None for p in state.model.parameters()))

        def after_step(self, state: State) -> None:
            found.append(all(p.grad is None for p in state.model.parameters()))

    run_fit(make_parts(classes_of(2)), [Looking()], History())
    assert found == [True, True]


def test_validation_computes_no_gradient_and_runs_in_eval_mode() -> None:
    modes: list[tuple[Phase, bool, bool]] = []

    class Looking(Callback):
        def after_loss(self, state: State) -> None:
            modes.append((state.phase, state.model.training, state.loss.requires_grad))

    run_fit(make_parts(classes_of(2), classes_of(2)), [Looking()], History())
    assert modes == [(Phase.TRAIN, True, True), (Phase.VALID, False, False)]


# ---------------------------------------------------------------- arithmetic


@pytest.mark.parametrize("sizes", [(4, 4, 4, 4), (4, 4, 4, 1), (4, 4, 2), (3,)])
@pytest.mark.parametrize("accumulate", [2, 3])
def test_accumulation_equals_the_big_batch(sizes: tuple[int, ...], accumulate: int) -> None:
    """The last group may have fewer batches, and its last batch fewer samples."""
    small = classes_of(*sizes)
    small = Batches([Batch(b.x.double(), b.y) for b in small.given])
    groups = [small.given[i : i + accumulate] for i in range(0, len(sizes), accumulate)]
    big = Batches([Batch(torch.cat([b.x for b in g]), torch.cat([b.y for b in g])) for g in groups])
    weights: list[Tensor] = []
    for loader, n in ((small, accumulate), (big, 1)):
        torch.manual_seed(0)
        model = nn.Linear(3, 2).double()
        parts = make_parts(loader, model=model, accumulate=n, epochs=3)
        run_fit(parts, [], History())
        assert parts.state.progress.steps_done == 3 * len(groups)
        weights.append(model.weight.detach())
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=1e-10)


def test_a_skipped_batch_adds_nothing_to_its_group() -> None:
    """Of two batches of a group, the second is skipped: the third completes the group."""
    loader = classes_of(2, 2, 2)

    class SkipSecond(Callback):
        def before_batch(self, state: State) -> None:
            if state.progress.batches_done == 1:
                raise SkipBatch

    torch.manual_seed(0)
    one = nn.Linear(3, 2)
    parts = make_parts(loader, model=one, accumulate=2)
    run_fit(parts, [SkipSecond()], History())
    torch.manual_seed(0)
    other = nn.Linear(3, 2)
    first, _, third = loader.given
    big = Batches([Batch(torch.cat([first.x, third.x]), torch.cat([first.y, third.y]))])
    run_fit(make_parts(big, model=other), [], History())
    assert parts.state.progress.steps_done == 1
    torch.testing.assert_close(one.weight, other.weight)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_skip_before_the_step_drops_the_gradients_of_its_group(
    precision: str, accumulate: int
) -> None:
    loader = classes_of(2, 2, 2, 2)
    steps: list[int] = []

    class SkipFirstStep(Callback):
        def before_step(self, state: State) -> None:
            steps.append(state.progress.batches_done)
            if len(steps) == 1:
                raise SkipBatch

    def fit(batches: Batches, callbacks: list[Callback]) -> Tensor:
        torch.manual_seed(0)
        model = nn.Linear(3, 2)
        chosen = Fp16("cpu") if precision == "fp16" else Plain("fp32", "cpu")
        run_fit(
            make_parts(batches, model=model, precision=chosen, accumulate=accumulate),
            callbacks,
            History(),
        )
        return model.weight.detach()

    rest = Batches(loader.given[accumulate:])
    torch.testing.assert_close(fit(loader, [SkipFirstStep()]), fit(rest, []))
    assert len(steps) == 4 // accumulate


def test_losses_and_metrics_are_weighted_by_samples() -> None:
    """64 samples right and 2 wrong: accuracy 64/66, not the 0.5 of unweighted batch means."""
    model = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.0], [1.0]]))
    right = Batch(torch.full((64, 1), 3.0), torch.ones(64, dtype=torch.int64))
    wrong = Batch(torch.full((2, 1), 3.0), torch.zeros(2, dtype=torch.int64))
    parts = make_parts(None, model=model, metrics=accuracy)
    row = evaluate(parts, Batches([right, wrong]))
    good, bad = math.log1p(math.exp(-3)), math.log1p(math.exp(3))
    assert row["accuracy"] == pytest.approx(64 / 66)
    assert row["valid_loss"] == pytest.approx((64 * good + 2 * bad) / 66)
    assert list(row) == ["valid_loss", "accuracy"]


def test_the_training_loss_is_weighted_by_samples_too() -> None:
    zeros = [Batch(torch.zeros(n, 1), torch.full((n, 1), v)) for n, v in ((64, 1.0), (2, 0.0))]
    parts = make_parts(
        Batches(zeros),
        model=nn.Linear(1, 1, bias=False),
        loss=functional.mse_loss,
        classes=(),
    )
    history = History()
    run_fit(parts, [], history)
    assert history[0]["train_loss"] == pytest.approx(64 / 66)


@settings(deadline=None, max_examples=25)
@given(cuts=st.lists(st.integers(1, 11), max_size=4, unique=True))
def test_numbers_do_not_depend_on_how_samples_are_batched(cuts: list[int]) -> None:
    whole = classes_of(12).given[0]
    edges = [0, *sorted(cuts), 12]
    parted = [Batch(whole.x[a:b], whole.y[a:b]) for a, b in itertools.pairwise(edges)]
    model = nn.Linear(3, 2)
    rows = [
        evaluate(make_parts(None, model=model, metrics=accuracy), Batches(batches))
        for batches in ([whole], parted)
    ]
    assert rows[0] == pytest.approx(rows[1], abs=1e-6)


def test_lbfgs_solves_a_convex_problem_through_the_loop() -> None:
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(32, 4, generator=drawn, dtype=torch.float64)
    true = torch.tensor([[1.0, -2.0, 0.5, 3.0]], dtype=torch.float64)
    model = nn.Linear(4, 1, bias=False).double()
    parts = make_parts(
        Batches([Batch(x, x @ true.T)]),
        model=model,
        optimizer=lambda p: torch.optim.LBFGS(p, tolerance_grad=0, tolerance_change=0),
        loss=functional.mse_loss,
        classes=(),
        epochs=3,
    )
    run_fit(parts, [], History())
    torch.testing.assert_close(model.weight.detach(), true, rtol=0, atol=1e-6)


def test_bf16_is_for_the_forward_pass_alone() -> None:
    seen: list[torch.dtype] = []

    def metric(preds: Tensor, targets: Tensor) -> Tensor:
        seen.append(preds.dtype)
        return preds.mean()

    class Looking(Callback):
        def after_loss(self, state: State) -> None:
            seen.extend([state.preds.dtype, state.loss.dtype])

        def before_step(self, state: State) -> None:
            seen.extend(p.grad.dtype for p in state.model.parameters() if p.grad is not None)

    model = nn.Linear(3, 2)
    inside: list[torch.dtype] = []
    model.register_forward_hook(lambda m, args, out: inside.append(out.dtype))
    parts = make_parts(
        classes_of(2),
        classes_of(2),
        model=model,
        precision=Plain("bf16", "cpu"),
        metrics=MeanMetric(metric),
    )
    run_fit(parts, [Looking()], History())
    assert set(inside) == {torch.bfloat16}
    assert set(seen) == {torch.float32}


def test_predictions_in_float64_stay_so() -> None:
    found: list[torch.dtype] = []

    class Looking(Callback):
        def after_forward(self, state: State) -> None:
            found.append(state.preds.dtype)

    loader = Batches([Batch(b.x.double(), b.y) for b in classes_of(2).given])
    run_fit(make_parts(loader, model=nn.Linear(3, 2).double()), [Looking()], History())
    assert found == [torch.float64]


# ---------------------------------------------------------------- losses that are no numbers


@pytest.mark.parametrize(("value", "word"), [(math.nan, "nan"), (math.inf, "infinite")])
def test_a_loss_that_is_no_number_stops_with_all_that_is_known(value: float, word: str) -> None:
    model = nn.Linear(3, 2)
    calls = [0]

    def loss(preds: Tensor, targets: Tensor) -> Tensor:
        calls[0] += 1
        return preds.sum() * 0 + (value if calls[0] == 3 else 0.5)

    before = model.weight.clone()
    parts = make_parts(classes_of(2, 2, 2), model=model, loss=loss)
    recorder = Recording()
    message = told(NonFiniteLossError, lambda: events(parts, recorder))
    assert message == (
        f"the training loss became {word} in epoch 1, batch 3, at learning rate 0.1. "
        "The last finite loss was 0.5. The batch holds: e.jpg, f.jpg. The weights are those before "
        "this batch, and learn.replay(2) gives it as the model saw it. Try a lower learning rate "
        "(learn.lr_find() suggests one), callbacks=GradientClip(1.0) or precision='fp32', and "
        "check these samples; nonfinite='skip' leaves such batches out."
    )
    assert recorder.events[-2:] == ["!", "F"]
    assert torch.equal(model.weight, before)


def test_a_first_loss_that_is_no_number_has_none_before_it_and_names_eight_files() -> None:
    parts = make_parts(classes_of(10), loss=lambda preds, targets: preds.sum() * math.nan, epochs=2)
    message = told(NonFiniteLossError, lambda: events(parts, Recording()))
    assert message == (
        "the training loss became nan in epoch 1, batch 1, at learning rate 0.1. The batch holds: "
        "a.jpg, b.jpg, c.jpg, d.jpg, e.jpg, f.jpg, g.jpg, h.jpg and 2 more. The weights are those "
        "before this batch, and learn.replay(0) gives it as the model saw it. Try a lower learning "
        "rate (learn.lr_find() suggests one), callbacks=GradientClip(1.0) or precision='fp32', and "
        "check these samples; nonfinite='skip' leaves such batches out."
    )


def test_a_fit_may_be_told_to_go_on_over_bad_losses() -> None:
    parts = make_parts(
        classes_of(2, 2),
        loss=lambda preds, targets: preds.sum() * math.nan,
        nonfinite=None,
    )
    history = History()
    run_fit(parts, [], history)
    assert math.isnan(history[0]["train_loss"])


def test_a_loader_that_gives_nothing_is_an_error() -> None:
    class Empty(Batches):
        @property
        def n_samples(self) -> int:
            return 12

    expected = (
        "the training loader gave no batch, though 12 samples were expected. "
        "Check that its files can be read."
    )
    assert told(DataError, lambda: events(make_parts(Empty([])), Recording())) == expected


def test_an_epoch_of_skipped_batches_has_no_loss() -> None:
    class SkipAll(Callback):
        def before_batch(self, state: State) -> None:
            raise SkipBatch

    history = History()
    parts = make_parts(classes_of(2), classes_of(2), metrics=accuracy)
    run_fit(parts, [SkipAll()], history)
    assert math.isnan(history[0]["train_loss"])
    assert math.isnan(history[0]["valid_loss"])


# ---------------------------------------------------------------- randomness


class Noisy(nn.Module):
    """Draws from torch's generator, as dropout does."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.drawn: list[float] = []

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.drawn.append(torch.rand(()).item())
        out: Tensor = self.linear(x)
        return out


def test_each_training_batch_draws_by_its_number_and_nothing_else() -> None:
    drawn = []
    for start, caller in ((0, 1), (0, 2), (2, 3)):
        torch.manual_seed(caller)
        model = Noisy()
        parts = make_parts(classes_of(2, 2), model=model, epochs=2, seed=7)
        parts.state.progress.batches_seen = start
        run_fit(parts, [], History())
        drawn.append(model.drawn)
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 4
    assert drawn[2][:2] == drawn[0][2:]


def test_another_seed_draws_other_numbers() -> None:
    drawn = []
    for seed in (1, 2):
        model = Noisy()
        run_fit(make_parts(classes_of(2), model=model, seed=seed), [], History())
        drawn.append(model.drawn)
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("plan", [{}, {5: ERROR}, {5: CTRL_C}])
def test_the_callers_generators_are_as_they_were(plan: dict[int, str]) -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    parts = make_parts(classes_of(2, 2), classes_of(2), model=Noisy())
    torch.manual_seed(3)
    with contextlib.suppress(Boom, KeyboardInterrupt):
        run_fit(parts, [interfering(plan)], History())
    assert torch.equal(torch.rand(3), expected)


def test_the_order_of_an_epoch_is_asked_for_by_its_number_over_all_fits() -> None:
    loader, valid = classes_of(2), classes_of(2)
    parts = make_parts(loader, valid, epochs=2)
    parts.state.progress.epochs_before = 5
    run_fit(parts, [], History())
    assert loader.epochs == [5, 6]
    assert valid.epochs == [0, 0]


def test_an_error_of_the_model_says_what_it_was_given() -> None:
    batches = classes_of(4, 4)
    parts = make_parts(batches, model=nn.Linear(9, 2))
    with pytest.raises(RuntimeError) as caught:
        run_fit(parts, [], History())
    shape = tuple(batches.given[0].x.shape)
    assert caught.value.__notes__ == [f"The model was given x {shape} float32 on cpu."]


def test_a_label_out_of_range_in_a_later_batch_is_told_too() -> None:
    batches = classes_of(4, 4)
    batches.given[1].y[0] = 7
    message = told(ModelError, lambda: run_fit(make_parts(batches), [], History()))
    assert message == (
        "a label is 7, but with 2 classes labels run from 0 to 1. Check the dataset's targets."
    )
