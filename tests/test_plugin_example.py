"""``examples/plugin`` is installed by pip into a fresh environment, and works there."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = ROOT / "examples" / "plugin"

pytestmark = pytest.mark.slow

USE = """
import sys
from learnkit.testing import tiny_learner
assert "learnkit_sparkle" not in sys.modules
tiny_learner(metrics="glow").fit(5, callbacks=["sparkle"], progress=False)
"""


class Fresh:
    """An environment that has what this one has, and the plug-in."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.source = folder / "env", folder / "plugin"
        # the build leaves things beside the code
        shutil.copytree(PLUGIN, self.source, ignore=shutil.ignore_patterns("__pycache__"))
        venv.create(self.folder, with_pip=False)
        places = {key: sysconfig.get_path(key) for key in ("purelib", "platlib")}
        found = self.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
        lines = [f"import site; site.addsitedir({place!r})" for place in {*places.values()}]
        (Path(found.strip()) / "of_the_tests.pth").write_text("\n".join([*lines, str(ROOT), ""]))

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin") / "python"

    def run(self, *words: str) -> str:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHON", "COV"))}
        env |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run(
            [self.python, *words],
            cwd=self.folder.parent,
            env=env,
            check=False,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    made = Fresh(tmp_path_factory.mktemp("fresh"))
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    words = ["-m", "pip", "--python", str(made.python), "install", "--quiet", *options]
    # by this environment's pip, which the fresh one need not have
    done = subprocess.run(
        [sys.executable, *words, str(made.source)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_its_own_tests_pass(fresh: Fresh) -> None:
    words = ("-p", "no:cacheprovider", "-p", "no:xdist", "-W", "error")
    ignored = ("-W", "ignore:There are fewer training samples")
    tests = str(fresh.source / "tests")
    printed = fresh.run("-m", "pytest", "-q", *words, *ignored, "--rootdir", tests, tests)
    assert "9 passed" in printed


def test_it_is_listed_with_where_it_comes_from(fresh: Fresh) -> None:
    listed = json.loads(fresh.run("-m", "learnkit.cli", "plugins", "--json"))
    ours = [row for row in listed if row["package"] == "learnkit-sparkle"]
    assert ours == [
        {
            "group": f"learnkit.{group}",
            "name": name,
            "object": f"learnkit_sparkle.{name}:{thing}",
            "package": "learnkit-sparkle",
            "version": "0.1.0",
        }
        for group, name, thing in (
            ("backbones", "tinynet", "tinynet"),
            ("callbacks", "sparkle", "Sparkle"),
            ("metrics", "glow", "glow"),
        )
    ]


def test_it_is_used_by_its_name(fresh: Fresh) -> None:
    lines = fresh.run("-c", USE).splitlines()
    assert [line.split(":")[0] for line in lines] == [f"epoch {n}" for n in range(1, 6)]


def test_the_environment_of_the_tests_does_not_have_it() -> None:
    words = [sys.executable, "-c", "import learnkit_sparkle"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=ROOT)
    assert "No module named 'learnkit_sparkle'" in done.stderr
