"""Checkpoints that are changed on the disk: no change of any byte is ever loaded without a word.

All of it on one tiny fit of a few steps, whose checkpoint has some thousand bytes.
"""

import random
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import torch

from benchmarks.faults_outcome import digest
from learnkit import models
from learnkit.errors import CheckpointError
from learnkit.files import remove
from learnkit.runs.checkpoints import Checkpoints
from learnkit.runs.folder import RunFolder
from learnkit.vision import DataBunch, Learner

CUTS: Final = 50  # places at which each file is cut off
BITS: Final = tuple(1 << bit for bit in range(8))

Change: TypeAlias = Callable[[Path], object]
Damage: TypeAlias = tuple[str, Change]  # what is done, and to a checkpoint


@dataclass
class DamageTally:
    """What came of changed checkpoints.

    Attributes:
        size: bytes of the checkpoint.
        changes: how many there were, by kind.
        noticed: how many were refused, or passed over with a warning for the checkpoint before.
        resumed: fits that went on from there to the same bits.
        failures: what went wrong, in words.
    """

    size: int = 0
    changes: dict[str, int] = field(default_factory=dict)
    noticed: int = 0
    resumed: int = 0
    failures: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        return dict(vars(self))


def tiny_learner() -> Learner:
    """Return one linear layer, to be trained on eight samples in batches of three."""
    x = torch.arange(16.0).reshape(8, 2).remainder(5.0)
    data = DataBunch.from_arrays(x, (x[:, 0] > 2).long(), valid=(x, x[:, 0].long() % 2), bs=3)
    return Learner(data, models.linear(2, 2), device="cpu", precision="fp32")


