"""Everything trains; ``learnkit-bn`` trains the body's BatchNorm too, as the others do."""

from functools import partial

from benchmarks.workloads import epoch
from benchmarks.workloads.epoch import prepare as prepare

ALIKE = {"lr": 1e-4, "frozen": False}

with_learnkit = partial(epoch.learnkit, **ALIKE)
with_learnkit_bn = partial(epoch.learnkit, **ALIKE, train_bn=True)
with_plain = partial(epoch.plain, **ALIKE)
with_fastai = partial(epoch.fastai, **ALIKE)
with_lightning = partial(epoch.lightning, **ALIKE)
