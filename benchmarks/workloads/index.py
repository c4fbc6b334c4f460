"""Listing a folder of many photos with their classes: time, and memory that it adds.

``first`` begins without caches, ``second`` after another process has listed the same folder. The
files are new, so the system's own cache of names is warm for all alike.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.process import MIB, Stopwatch, peak_rss, rss
from benchmarks.settings import Case, Settings

CLASSES = 100
VALID_EVERY = 5


def _folder(settings: Settings) -> Path:
    return Path(settings.home) / "index"


def prepare(settings: Settings) -> None:
    """Make empty files in class folders; four of five for training."""
    for number in range(settings.index_files):
        side = "train" if number // CLASSES % VALID_EVERY else "valid"
        folder = _folder(settings) / side / f"class_{number % CLASSES:03}"
        if number < CLASSES * VALID_EVERY:
            folder.mkdir(parents=True, exist_ok=True)
        (folder / f"photo_{number:06}.jpg").touch()


def _measured(settings: Settings, line: str, list_all: Callable[[Path], Any]) -> list[Case]:
    """Measure ``list_all``; before a second time, run the ``line`` of Python that does the same."""
    folder = _folder(settings)
    if settings.variant == "second":
        subprocess.run([sys.executable, "-c", line, str(folder)], check=True)
    before = rss(os.getpid()) or peak_rss()
    with Stopwatch() as watch:
        kept = list_all(folder)
    growth, peak = (peak_rss() - before) / MIB, round(peak_rss() / MIB, 1)
    memory = {"peak_rss_mb": peak, "peak_pss_mb": peak}  # without the process before
    del kept
    name = f"{settings.index_files} files, {settings.variant}"
    return [Case.of(name, watch, **memory, details={"rss_growth_mb": growth})]


def with_learnkit(settings: Settings) -> list[Case]:
    """Measure ImageDataBunch.from_folder."""
    from learnkit import ImageDataBunch

    line = "import sys, learnkit; learnkit.ImageDataBunch.from_folder(sys.argv[1])"
    return _measured(settings, line, ImageDataBunch.from_folder)


def with_plain(settings: Settings) -> list[Case]:
    """Measure torchvision's ImageFolder, one for each side."""
    from torchvision.datasets import ImageFolder

    def list_all(folder: Path) -> list[ImageFolder]:
        return [ImageFolder(str(folder / side)) for side in ("train", "valid")]

    return _measured(settings, "pass", list_all)  # it keeps nothing


def with_fastai(settings: Settings) -> list[Case]:
    """Measure get_image_files and parent_label."""
    from fastai.vision.all import get_image_files, parent_label

    def list_all(folder: Path) -> tuple[Any, list[str]]:
        files = get_image_files(folder)
        return files, [parent_label(file) for file in files]

    return _measured(settings, "pass", list_all)  # it keeps nothing
