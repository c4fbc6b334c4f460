"""LabelWatch: batches of one class alone, and classes that training never sees."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from learnkit.sanity.labels import LabelWatch

PREDS = torch.zeros(1, 4)
CLASSES = ("ash", "birch", "cedar", "dogwood")


def add(
    watch: LabelWatch,
    batches: Iterable[Sequence[int]],
    *,
    train: bool = True,
    order: Sequence[int] | None = None,
) -> LabelWatch:
    """Show batches of labels; ``order`` gives each sample's place in the dataset."""
    first = 0
    for number, labels in enumerate(batches):
        indices = np.arange(first, first + len(labels))
        places = indices if order is None else np.asarray(order)[indices]
        watch.add(number, torch.tensor(labels, dtype=torch.long), PREDS, places)
        first += len(labels)
    watch.fold(train=train)
    return watch


def made(batch_size: int = 32, names: Sequence[str] = CLASSES) -> LabelWatch:
    watch = LabelWatch(names)
    watch.batch_size = batch_size
    return watch


def cut(labels: Sequence[int], size: int = 32) -> list[list[int]]:
    return [list(labels[i : i + size]) for i in range(0, len(labels), size)]


def drawn(n: int, shares: Sequence[float], seed: int = 0) -> list[int]:
    chosen = np.random.default_rng(seed).choice(len(shares), n, p=shares)
    return [int(label) for label in chosen]


def alone(number: int, size: int, name: str, batches: str, classes: int) -> str:
    return (
        f"training batch {number} holds {size} samples of class {name} alone, as do {batches} "
        f"batches, though {classes} classes come in training. The model forgets one class while it "
        "sees the next: shuffle the training samples, as DataLoader(..., shuffle=True) does."
    )


def unseen(found: str) -> str:
    return (
        f"validation has samples of a class that training has none of: {found}. A model cannot "
        "learn what it never sees. Put samples of each class on both sides, such as by "
        "stratified=True, or take the class out."
    )


def test_class_after_class_is_found() -> None:
    labels = sorted(drawn(400, [0.3, 0.3, 0.4]))
    assert add(made(), cut(labels)).constant() == alone(0, 32, "'ash'", "10 of 12", 3)


def test_without_names_classes_go_by_number() -> None:
    labels = [1] * 40 + [0] * 40
    assert add(made(names=()), cut(labels, 40)).constant() == alone(0, 40, "1", "2 of 2", 2)


@pytest.mark.parametrize(("lone", "fires"), [(0, False), (40, False), (80, True)])
def test_small_batches_need_to_be_many(lone: int, fires: bool) -> None:
    """By chance 31 of 250 batches of four are of one class."""
    batches = cut([0, 1] * 340, 4) + [[n % 2] * 4 for n in range(lone)]
    assert (add(made(), batches).constant() is not None) is fires


def test_one_large_batch_of_one_class_is_enough() -> None:
    batches = [*cut([0, 1] * 320, 64), [1] * 64]
    assert add(made(), batches).constant() == alone(10, 64, "'birch'", "1 of 11", 2)


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.95, 0.05], [0.999, 0.001], [1.0]])
@pytest.mark.parametrize("size", [1, 2, 8, 64])
def test_shuffled_classes_are_none_however_rare(shares: list[float], size: int) -> None:
    for seed in range(5):
        assert add(made(), cut(drawn(640, shares, seed), size)).constant() is None


def test_a_small_last_batch_may_be_of_one_class() -> None:
    labels = [0, 1] * 16 + [1, 1]
    assert add(made(), cut(labels)).constant() is None


def test_data_of_one_class_alone_is_none() -> None:
    assert add(made(), cut([2] * 320)).constant() is None
    assert made().constant() is None


@pytest.mark.parametrize(
    ("y", "preds"),
    [
        (torch.zeros(32), PREDS),  # values
        (torch.zeros(32, 4), PREDS),  # a probability of each class
        (torch.zeros(32, 5, dtype=torch.long), PREDS),  # a class of each pixel
        (torch.zeros(32, dtype=torch.long), torch.zeros(32)),  # counts
        (torch.zeros(32, dtype=torch.long), torch.zeros(32, 1)),
    ],
)
def test_targets_that_are_no_classes_are_passed_over(y: Tensor, preds: Tensor) -> None:
    watch = made()
    for number in range(20):
        watch.add(number, y + (number % 2 if y.dtype == torch.long else 0), preds, np.arange(32))
    watch.fold(train=True)
    assert watch.constant() is None


def test_labels_to_ignore_are_no_class() -> None:
    watch = add(made(), [[-100] * 32, [0, 1] * 16])
    assert watch.constant() is None
    watch = add(made(), [[0, 1] * 16, [0] * 3])
    add(watch, [[-100] * 8, [0]], train=False)
    assert watch.unseen() is None


