"""Look at the batches of any loader: the samples, and what no model can learn from."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from learnkit.data.doctor.finding import Finding, Kind, Sample, counted, some_of
from learnkit.data.items import UNLABELLED
from learnkit.types import BatchLoader, Loaded, batches_of


@dataclass(slots=True)
class Rows:
    """What was seen of all samples, in the order in which they came.

    Attributes:
        samples: part, name and label of each.
        digests: of the inputs of each; None where they are no tensors.
        not_finite: names of samples with NaN or an infinite number in x or y.
        no_class: names of samples whose label is the place of no class, each with the label.
        wide: whether samples are more than rows of numbers, so that no two agree by chance.
    """

    samples: list[Sample] = field(default_factory=list)
    digests: list[str | None] = field(default_factory=list)
    not_finite: list[str] = field(default_factory=list)
    no_class: list[str] = field(default_factory=list)
    wide: bool = False

    def read(self, part: str, loader: BatchLoader, classes: Sequence[str]) -> None:
        """Add all samples of one part."""
        with batches_of(loader) as batches:
            for loaded in batches:
                names = [f"{part} {loader.describe(i)}" for i in loaded.indices.tolist()]
                self._add(part, names, loaded, classes)

    def findings(self, n_classes: int) -> list[Finding]:
        """Return what is wrong with single samples."""
        found = []
        if self.not_finite:
            many = counted(len(self.not_finite), "sample has", "samples have")
            found.append(_error("not finite", self.not_finite, f"{many} NaN or infinity"))
        if self.no_class:
            many = counted(len(self.no_class), "label is", "labels are")
            words = f"{many} outside 0 to {n_classes - 1}"
            found.append(_error("label", self.no_class, words))
        return found

    def _add(self, part: str, names: list[str], loaded: Loaded, classes: Sequence[str]) -> None:
        x: Any = loaded.batch.x
        y: Any = loaded.batch.y
        labels = _labels(y, len(names))
        for name, label in zip(names, labels, strict=True):
            known = label is not None and 0 <= label < len(classes)
            self.samples.append(Sample(part, name, classes[label] if known else None))  # type: ignore[index]
            if classes and label not in (None, UNLABELLED) and not known:
                self.no_class.append(f"{name} ({label})")
        inputs = list(_tensors(x, len(names)))
        self.wide = self.wide or any(t.dim() > 2 for t in inputs)
        self.digests += _digests(inputs, len(names))
        bad = torch.zeros(len(names), dtype=torch.bool)
        for tensor in (*inputs, *_tensors(y, len(names))):
            if tensor.is_floating_point():
                bad |= ~_rows(torch.isfinite(tensor)).all(dim=1)
        self.not_finite += [
            name for name, is_bad in zip(names, bad.tolist(), strict=True) if is_bad
        ]


def _error(kind: Kind, names: list[str], words: str) -> Finding:
    words = f"{words}: {some_of(names)}"
    return Finding(kind=kind, severity="error", files=tuple(names), words=words)


def _labels(y: object, n: int) -> list[int | None]:
    """Return a batch's class numbers; None for targets that are no classes."""
    if isinstance(y, Tensor) and y.shape == (n,) and not (y.is_floating_point() or y.is_complex()):
        return [int(label) for label in y.tolist()]
    return [None] * n


def _tensors(value: object, n: int) -> Iterator[Tensor]:
    """Give the tensors of a nested batch that have a row for each of ``n`` samples."""
    if isinstance(value, Tensor):
        if value.dim() and len(value) == n:
            yield value.detach().cpu()
    elif isinstance(value, dict):
        for key in sorted(value, key=str):
            yield from _tensors(value[key], n)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part, n)


def _digests(inputs: list[Tensor], n: int) -> list[str | None]:
    """Return a digest of each sample's numbers and their shape."""
    if not inputs:
        return [None] * n
    shas = [hashlib.blake2b(digest_size=16) for _ in range(n)]
    for tensor in inputs:
        shape = f"{tensor.dtype} {tuple(tensor.shape[1:])}".encode()
        rows = _rows(tensor).contiguous().view(torch.uint8).numpy()
        for sha, row in zip(shas, rows, strict=True):
            sha.update(shape)
            sha.update(row)
    return [sha.hexdigest() for sha in shas]


def _rows(tensor: Tensor) -> Tensor:
    """Return (B, ...) as (B, K), also where K is 0."""
    return tensor.flatten(1) if tensor.dim() > 1 else tensor[:, None]
