"""The process is killed at every file operation in turn; no file is ever lost or torn."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = '''
"""Fork for each n; the child dies, as by kill -9, at the n-th file operation of a move."""
import errno, hashlib, os, shutil, sys
from dataclasses import replace
from pathlib import Path

from learnkit.data.doctor.folders import check_folder
from learnkit.data.doctor.manifest import read_manifest
from learnkit.data.doctor.options import CheckOptions
from learnkit.data.doctor.quarantine import FOLDER, move_aside
from learnkit.data.doctor.undo import put_back

EVENTS = {"open", "os.link", "os.remove", "os.rename", "os.mkdir", "os.symlink", "shutil.copystat"}
source, place = Path(sys.argv[1]), Path(sys.argv[2])


def sums(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*") if path.is_file()
    }


original = sums(source)
report = check_folder(source, options=CheckOptions(near=None))


def die_at(n):
    seen = 0
    def hook(event, args):
        nonlocal seen
        if event in EVENTS:
            seen += 1
            if seen == n:
                os._exit(9)
    sys.addaudithook(hook)


def check(root, n):
    """Each file is whole in one of its two places, and the list says where to look."""
    found = sums(root)
    runs = [run for run in (root / FOLDER).glob("*") if (run / "manifest.json").exists()]
    entries = [(run, entry) for run in runs for entry in read_manifest(run)]
    for name, digest in original.items():
        places = [root / name] + [run / e.target for run, e in entries if e.source == name]
        whole = [path for path in places if path.exists()]
        assert whole, (n, name, "is lost")
        for path in whole:
            assert found[path.relative_to(root).as_posix()] == digest, (n, path, "is torn")
    for run, entry in entries:
        if entry.state == "aside":
            assert (run / entry.target).exists(), (n, entry)
        if entry.state in ("left", "back"):
            assert (root / entry.source).exists(), (n, entry)
    if runs:
        put_back(root)
        assert original.items() <= sums(root).items(), (n, "is not as it was")


def kill_everywhere(prepared, act):
    """Return at how many instants it was killed."""
    n = 0
    while True:
        n += 1
        root = place / "data"
        shutil.copytree(prepared, root)
        pid = os.fork()
        if not pid:
            die_at(n)
            act(root)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert status in (0, 9), status
        check(root, n)
        shutil.rmtree(root)
        if not status:
            return n - 1


def refuse(self, target):
    raise OSError(errno.EXDEV, "another file system")


for links in (True, False):
    if not links:
        Path.hardlink_to = refuse
    print(kill_everywhere(source, lambda root: move_aside(replace(report, root=root))))
    aside = place / f"aside-{links}"
    shutil.copytree(source, aside)
    move_aside(replace(report, root=aside))
    print(kill_everywhere(aside, put_back))
'''


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_kill_at_any_file_operation_loses_nothing(tmp_path, photos):
    """Of moving aside and of putting back; by hard links, and by copies as between disks."""
    (photos / "train/cat/copy.png").write_bytes((photos / "valid/cat/cat_0.png").read_bytes())
    (photos / "train/dog/empty.jpg").write_bytes(b"")
    for part in ("train", "valid"):  # fewer to copy for each instant
        (photos / part / "cat/cat_1.png").unlink()
        (photos / part / "dog/dog_1.png").unlink()
    (tmp_path / "runs").mkdir()
    script = tmp_path / "kill.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script), str(photos), str(tmp_path / "runs")],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(Path(__file__).resolve().parents[3]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    instants = [int(line) for line in done.stdout.split()]
    assert len(instants) == 4
    assert min(instants) > 15
