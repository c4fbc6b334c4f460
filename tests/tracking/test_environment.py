"""What a run says of the machine, and what it keeps to itself."""

import platform
import subprocess
from pathlib import Path

import pytest
import torch

from learnkit.tracking import environment
from learnkit.tracking.environment import environment_text, git_revision
from learnkit.version import __version__


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    done = subprocess.run(
        ["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    try:
        git(folder, "init", "--initial-branch=main")
    except FileNotFoundError:
        pytest.skip("needs git")
    (folder / "train.py").write_text("fit()\n")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "one")
    return folder


def test_versions_machine_and_packages_are_named_and_no_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_TOKEN", "a-secret-word")
    text = environment_text(torch.device("cpu"))
    lines = text.splitlines()
    assert lines[0] == f"python {platform.python_version()} ({platform.python_implementation()})"
    assert f"learnkit {__version__}" in lines
    assert any(line.startswith("device cpu (") for line in lines)
    assert f"numpy=={__import__('numpy').__version__}" in lines
    assert "a-secret-word" not in text
    assert platform.node() == "" or platform.node() not in text


def test_a_commit_its_branch_and_whether_files_were_changed(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    clean = {"commit": commit, "branch": "main", "dirty": False}
    assert git_revision(repository) == clean
    (repository / "notes.txt").write_text("not tracked\n")
    assert git_revision(repository) == clean
    (repository / "train.py").write_text("fit(2)\n")
    assert git_revision(repository) == clean | {"dirty": True}
    git(repository, "checkout", "--detach")
    assert git_revision(repository) == {"commit": commit, "branch": None, "dirty": True}


def test_no_program_that_a_repository_names_is_run(repository: Path, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {touched}\ncat\n")
    program.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(program))
    git(repository, "config", "filter.mine.clean", str(program))
    (repository / ".gitattributes").write_text("*.py filter=mine\n")
    (repository / "train.py").write_text("fit(2)\n")
    found = git_revision(repository)
    assert found is not None
    assert found["dirty"] is True
    assert not touched.exists()


def test_without_git_or_a_repository_there_is_no_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_revision(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert git_revision(tmp_path) is None


def test_a_git_that_hangs_is_not_waited_for(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hangs(*args: object, **options: object) -> None:
        assert options["timeout"] == 5.0
        raise subprocess.TimeoutExpired("git", 5.0)

    monkeypatch.setattr(environment.subprocess, "run", hangs)
    assert git_revision(repository) is None
