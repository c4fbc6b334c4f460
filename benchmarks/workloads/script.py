"""The whole script as a process, from its start to its end, with each contender's own defaults."""

import sys
from functools import partial
from pathlib import Path

from benchmarks.process import run
from benchmarks.settings import Case, Settings
from benchmarks.workloads.epoch import prepare as prepare

SCRIPTS = Path(__file__).parents[1] / "scripts"


def _measured(name: str, settings: Settings) -> list[Case]:
    words = (settings.data, settings.backbone, settings.epochs, settings.size, settings.seed)
    script = str(SCRIPTS / f"five_lines_{name}.py")
    done = run([sys.executable, script, *map(str, words), str(settings.batch_size)])
    done.check(script)
    case = f"fit({settings.epochs}), {settings.size} px"
    return [Case.of(case, done, accuracy=float(done.out.split()[-1]), **done.memory())]


with_learnkit = partial(_measured, "learnkit")
with_plain = partial(_measured, "plain")
with_fastai = partial(_measured, "fastai")
with_lightning = partial(_measured, "lightning")
