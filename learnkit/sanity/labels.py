"""Which classes come in training and in validation, and in which batches. Knows no loader."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from learnkit.randomness import IntArray
from learnkit.sanity.names import few

IMPROBABLE: Final = 1e-6
_EPOCHS: Final = 3  # after so many, a class that did not come is missing, whatever a loader drops


class LabelWatch:
    """Counts the classes of one set of data while it is trained on.

    Labels are kept as they come, on their device, until `fold` reads them.

    Args:
        names: of the classes 0, 1, ...; without them classes go by number.

    Attributes:
        batch_size: of training; a loader may have left out fewer samples than that.
        is_settled: whether there is nothing more to see in this data.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names, self.batch_size = names, 1
        self._pending: list[tuple[int, Tensor, IntArray]] = []
        self._train: Counter[int] = Counter()
        self._valid: Counter[int] = Counter()
        self._batches: Counter[int] = Counter()  # by their size
        # size of a batch -> how many were of one class, and the first one's number and class
        self._alone: dict[int, tuple[int, int, int]] = {}
        self._epochs = 0
        self._seen, self._last, self._highest, self._in_order = 0, -1, -1, True
        self.is_settled = False

    def add(self, number: int, y: Tensor, preds: Tensor, indices: IntArray) -> None:
        """Keep the labels of a batch, if they are classes: int64 (B,) for preds (B, K), K > 1."""
        if y.dtype == torch.int64 and y.ndim == 1 and preds.ndim == 2 and preds.shape[1] > 1:
            self._pending.append((number, y, indices))

    def fold(self, *, train: bool) -> None:
        """Count what was added; this waits for the device."""
        pending = [part for part in self._pending if len(part[1])]
        self._pending = []
        # a loader that writes every batch into the same memory leaves only the last one's labels
        if not pending or len({y.data_ptr() for _, y, _ in pending}) < len(pending):
            return
        labels = torch.cat([y for _, y, _ in pending]).cpu().numpy()
        classes, counts = np.unique(labels[labels >= 0], return_counts=True)
        (self._train if train else self._valid).update(
            dict(zip(classes.tolist(), counts.tolist(), strict=True))
        )
        if train:
            self._note_sizes(labels, pending)
            self._note_places(np.concatenate([indices for _, _, indices in pending]))

    def _note_sizes(
        self, labels: npt.NDArray[np.int64], pending: Sequence[tuple[int, Tensor, IntArray]]
    ) -> None:
        sizes = np.array([len(y) for _, y, _ in pending])
        starts = np.cumsum(sizes) - sizes
        lowest = np.minimum.reduceat(labels, starts)
        alone = (lowest == np.maximum.reduceat(labels, starts)) & (lowest >= 0)
        self._batches.update(sizes.tolist())
        for place in np.flatnonzero(alone).tolist():
            size = int(sizes[place])
            known = self._alone.get(size)
            count, number, label = known or (0, pending[place][0], int(lowest[place]))
            self._alone[size] = count + 1, number, label

    def _note_places(self, indices: IntArray) -> None:
        self._in_order &= bool(indices[0] > self._last) and bool((np.diff(indices) > 0).all())
        self._seen += len(indices)
        self._last, self._highest = int(indices[-1]), max(self._highest, int(indices.max()))

    def constant(self) -> str | None:
        """Say which training batch was of one class alone, if so many are so by no chance."""
        total = self._train.total()
        for size, (count, number, label) in self._alone.items():
            chance = sum((n / total) ** size for n in self._train.values())
            if _at_least(count, chance * self._batches[size]) < IMPROBABLE:
                return (
                    f"training batch {number} holds {size} samples of class {self._name(label)} "
                    f"alone, as do {count} of {self._batches[size]} batches, though "
                    f"{len(self._train)} classes come in training. The model forgets one class "
                    "while it sees the next: shuffle the training samples, as "
                    "DataLoader(..., shuffle=True) does."
                )
        return None

    def let_go(self) -> None:
        """Drop the labels that were not counted."""
        self._pending = []

    def begin_epoch(self) -> None:
        """Forget which samples of an epoch came, as when a fit ended within it."""
        self._seen, self._last, self._highest, self._in_order = 0, -1, -1, True

    def end_epoch(self) -> None:
        """Count an epoch of training and validation, and decide whether one more is needed."""
        if self.is_settled:
            return
        self._epochs += 1
        left_out = self._left_out()
        self.is_settled = not self._valid or not left_out or self._epochs >= _EPOCHS
        self.begin_epoch()

    def unseen(self) -> str | None:
        """Say which classes validation has and training has not; ask before `end_epoch`."""
        if not self._train:
            return None
        missing = sorted(
            label
            for label, count in self._valid.items()
            if label not in self._train and self._is_certain(count)
        )
        if not missing:
            return None
        found = few([f"{self._name(label)} ({self._valid[label]} samples)" for label in missing])
        return (
            f"validation has samples of a class that training has none of: {found}. A model cannot "
            "learn what it never sees. Put samples of each class on both sides, such as by "
            "stratified=True, or take the class out."
        )

    def _is_certain(self, count: int) -> bool:
        """Say whether a class with ``count`` samples in validation is missing by no chance."""
        left_out = self._left_out()
        if not left_out or self._epochs + 1 >= _EPOCHS:
            return True
        expected = self._seen * count / self._valid.total()  # samples of it in training
        chance: float = (left_out / (left_out + self._seen)) ** expected
        return chance < IMPROBABLE

    def _left_out(self) -> int:
        """Return how many samples of training this epoch may have been without."""
        gaps = self._highest + 1 - self._seen
        # places in order may be counted by the batch, not of the dataset, and end before its end
        hidden = self._in_order and self._seen % self.batch_size == 0
        return max(0, gaps) + (self.batch_size - 1 if hidden else 0)

    def _name(self, label: int) -> str:
        return repr(self._names[label]) if label < len(self._names) else str(label)

    def state_dict(self) -> dict[str, Any]:
        """Return the counts, as plain values."""
        return {
            "train": _pairs(self._train),
            "valid": _pairs(self._valid),
            "batches": _pairs(self._batches),
            "alone": [[size, *found] for size, found in sorted(self._alone.items())],
            "numbers": [self._epochs, self._seen, self._last, self._highest],
            "in_order": self._in_order,
            "settled": self.is_settled,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self._pending = []
        self._train, self._valid, self._batches = (
            Counter({int(key): int(count) for key, count in state[name]})
            for name in ("train", "valid", "batches")
        )
        self._alone = {int(a): (int(b), int(c), int(d)) for a, b, c, d in state["alone"]}
        self._epochs, self._seen, self._last, self._highest = map(int, state["numbers"])
        self._in_order, self.is_settled = bool(state["in_order"]), bool(state["settled"])


def _pairs(counts: Counter[int]) -> list[list[int]]:
    return [[key, count] for key, count in sorted(counts.items())]


def _at_least(count: int, expected: float) -> float:
    """Bound the chance of so many events where fewer are expected.

    By Chernoff's inequality for a sum of independent events (Mitzenmacher and Upfal 2005,
    "Probability and Computing", theorem 4.4).
    """
    if count <= expected:
        return 1.0
    return math.exp(count - expected + count * math.log(expected / count))