def test_memory_that_a_loader_uses_again_is_passed_over() -> None:
    watch, y = made(), torch.zeros(32, dtype=torch.long)
    for number in range(4):
        y.fill_(number)
        watch.add(number, y, PREDS, np.arange(32 * number, 32 * number + 32))
    watch.fold(train=True)
    add(watch, [[0, 1, 2, 3]], train=False)
    assert (watch.constant(), watch.unseen()) == (None, None)


def test_an_empty_batch_is_passed_over() -> None:
    assert add(made(), [[], [0, 1] * 16, []]).constant() is None


def test_a_class_of_validation_that_training_has_not_is_found() -> None:
    watch = add(made(), cut(drawn(70, [0.5, 0.5])))
    add(watch, [[0, 1, 3, 3, 2]], train=False)
    assert watch.unseen() == unseen("'cedar' (1 samples) and 'dogwood' (2 samples)")


def test_a_class_that_validation_has_not_is_none() -> None:
    watch = add(made(), cut(drawn(70, [0.5, 0.3, 0.2])))
    add(watch, [[0, 1] * 5], train=False)
    assert watch.unseen() is None


def test_nothing_is_said_where_training_showed_no_classes() -> None:
    assert add(made(), [[0, 1, 2]], train=False).unseen() is None


def test_a_rare_class_may_be_in_what_a_loader_dropped() -> None:
    """96 of 100 samples came, and 4 of 100 in validation are of that class."""
    order = np.random.default_rng(0).permutation(100)
    watch = made()
    for epoch in range(3):
        add(watch, cut([0, 1] * 48), order=order)
        add(watch, [[0, 1] * 48 + [2] * 4], train=False)
        found = watch.unseen()
        assert (found is not None) is (epoch == 2)
        watch.end_epoch()
        assert watch.is_settled is (epoch == 2)
    assert found == unseen("'cedar' (12 samples)")


def test_a_frequent_class_is_hardly_in_what_a_loader_dropped() -> None:
    order = np.random.default_rng(0).permutation(100)
    watch = add(made(), cut([0, 1] * 48), order=order)
    add(watch, [[0, 1] * 20 + [2] * 20], train=False)
    assert watch.unseen() == unseen("'cedar' (20 samples)")


def test_full_batches_in_order_may_have_had_more_behind_them() -> None:
    """As of a DataLoader with drop_last, which does not tell which samples it gives."""
    for n, certain in ((96, False), (95, True)):
        watch = add(made(), cut(([0, 1] * 48)[:n]))
        add(watch, [[0, 1] * 10 + [2]], train=False)
        assert (watch.unseen() is not None) is certain


@pytest.mark.parametrize(
    "order",
    [
        np.random.default_rng(0).permutation(96),  # shuffled, and every sample came
        np.arange(96) % 48,  # some came twice
    ],
)
def test_it_is_certain_where_nothing_can_have_been_left_out(order: Sequence[int]) -> None:
    watch = add(made(), cut([0, 1] * 48), order=order)
    add(watch, [[0, 1] * 10 + [2]], train=False)
    assert watch.unseen() == unseen("'cedar' (1 samples)")
    watch.end_epoch()
    assert watch.is_settled


def test_one_epoch_settles_it_when_every_sample_came() -> None:
    watch = add(made(), cut(drawn(70, [0.5, 0.5])))
    add(watch, [[0, 1]], train=False)
    assert not watch.is_settled
    for _ in range(3):  # epochs of which nobody shows any labels
        watch.end_epoch()
        assert watch.is_settled


def test_an_epoch_that_was_cut_short_begins_anew() -> None:
    watch = add(made(), cut([0, 1] * 20))
    watch.begin_epoch()
    add(watch, cut([0, 1] * 35))
    add(watch, [[2]], train=False)
    assert watch.unseen() == unseen("'cedar' (1 samples)")


def test_what_was_not_counted_can_be_let_go() -> None:
    watch = made()
    watch.add(0, torch.zeros(8, dtype=torch.long), PREDS, np.arange(8))
    watch.let_go()
    watch.fold(train=True)
    assert watch.state_dict() == made().state_dict()


@pytest.mark.parametrize("stop", range(6))
def test_going_on_from_its_state_is_as_if_it_had_never_stopped(stop: int) -> None:
    batches = cut(sorted(drawn(150, [0.5, 0.5])))
    whole: Any = add(made(), batches)
    first, second = made(), made()
    start = 0
    for number, labels in enumerate(batches):
        if number == stop:
            first.fold(train=True)
            second.load_state_dict(json.loads(json.dumps(first.state_dict())))
            first = second
        first.add(number, torch.tensor(labels), PREDS, np.arange(start, start + len(labels)))
        start += len(labels)
    first.fold(train=True)
    assert first.state_dict() == whole.state_dict()
    assert first.constant() == whole.constant() != None  # noqa: E711
