"""What an import costs: a fresh interpreter that imports and ends, warm."""

import sys
from functools import partial

from benchmarks.process import run
from benchmarks.settings import Case, Settings


def _measured(settings: Settings, **lines: str) -> list[Case]:
    """Measure each line in a process of its own; a run before fills the file cache."""
    cases = []
    for name, line in lines.items():
        run([sys.executable, "-c", line]).check(line)
        done = run([sys.executable, "-c", line])
        cases.append(Case.of(f"import, {name}", done, **done.memory()))
    return cases


with_learnkit = partial(
    _measured, package="import learnkit", vision="from learnkit.vision import *"
)
with_plain = partial(_measured, package="import torch", vision="import torch, torchvision")
with_fastai = partial(
    _measured, package="from fastai.basics import *", vision="from fastai.vision.all import *"
)
with_lightning = partial(
    _measured, package="import lightning", vision="import lightning, torchvision"
)
