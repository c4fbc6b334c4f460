"""Type checkers accept what users write, and reject the near misses."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
USAGE = ROOT / "tests" / "typing_usage.py"

GOOD_HEAD = """\
from typing_extensions import override
from learnkit.vision import Callback, DataBunch, ImageDataBunch, State, accuracy
from learnkit.vision import cnn_learner, models


"""
# what is wrong, the code, and what both checkers' words must hold
REJECTED = {
    "a misspelt hook": (
        "class Mine(Callback):\n"
        "    @override\n"
        "    def befor_fit(self, state: State) -> None: ...\n",
        r"befor_fit|override",
    ),
    "a hook with another argument": (
        "class Mine(Callback):\n    @override\n    def before_fit(self, state: int) -> None: ...\n",
        r"before_fit",
    ),
    "a misspelt backbone": (
        "def make(data: ImageDataBunch) -> None:\n    cnn_learner(data, models.resnet5)\n",
        r"resnet5",
    ),
    "a misspelt keyword": (
        "def make(data: ImageDataBunch) -> None:\n"
        "    cnn_learner(data, models.resnet34, metric=accuracy)\n",
        r'"metric"',
    ),
    "a frozen value that is assigned": (
        "def change(data: DataBunch) -> None:\n    data.seed = 3\n",
        r'"seed"',
    ),
    "a field that does not exist": (
        "def change(data: DataBunch) -> None:\n    data.bs = 3\n",
        r'"bs"',
    ),
    "an unknown precision": (
        "def make(data: ImageDataBunch) -> None:\n"
        '    cnn_learner(data, models.resnet34, precision="fp8")\n',
        r"precision|fp8",
    ),
    "a class in the place of a callback": (
        "def make(data: ImageDataBunch) -> None:\n"
        "    cnn_learner(data, models.resnet34, callbacks=Callback)\n",
        r"callbacks|Callback",
    ),
}


def write_cases(folder: Path) -> dict[str, Path]:
    """Write one file a case, so that each checker starts once and sees all of them."""
    paths = {}
    for number, (name, (code, _)) in enumerate(REJECTED.items()):
        path = folder / f"case_{number}.py"
        path.write_text(GOOD_HEAD + code)
        paths[name] = path
    accepted = folder / "accepted.py"
    accepted.write_text(
        "from learnkit.vision import ImageDataBunch, accuracy, cnn_learner, models\n"
        "def make(data: ImageDataBunch) -> None:\n"
        "    cnn_learner(data, models.resnet34, metrics=accuracy)\n"
    )
    paths["nothing"] = accepted
    return paths


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False
    )


def missed(paths: dict[str, Path], output: str) -> list[str]:
    """Return the cases that no line of a checker's output names as wrong."""
    wrong = []
    for name, (_, words) in REJECTED.items():
        lines = [line for line in output.splitlines() if paths[name].name in line]
        told = [line.partition("error")[2] for line in lines]
        if not any(re.search(words, message) for message in told):
            wrong.append(name)
    return wrong


@pytest.mark.slow
def test_mypy_accepts_what_users_write_and_rejects_the_near_misses(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    paths = write_cases(tmp_path)
    cache = str(ROOT / ".mypy_cache")
    done = run(
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        f"--cache-dir={cache}",
        str(USAGE),
        *map(str, paths.values()),
    )
    assert missed(paths, done.stdout) == [], done.stdout + done.stderr
    others = [line for line in done.stdout.splitlines() if "error:" in line and "case_" not in line]
    assert others == []


@pytest.mark.slow
def test_pyright_accepts_what_users_write_and_rejects_the_near_misses(tmp_path: Path) -> None:
    pyright = shutil.which("pyright", path=str(Path(sys.executable).parent)) or shutil.which(
        "pyright"
    )
    if pyright is None:
        pytest.skip("pyright is not installed")
    done = run(pyright, "--version")
    if done.returncode:
        pytest.skip("pyright is installed but does not start")
    paths = write_cases(tmp_path)
    project = tmp_path / "pyrightconfig.json"
    files = ", ".join(f'"{path}"' for path in [USAGE, *paths.values()])
    project.write_text(f'{{"typeCheckingMode": "strict", "include": [{files}]}}')
    done = run(pyright, "--pythonpath", sys.executable, "--project", str(project))
    assert missed(paths, done.stdout) == [], done.stdout + done.stderr
    others = [line for line in done.stdout.splitlines() if "error:" in line and "case_" not in line]
    assert others == []
