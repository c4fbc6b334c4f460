"""What one measurement is told, as flags of a command. Knows no workload and imports no torch."""

import argparse
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol, Self


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of one measurement.

    Attributes:
        home: a folder of this run: weights, exports and generated files.
        data: a folder with ``train`` and ``valid``, each with class folders.
        weights: a file of resnet34's weights; empty for random ones.
        variant: which of a workload's variants; pixels per side in most.
        seed: of the contender's random choices.
        batch_size: samples per batch.
        epochs: of the whole script; of the first epoch's followers in ``pipeline``.
        samples: of the tiny network in ``step``.
        files: that ``predict`` predicts.
        index_files: that ``index`` lists.
        workers: processes of torch's DataLoader, for contenders that use it.
    """

    home: str
    data: str
    weights: str = ""
    variant: str = ""
    seed: int = 0
    batch_size: int = 64
    epochs: int = 5
    samples: int = 32_768
    files: int = 500
    index_files: int = 100_000
    workers: int = 2

    @property
    def size(self) -> int:
        """Pixels per side."""
        return int(self.variant)

    @property
    def backbone(self) -> Path:
        """The weights file that all contenders read, named as torchvision would download it."""
        return Path(self.home) / "torch" / "hub" / "checkpoints" / "resnet34-b627a593.pth"

    def flags(self) -> list[str]:
        """Return the command-line flags that `of_flags` reads back."""
        return [f"--{f.name.replace('_', '-')}={getattr(self, f.name)}" for f in fields(self)]

    @classmethod
    def add_flags(cls, parser: argparse.ArgumentParser) -> None:
        """Give ``parser`` a flag for each option."""
        for option in fields(cls):
            kind = int if option.type is int else str
            required = option.name in ("home", "data")
            flag = f"--{option.name.replace('_', '-')}"
            parser.add_argument(flag, type=kind, required=required, default=option.default)

    @classmethod
    def of_flags(cls, args: argparse.Namespace) -> Self:
        """Return the options that a parser with `add_flags` read."""
        return cls(**{option.name: getattr(args, option.name) for option in fields(cls)})


class Timed(Protocol):
    """Something that took time: a stopwatch, or a process that ended."""

    @property
    def wall(self) -> float:
        """Seconds that passed."""

    @property
    def cpu(self) -> float:
        """Seconds of processor time, of the process and all it started."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What was measured of one thing in one process.

    Attributes:
        name: what was measured, such as ``"first epoch, 224 px"``.
        wall: seconds that passed.
        cpu: seconds of processor time, of the process and all it started.
        accuracy: reached on the validation photos, where there is one.
        precision: that learnkit chose.
        peak_rss_mb: given where the worker knows better than who started it.
        peak_pss_mb: likewise.
        details: more numbers, such as images per second.
    """

    name: str
    wall: float
    cpu: float
    accuracy: float | None = None
    precision: str = ""
    peak_rss_mb: float | None = None
    peak_pss_mb: float | None = None
    details: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, timed: Timed, **others: Any) -> Self:
        """Return a case of what was just timed."""
        return cls(name=name, wall=timed.wall, cpu=timed.cpu, **others)
