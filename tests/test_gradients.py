"""GradientGroup: what a batch leaves in its group, and what one that fails leaves: nothing."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from learnkit.gradients import GradientGroup


class Two(nn.Module):
    """Two weights, of which a batch may use either."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.zeros(2, dtype=torch.float64))
        self.b = nn.Parameter(torch.zeros(3, dtype=torch.float64))


@pytest.fixture
def model() -> Two:
    return Two()


@pytest.fixture
def group(model: Two) -> GradientGroup:
    return group_of(model)


def group_of(model: Two) -> GradientGroup:
    return GradientGroup(torch.optim.SGD([{"params": [model.a]}, {"params": [model.b]}], lr=0.1))


def backward(parameter: nn.Parameter, value: float) -> None:
    """Add ``value`` to each number of the gradient."""
    (parameter * value).sum().backward()  # type: ignore[no-untyped-call, unused-ignore]


def found(model: Two) -> list[list[float] | None]:
    return [None if p.grad is None else p.grad.tolist() for p in (model.a, model.b)]


def test_batches_of_a_group_add_up(model: Two, group: GradientGroup) -> None:
    for value, samples in ((1.0, 4), (2.0, 3)):
        group.open()
        backward(model.a, value)
        group.close(samples)
    assert found(model) == [[3.0, 3.0], None]
    assert (group.batches, group.samples) == (2, 7)


def test_an_open_batch_sees_its_own_gradients_alone(model: Two, group: GradientGroup) -> None:
    group.open()
    backward(model.a, 1.0)
    group.close(4)
    group.open()
    assert found(model) == [None, None]
    backward(model.b, 5.0)
    assert found(model) == [None, [5.0] * 3]
    group.close(4)
    assert found(model) == [[1.0, 1.0], [5.0] * 3]


@pytest.mark.parametrize("earlier", [0, 1, 2])
def test_a_batch_that_is_given_up_leaves_the_group_as_it_was(
    model: Two, group: GradientGroup, earlier: int
) -> None:
    for _ in range(earlier):
        group.open()
        backward(model.a, 1.0)
        group.close(4)
    before = found(model)
    group.open()
    backward(model.a, 9.0)
    backward(model.b, torch.nan)
    group.give_up()
    assert found(model) == before
    assert (group.batches, group.samples) == (earlier, 4 * earlier)
    group.open()
    backward(model.a, 1.0)
    group.close(4)
    assert found(model) == [[earlier + 1.0] * 2, None]


def test_an_attempt_that_is_undone_is_made_again(model: Two, group: GradientGroup) -> None:
    group.open()
    backward(model.a, 1.0)
    group.close(2)
    group.open()
    backward(model.a, 9.0)
    group.undo()
    backward(model.a, 2.0)
    group.close(2)
    assert found(model) == [[3.0, 3.0], None]
    assert (group.batches, group.samples) == (2, 4)


def test_nothing_is_undone_or_given_up_between_batches(model: Two, group: GradientGroup) -> None:
    group.open()
    backward(model.a, 1.0)
    group.close(2)
    group.undo()
    group.give_up()
    assert found(model) == [[1.0, 1.0], None]


def test_the_mean_is_over_the_samples_that_the_group_has(model: Two, group: GradientGroup) -> None:
    """Batches of 4 and 2 samples; the loss of each counts in units of 4."""
    for mean, samples in ((3.0, 4), (6.0, 2)):
        group.open()
        backward(model.a, mean * samples / 4)
        group.close(samples)
    group.average(4)
    assert found(model) == [[pytest.approx((3.0 * 4 + 6.0 * 2) / 6)] * 2, None]


def test_a_dropped_group_has_no_gradients(model: Two, group: GradientGroup) -> None:
    group.open()
    backward(model.a, 1.0)
    group.close(2)
    group.open()
    backward(model.b, 1.0)
    group.drop()
    assert found(model) == [None, None]
    assert (group.batches, group.samples) == (0, 0)
    group.give_up()
    assert found(model) == [None, None]


BATCHES = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.floats(-8, 8),
        st.sampled_from(["close", "give up", "undo", "drop"]),
        st.integers(1, 5),
    ),
    max_size=8,
)


@given(BATCHES)
def test_a_group_is_the_sum_of_the_batches_that_were_closed(
    batches: list[tuple[str, float, str, int]],
) -> None:
    model = Two()
    group = group_of(model)
    sums: dict[str, Tensor | None] = {"a": None, "b": None}
    samples = 0
    for name, value, end, n in batches:
        parameter = getattr(model, name)
        group.open()
        backward(parameter, value)
        if end == "give up":
            group.give_up()
            continue
        if end == "drop":
            group.drop()
            sums, samples = {"a": None, "b": None}, 0
            continue
        if end == "undo":
            group.undo()
            backward(parameter, value)
        group.close(n)
        added = torch.full_like(parameter, value)
        before = sums[name]
        sums[name] = added if before is None else before + added
        samples += n
    expected = [None if s is None else s.tolist() for s in sums.values()]
    assert found(model) == expected
    assert group.samples == samples
