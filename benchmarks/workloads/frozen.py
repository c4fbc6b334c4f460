"""A pretrained, frozen body with a new head that trains."""

from functools import partial

from benchmarks.workloads import epoch
from benchmarks.workloads.epoch import prepare as prepare

ALIKE = {"lr": 3e-3, "frozen": True}

with_learnkit = partial(epoch.learnkit, **ALIKE)
with_plain = partial(epoch.plain, **ALIKE)
with_fastai = partial(epoch.fastai, **ALIKE)
with_lightning = partial(epoch.lightning, **ALIKE)
