"""TrainRunner: groups of batches and their steps, without a loop around it."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from learnkit.data.batch import BatchPipeline
from learnkit.forward import Parts
from learnkit.optim import sgd
from learnkit.precision import Fp16, Plain
from learnkit.state import Phase, SkipBatch, State
from learnkit.step import TrainRunner
from learnkit.tasks import Supervised
from learnkit.types import Batch, Loaded

CPU = torch.device("cpu")
SIZES = (4, 4, 4, 4, 3)
Act = Callable[[str, int], None]


class Loader:
    """What a runner asks of the loader of training."""

    batch_size, n_samples = 4, sum(SIZES)

    def __len__(self) -> int:
        return len(SIZES)

    def describe(self, index: int) -> str:
        return f"sample {index}"


def net(*, norm: bool = False) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        norms = [nn.BatchNorm1d(5)] if norm else []
        return nn.Sequential(nn.Linear(3, 5), *norms, nn.Tanh(), nn.Linear(5, 2)).double()


def batches(sizes: Sequence[int] = SIZES) -> list[Loaded]:
    drawn = torch.Generator().manual_seed(1)
    found, first = [], 0
    for n in sizes:
        x = torch.randn(n, 3, generator=drawn, dtype=torch.float64)
        y = torch.randint(0, 2, (n,), generator=drawn)
        found.append(Loaded(Batch(x, y), np.arange(first, first + n)))
        first += n
    return found


def joined(group: Sequence[Loaded]) -> Loaded:
    x = torch.cat([one.batch.x for one in group])
    y = torch.cat([one.batch.y for one in group])
    return Loaded(Batch(x, y), np.concatenate([one.indices for one in group]))


class Run:
    """Train on some batches, as one phase; ``act`` may interfere in any hook of any batch."""

    def __init__(
        self,
        given: Sequence[Loaded],
        act: Act = lambda hook, batch: None,
        *,
        model: nn.Module | None = None,
        precision: Any = None,
        optimizer: Any = sgd,
        **options: Any,
    ) -> None:
        self.model = model or net()
        groups = [{"params": list(self.model.parameters())}]
        state = State(
            self.model,
            device=CPU,
            optimizer=optimizer(groups),
            train_dl=Loader(),  # type: ignore[arg-type]
        )
        state.accumulate = options.pop("accumulate", 1)
        options.setdefault("micro_batch", None)
        parts = Parts(
            state=state,
            task=Supervised(functional.cross_entropy),
            precision=precision or Plain("fp32", "cpu"),
            pipeline=AsGiven(CPU),
            **options,
        )
        self.state, self.act, self.events = state, act, ""
        self.gradients: list[list[Tensor]] = []
        self.runner = TrainRunner(parts, self.call)
        state.open_phase(Phase.TRAIN, batches=len(given))
        self.model.train()
        self.runner.open_phase(state.train_dl, n_repeating=0)  # type: ignore[arg-type]
        for number, one in enumerate(given):
            self.number = number
            self.runner.run(one, number == len(given) - 1)
            if state.stop_reason is not None:
                break
        self.runner.close_phase()

    def call(self, hook: str) -> None:
        self.events += {"before_step": "s", "after_step": "t", "after_batch": "B"}.get(hook, "")
        if hook == "before_step":
            with_gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
            self.gradients.append([g.clone() for g in with_gradients])
        self.act(hook, self.number)

    @property
    def weights(self) -> list[Tensor]:
        return [value.detach().clone() for value in self.model.state_dict().values()]


class AsGiven(BatchPipeline):
    def prepare(self, loaded: Loaded, *, keys: Any) -> Batch:
        return loaded.batch


def assert_same(one: list[Tensor], other: list[Tensor], *, atol: float = 1e-12) -> None:
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=atol)


def grouped(given: Sequence[Loaded], n: int) -> list[Loaded]:
    return [joined(given[i : i + n]) for i in range(0, len(given), n)]


# ---------------------------------------------------------------- groups


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
def test_a_step_over_a_group_is_that_of_its_batches_as_one(n: int) -> None:
    parted, whole = Run(batches(), accumulate=n), Run(grouped(batches(), n))
    assert parted.state.progress.steps_done == whole.state.progress.steps_done == -(-5 // n)
    for one, other in zip(parted.gradients, whole.gradients, strict=True):
        assert_same(one, other)
    assert_same(parted.weights, whole.weights)


def test_steps_come_on_each_full_group_and_on_the_last_batch() -> None:
    assert Run(batches(), accumulate=2).events == "BstBBstBstB"
    assert Run(batches(), accumulate=1).events == "stB" * 5


SKIPPED = [frozenset(c) for n in (1, 2, 3) for c in itertools.combinations(range(4), n)]


@pytest.mark.parametrize("hook", ["before_batch", "after_forward", "after_loss"])
@pytest.mark.parametrize("skipped", SKIPPED, ids=lambda s: "".join(map(str, sorted(s))))
def test_a_batch_that_is_skipped_before_its_step_leaves_nothing_in_its_group(
    skipped: frozenset[int], hook: str
) -> None:
    """The groups are those of the batches that are left, whichever were skipped, and where."""

    def skip(name: str, batch: int) -> None:
        if name == hook and batch in skipped:
            raise SkipBatch

    left = [one for number, one in enumerate(batches()) if number not in skipped]
    parted, whole = Run(batches(), skip, accumulate=2), Run(grouped(left, 2))
    assert len(parted.gradients) == len(whole.gradients)
    for one, other in zip(parted.gradients, whole.gradients, strict=True):
        assert_same(one, other)
    assert_same(parted.weights, whole.weights)
    assert parted.state.progress.batches_done == 5


@pytest.mark.parametrize("hook", ["after_forward", "after_loss"])
def test_a_skip_in_the_second_part_of_a_batch_drops_its_first_part_too(hook: str) -> None:
    count = [0]

    def skip(name: str, batch: int) -> None:
        if name == hook and batch == 1:
            count[0] += 1
            if count[0] == 2:
                raise SkipBatch

    left = [one for number, one in enumerate(batches()) if number != 1]
    parted = Run(batches(), skip, accumulate=2, micro_batch=2)
    whole = Run(grouped(left, 2))
    assert count[0] == 2
    for one, other in zip(parted.gradients, whole.gradients, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_skip_in_before_step_drops_its_group_and_the_next_one_is_whole(precision: str) -> None:
    steps = [0]

    def skip(name: str, batch: int) -> None:
        if name == "before_step":
            steps[0] += 1
            if steps[0] == 1:
                raise SkipBatch

    def made() -> Any:
        return Fp16("cpu") if precision == "fp16" else Plain("fp32", "cpu")

    given = [Loaded(Batch(b.batch.x.float(), b.batch.y), b.indices) for b in batches()]
    one = Run(given, skip, model=net().float(), precision=made(), accumulate=2)
    other = Run(given[2:], model=net().float(), precision=made(), accumulate=2)
    assert one.events == "BsBBstBstB"
    assert_same(one.weights, other.weights, atol=0)
    assert one.state.progress.steps_done == 2


def test_without_its_last_batch_an_open_group_makes_no_step_and_is_gone() -> None:
    """Hooks of a step read the batch's loss, and a batch that is skipped has none."""

    def skip(name: str, batch: int) -> None:
        if name == "before_batch" and batch == 4:
            raise SkipBatch

    run = Run(batches(), skip, accumulate=3)
    assert run.events == "BBstBBB"
    assert all(p.grad is None for p in run.model.parameters())
    assert (run.runner.group.batches, run.runner.group.samples) == (0, 0)


