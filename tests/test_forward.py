"""BatchRunner: one batch from the loader to its loss, without a loop around it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from learnkit.data.batch import BatchPipeline
from learnkit.errors import ModelError, StateError
from learnkit.forward import BatchRunner, Parts, full
from learnkit.metrics import accuracy, as_metrics
from learnkit.precision import Plain
from learnkit.state import Phase, SkipBatch, State
from learnkit.tasks import Supervised
from learnkit.types import Batch, Loaded

CPU = torch.device("cpu")


def make_parts(model: nn.Module, **options: Any) -> Parts:
    return Parts(
        state=State(model, device=CPU),
        task=Supervised(functional.cross_entropy, ("no", "yes")),
        precision=Plain("fp32", "cpu"),
        pipeline=BatchPipeline(CPU),
        metrics=as_metrics(accuracy),
        **options,
    )


def loaded(n: int, *, width: int = 3, seed: int = 0) -> Loaded:
    drawn = torch.Generator().manual_seed(seed)
    x = torch.randn(n, width, generator=drawn)
    return Loaded(Batch(x, torch.randint(0, 2, (n,), generator=drawn)), np.arange(n))


def validate(
    parts: Parts, batches: list[Loaded], act: Callable[[str], None] = lambda hook: None
) -> list[str]:
    """Run batches of validation, and return the events."""
    events: list[str] = []

    def call(hook: str) -> None:
        events.append(hook)
        act(hook)

    runner = BatchRunner(parts, call)
    parts.state.open_phase(Phase.VALID, batches=len(batches))
    runner.open_phase(None, n_repeating=0)  # type: ignore[arg-type]
    with torch.no_grad():
        for number, batch in enumerate(batches, 1):
            runner.run(batch, number == len(batches))
    runner.close_phase()
    return events


def test_a_batch_of_validation_has_a_loss_and_counts_in_the_metrics() -> None:
    model, batch = nn.Linear(3, 2), loaded(5)
    parts = make_parts(model)
    assert validate(parts, [batch]) == [
        "before_batch",
        "after_forward",
        "after_loss",
        "after_batch",
    ]
    expected = functional.cross_entropy(model(batch.batch.x), batch.batch.y)
    assert parts.state.loss_so_far == expected
    right = (model(batch.batch.x).argmax(1) == batch.batch.y).float().mean()
    assert parts.metrics[0].compute() == pytest.approx(float(right))
    assert parts.state.progress.batches_done == 1


@pytest.mark.parametrize("hook", ["before_batch", "after_forward", "after_loss"])
@pytest.mark.parametrize("micro", [None, 2])
def test_a_skipped_batch_counts_nowhere(hook: str, micro: int | None) -> None:
    model, batches = nn.Linear(3, 2), [loaded(5), loaded(4, seed=1)]
    skipped: list[str] = []

    def skip_the_first(name: str) -> None:
        if name == hook and not skipped:
            skipped.append(name)
            raise SkipBatch

    parts, alone = make_parts(model, micro_batch=micro), make_parts(model, micro_batch=micro)
    validate(parts, batches, skip_the_first)
    validate(alone, batches[1:])
    assert skipped == [hook]
    assert parts.state.progress.batches_done == 2
    assert parts.state.loss_so_far == alone.state.loss_so_far
    assert parts.metrics[0].compute() == alone.metrics[0].compute()


def test_after_the_batch_its_windows_are_closed() -> None:
    parts = make_parts(nn.Linear(3, 2))
    validate(parts, [loaded(5)])
    for field in ("batch", "indices", "preds", "loss"):
        with pytest.raises(StateError):
            getattr(parts.state, field)


def test_the_first_batch_of_a_phase_is_checked() -> None:
    with pytest.raises(ModelError) as caught:
        validate(make_parts(nn.Linear(3, 7)), [loaded(5)])
    assert str(caught.value) == (
        "the model's output has width 7, but the data has 2 classes (no, yes). "
        "Give the last layer 2 outputs."
    )


@pytest.mark.parametrize(
    ("x", "note"),
    [
        (torch.zeros(5, 9), "The model was given x (5, 9) float32 on cpu."),
        ({"photo": torch.zeros(5, 9)}, "The model was given a dict."),
    ],
)
def test_an_error_of_the_model_says_what_it_was_given(x: Any, note: str) -> None:
    class Broken(nn.Module):
        def forward(self, x: object) -> Tensor:
            raise ZeroDivisionError

    class AsGiven(BatchPipeline):
        def prepare(self, loaded: Loaded, *, keys: Any) -> Batch:
            return loaded.batch

    parts = make_parts(Broken())
    given = Parts(
        state=parts.state, task=parts.task, precision=parts.precision, pipeline=AsGiven(CPU)
    )
    with pytest.raises(ZeroDivisionError) as caught:
        validate(given, [Loaded(Batch(x, torch.zeros(5)), np.arange(5))])
    assert caught.value.__notes__ == [note]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_losses_and_metrics_are_computed_in_fp32_or_more(
    given: torch.dtype, expected: torch.dtype
) -> None:
    assert full(torch.ones(2, dtype=given)).dtype is expected


def test_what_is_no_tensor_is_left_for_the_check() -> None:
    assert full([1.0]) == [1.0]  # type: ignore[arg-type, comparison-overlap]
