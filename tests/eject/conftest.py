"""Run ejected scripts where learnkit cannot be imported."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

RunScripts = Callable[..., dict[Path, list[str]]]

# each line that a script prints comes with the script's path before it
RUNNER = """
import builtins, pathlib, runpy, sys
sys.modules["learnkit"] = None
count = int(sys.argv[1])
scripts, ARGUMENTS = sys.argv[2 : 2 + count], sys.argv[2 + count :]
for script in scripts:
    before = builtins.print
    sys.argv = [script, *ARGUMENTS]
    builtins.print = lambda *words: before(script, *words, sep="\\t")
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        builtins.print = before
assert not [name for name in sys.modules if name.startswith("learnkit.")]
"""


@pytest.fixture(scope="session")
def run_scripts(tmp_path_factory: pytest.TempPathFactory) -> RunScripts:
    """A function that runs scripts, all with the same arguments, and returns their lines."""

    def run(scripts: Sequence[Path], *arguments: object) -> dict[Path, list[str]]:
        given = [str(len(scripts)), *map(str, (*scripts, *arguments))]
        done = subprocess.run(
            [sys.executable, "-I", "-W", "error", "-c", RUNNER, *given],
            cwd=tmp_path_factory.mktemp("empty"),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        pairs = [line.split("\t", 1) for line in done.stdout.splitlines()]
        return {script: [line for at, line in pairs if at == str(script)] for script in scripts}

    return run