def test_a_stop_steps_on_what_the_group_has() -> None:
    def stop(name: str, batch: int) -> None:
        if name == "after_loss" and batch == 1:
            run_state[0].stop("enough")

    run_state: list[State] = []

    class Early(Run):
        def call(self, hook: str) -> None:
            run_state[:] = [self.state]
            super().call(hook)

    run = Early(batches(), stop, accumulate=4)
    whole = Run(grouped(batches()[:2], 2))
    assert run.events == "BstB"
    assert_same(run.gradients[0], whole.gradients[0])


def test_the_step_of_lbfgs_computes_its_batch_again() -> None:
    calls = [0]

    class Counted(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            calls[0] += 1
            return super().forward(x)

    def lbfgs(groups: Any) -> torch.optim.Optimizer:
        return torch.optim.LBFGS([p for g in groups for p in g["params"]], lr=0.1, max_iter=4)

    Run(batches()[:1], model=Counted(3, 2).double(), optimizer=lbfgs)
    assert 1 < calls[0] <= 1 + 5


def test_random_numbers_of_a_batch_follow_from_its_number() -> None:
    drawn: list[float] = []

    class Noisy(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            drawn.append(torch.rand(()).item())
            return super().forward(x)

    with torch.random.fork_rng(devices=[]):
        Run(batches(), model=Noisy(3, 2).double(), seed=3)
        Run(batches(), model=Noisy(3, 2).double(), seed=3)
    assert drawn[:5] == drawn[5:]
    assert len(set(drawn)) == 5


def test_a_batch_of_validation_trains_nothing() -> None:
    run = Run(batches()[:1])
    before = run.weights
    run.state.open_phase(Phase.VALID, batches=1)
    run.model.eval()
    run.runner.open_phase(Loader(), n_repeating=0)  # type: ignore[arg-type]
    with torch.no_grad():
        run.runner.run(batches()[1], True)
    run.runner.close_phase()
    assert run.state.progress.batches_seen == 1
    assert_same(before, run.weights, atol=0)
