"""A training process that is killed or interrupted, and the bench that does it many times."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import faults
from benchmarks.faults_outcome import digest
from benchmarks.faults_points import label, watched
from learnkit.runs.folder import RunFolder

ROOT = Path(__file__).parents[1]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")


# ---------------------------------------------------------------- a real training process


def bench(folder: Path, *options: str) -> dict[str, Any]:
    """Run the bench as its users do; it says itself what failed."""
    out = folder / "faults.json"
    command = [sys.executable, "-m", "benchmarks.faults", "--out", str(out), *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    found: dict[str, Any] = json.loads(out.read_text())
    return found


@needs_fork
@pytest.mark.slow
def test_a_training_process_that_is_killed_ten_times_ends_with_the_same_bits(
    tmp_path: Path,
) -> None:
    options = ("--only", "kills", "--kills", "10", "--recipes", "photos", "--forked")
    (row,) = bench(tmp_path, *options)["kills"]
    assert (row["shots"], row["identical"], row["failures"]) == (10, 10, [])


@needs_fork
@pytest.mark.slow
def test_a_training_process_that_is_interrupted_is_usable_and_its_checkpoint_whole(
    tmp_path: Path,
) -> None:
    options = ("--only", "signals", "--signals", "6", "--recipes", "frozen", "--forked")
    (row,) = bench(tmp_path, *options)["signals"]
    assert (row["shots"], row["identical"], row["failures"]) == (6, 6, [])


# ---------------------------------------------------------------- the bench itself


def test_shots_are_divided_among_recipes_and_none_is_lost() -> None:
    recipes = list(faults.SHARES)
    assert sum(n for _, n in faults.shared(200, recipes)) == 200
    assert sum(n for _, n in faults.shared(3, recipes)) == 3
    assert faults.shared(10, ["photos"]) == [("photos", 10)]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"identical": 3, "failures": []}, 0),
        ({"identical": 2, "failures": []}, 1),
        ({"identical": 3, "failures": ["life 1: not the same: weights"]}, 1),
    ],
)
def test_the_bench_fails_when_a_bit_differs(
    row: dict[str, Any], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {"shots": 3, "lives": 2, "fresh": 0, "places": {"import": 3}, **row}
    monkeypatch.setattr(faults, "_RUN", {"kills": lambda *args: [whole]})
    for name in faults.ONE_THREAD:
        monkeypatch.setenv(name, "1")
    out = tmp_path / "faults.json"
    assert faults.main(["--only", "kills", "--out", str(out)]) == code
    assert json.loads(out.read_text())["kills"] == [whole]


def test_a_report_says_where_the_kills_were() -> None:
    places = {"save: write half of runs/x": 2, "save: fsync runs/y": 1, "fit: in a batch": 4}
    row = {"shots": 7, "identical": 7, "lives": 3, "fresh": 1, "places": places, "failures": []}
    assert faults.lines({"kills": [row]}) == [
        "kills: 7 of 7 ended bit-identical; 3 fits, 1 fresh",
        "     4 fit: in a batch",
        "     2 in a save, at write",
        "     1 in a save, at fsync",
    ]


def test_a_digest_sees_one_bit_and_not_the_order_of_a_mapping() -> None:
    one = {"a": torch.tensor([1.0, 2.0]), "b": (1, None)}
    assert digest(one) == digest({"b": (1, None), "a": torch.tensor([1.0, 2.0])})
    other = torch.tensor([1.0, 2.0])
    other.view(torch.int32)[1] += 1
    assert digest(one) != digest({"a": other, "b": (1, None)})
    assert digest(one) != digest({"a": torch.tensor([1.0, 2.0]), "b": (1, 0)})


def test_a_point_of_a_save_has_one_name_for_all_checkpoints(tmp_path: Path) -> None:
    names = {
        ".step-00000012.4711.tmp/model.safetensors": "checkpoint.tmp/model.safetensors",
        "step-00000012-epoch-003": "checkpoint",
        "step-00000040-finished": "checkpoint-finished",
        "runs/.best.json.17.tmp": "runs/best.json.tmp",
        ".": ".",
    }
    assert {name: label(tmp_path, tmp_path / name) for name in names} == names


def test_every_call_that_changes_a_disk_is_announced(tmp_path: Path) -> None:
    points: list[str] = []
    with watched(tmp_path, points.append):
        RunFolder(tmp_path / "r").__enter__().__exit__()
        (tmp_path / "f").write_bytes(b"ab")
        (tmp_path / "f").replace(tmp_path / "g")
        shutil.rmtree(tmp_path / "r")
    assert points == [
        *("mkdir r", "create r/.probe", "unlink r/.probe", "fsync .", "create r/.lock"),
        *("open f", "write half of f", "replace f", "unlink r/.lock", "rmdir r"),
    ]