class Tiny:
    """A fit of `tiny_learner`, and the checkpoints that it left when it was killed.

    Args:
        folder: for its checkpoints.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.expected = self.fit(Checkpoints(folder / "whole"))
        self.runs = RunFolder(folder / "runs")
        self.fit(Checkpoints(self.runs.path, keep=None))
        for name in self.runs.names()[-2:]:  # as if it had been killed before its last epoch's end
            shutil.rmtree(self.runs.path / name)
        *_, self.before, self.newest = self.runs.names()

    @property
    def checkpoint(self) -> Path:
        """The newest checkpoint."""
        return self.runs.path / self.newest

    def fit(self, checkpoint: Checkpoints) -> str:
        """Run the fit, or what is left of it; return the sum of all that it leaves."""
        learn = tiny_learner()
        rows = learn.fit(3, 0.1, checkpoint=checkpoint, every_steps=1, progress=False)
        losses = [(row["train_loss"], row["valid_loss"]) for row in rows]
        return digest([learn.model.state_dict(), learn.optimizer.state_dict(), losses])


def flips(checkpoint: Path, masks: tuple[int, ...]) -> Iterator[Damage]:
    """Give a change of every byte, with each of the masks."""
    for file in sorted(checkpoint.iterdir()):
        for place in range(file.stat().st_size):
            for mask in masks:
                yield f"{file.name}[{place}] ^ {mask:#04x}", _flip(file.name, place, mask)


def flip_of_each(checkpoint: Path) -> Iterator[Damage]:
    """Give one flipped bit in every byte: the first bit of the first, the second of the second."""
    for number, (words, change) in enumerate(flips(checkpoint, BITS)):
        if number % 8 == number // 8 % 8:
            yield words, change


def cuts(checkpoint: Path) -> Iterator[Damage]:
    """Give every file cut off at many places."""
    for file in sorted(checkpoint.iterdir()):
        size = file.stat().st_size
        for length in sorted({size * cut // CUTS for cut in range(CUTS)}):
            yield f"{file.name} cut to {length} of {size}", _cut(file.name, length)


def rearranged(checkpoint: Path, other: Path) -> Iterator[Damage]:
    """Give files that are deleted, made longer, and swapped among themselves and with ``other``."""
    names = sorted(file.name for file in checkpoint.iterdir())
    for name in names:
        yield f"{name} deleted", _deleted(name)
        yield f"{name} made longer", _longer(name, b"\0")
        yield f"{name} twice", _longer(name, (checkpoint / name).read_bytes())
        yield f"{name} is a folder", _folder_of(name)
        yield f"{name} from {other.name}", _taken(name, other / name)
        for source in names:
            if source != name:
                yield f"{name} from {source}", _taken(name, checkpoint / source)
    yield "all deleted", _emptied
    yield f"all from {other.name}", lambda folder: _all_of(folder, other)
    yield "a file in its place", _file_instead


def refuses(tiny: Tiny, damage: Damage) -> str:
    """Flip bits of the newest checkpoint, read it, flip them back; return what is wrong."""
    words, flip = damage
    flip(tiny.checkpoint)
    try:
        tiny.runs.read(tiny.newest)
    except CheckpointError:
        return ""
    finally:
        flip(tiny.checkpoint)
    return f"{words}: it was loaded"


def passes_over(tiny: Tiny, damage: Damage) -> str:
    """Flip bits of the newest checkpoint, read the folder, flip them back; return what is wrong."""
    words, flip = damage
    flip(tiny.checkpoint)
    try:
        return _of_folder(tiny, words)
    finally:
        flip(tiny.checkpoint)


def notices(tiny: Tiny, damage: Damage) -> str:
    """Do the same with any damage."""
    words, change = damage
    kept = tiny.folder / "kept"
    if not kept.exists():
        shutil.copytree(tiny.checkpoint, kept)
    change(tiny.checkpoint)
    try:
        return _of_folder(tiny, words)
    finally:
        remove(tiny.checkpoint)
        shutil.copytree(kept, tiny.checkpoint)


def _of_folder(tiny: Tiny, words: str) -> str:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = tiny.runs.newest()
    if found is None or found.source.name != tiny.before:
        return f"{words}: {found and found.source.name} was loaded"
    if len(told) != 1 or str(tiny.checkpoint) not in str(told[0].message):
        return f"{words}: {[str(one.message) for one in told]} was said"
    return ""


def resumes(tiny: Tiny, damage: Damage) -> str:
    """Damage a copy of all, go on with the fit; return what is wrong with its end."""
    words, change = damage
    copy = tiny.folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(tiny.runs.path, copy)
    change(copy / tiny.newest)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        ended = tiny.fit(Checkpoints(copy, keep=None))
    if ended != tiny.expected:
        return f"{words}: the fit ended with other bits"
    if len(told) != 1 or tiny.newest not in str(told[0].message):
        return f"{words}: {[str(one.message) for one in told]} was said"
    return ""


def damage_all(folder: Path, rng: random.Random, *, resumed: int) -> DamageTally:
    """Do all of it; go on with ``resumed`` fits after changes that are drawn."""
    tiny, tally = Tiny(folder), DamageTally()
    checkpoint, other = tiny.checkpoint, tiny.runs.path / tiny.before
    tally.size = sum(file.stat().st_size for file in checkpoint.iterdir())
    kinds: dict[str, tuple[Callable[[Tiny, Damage], str], list[Damage]]] = {
        "every bit of every byte": (refuses, list(flips(checkpoint, BITS))),
        "every byte to its complement": (refuses, list(flips(checkpoint, (0xFF,)))),
        "one bit of every byte, the folder read": (passes_over, list(flip_of_each(checkpoint))),
        "cut off": (notices, list(cuts(checkpoint))),
        "deleted, longer, swapped": (notices, list(rearranged(checkpoint, other))),
    }
    for kind, (check, changes) in kinds.items():
        tally.changes[kind] = len(changes)
        wrong = [problem for change in changes if (problem := check(tiny, change))]
        tally.noticed += len(changes) - len(wrong)
        tally.failures += wrong
    every = [change for _, changes in kinds.values() for change in changes]
    wrong = [p for change in rng.sample(every, resumed) if (p := resumes(tiny, change))]
    tally.resumed = resumed - len(wrong)
    tally.failures += wrong
    return tally


def _flip(name: str, place: int, mask: int) -> Change:
    def change(folder: Path) -> None:
        with (folder / name).open("r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ mask]))

    return change


def _cut(name: str, length: int) -> Change:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:length])


def _longer(name: str, data: bytes) -> Change:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes() + data)


def _taken(name: str, source: Path) -> Change:
    data = source.read_bytes()
    return lambda folder: (folder / name).write_bytes(data)


def _deleted(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def _emptied(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def _folder_of(name: str) -> Change:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return change


def _all_of(folder: Path, other: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


def _file_instead(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"")
