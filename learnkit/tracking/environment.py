"""Where a run was computed: versions, machine, git revision. No variables, paths or host names."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Final, TypeAlias

import torch

from learnkit.device import device_words
from learnkit.version import __version__

Git: TypeAlias = dict[str, str | bool | None]

_SECONDS: Final = 5.0  # that git may take
# Reads no attributes of the tree, so that no filter program of a repository is run.
_NO_ATTRIBUTES: Final = {"GIT_ATTR_SOURCE": "4b825dc642cb6eb9a060e54bf8d69288fbee4904"}


def environment_text(device: torch.device) -> str:
    """Return a page on the machine and on every installed package, one ``name==version`` a line."""
    packages = {
        f"{found.metadata['Name']}=={found.version}"
        for found in metadata.distributions()
        if found.metadata["Name"]
    }
    lines = [
        f"python {platform.python_version()} ({platform.python_implementation()})",
        f"torch {torch.__version__}, CUDA {torch.version.cuda or 'none'}",
        f"learnkit {__version__}",
        f"{platform.system()} {platform.release()} {platform.machine()}",
        f"{os.cpu_count()} CPU cores, {torch.get_num_threads()} threads",
        f"device {device_words(device)}",
        "",
        *sorted(packages, key=str.casefold),
    ]
    return "\n".join(lines) + "\n"


def git_revision(folder: Path) -> Git | None:
    """Return the commit that ``folder`` is at, and whether tracked files were changed since.

    Asks git with its hooks, monitors and filters off, for five seconds at most.

    Returns:
        ``commit``, ``branch`` (None when detached) and ``dirty`` (None when git did not say); None
        without git, outside a repository, or before its first commit.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {
        "commit": commit,
        "branch": _git(folder, "symbolic-ref", "--short", "--quiet", "HEAD") or None,
        "dirty": None if changed is None else bool(changed),
    }


def _git(folder: Path, *words: str) -> str | None:
    """Return what git prints, None when it fails."""
    options = ["-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}"]
    try:
        done = subprocess.run(
            ["git", *options, *words],
            cwd=folder,
            env={**os.environ, **_NO_ATTRIBUTES, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip()
