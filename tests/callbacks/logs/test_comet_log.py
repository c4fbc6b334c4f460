"""CometLog: what lies in the archives of an offline experiment.

In a process of its own: comet_ml looks at what is imported, and some of its threads stay.
"""

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("comet_ml") is None, reason="needs the extra comet"
    ),
]

SCRIPT = """
import socket

def connect(self, address):
    raise AssertionError(f"a connection to {address}")

socket.socket.connect = connect

import torch
from torch import nn
from learnkit.callback import Callback
from learnkit.callbacks.logs.comet_log import CometLog
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner

class Fails(Callback):
    looks_on = True
    def after_batch(self, state):
        if state.training and state.progress.batches_seen == 6:
            raise RuntimeError("the power went")

x, y = torch.randn(40, 3), torch.tensor([0, 1] * 20)
def fit(*more):
    torch.manual_seed(0)
    learn = Learner(
        DataBunch.from_arrays(x, y, valid=(x, y), batch_size=6), nn.Linear(3, 2), device="cpu"
    )
    log = CometLog("flowers", name="one", offline=True, path="comet", every=1)
    options = {"checkpoint": "ck", "every_steps": 5, "progress": False}
    learn.fit(2, callbacks=[log, *more], **options)
    return log.run

try:
    fit(Fails())
except RuntimeError:
    print("RUN", fit())
"""


def messages(archive: Path) -> list[dict[str, Any]]:
    with zipfile.ZipFile(archive) as file:
        return [json.loads(line) for line in file.read("messages.json").splitlines()]


def test_a_fit_and_what_goes_on_after_it_lie_in_archives_of_one_experiment(tmp_path: Path) -> None:
    env = {**os.environ, "COMET_ERROR_TRACKING_ENABLE": "false", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    archives = sorted((tmp_path / "comet").glob("*.zip"), key=lambda f: f.stat().st_mtime_ns)
    (run,) = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("RUN")]
    assert [archive.name.partition(".")[0].partition("-")[0] for archive in archives] == [run] * 2
    found = [m for archive in archives for m in messages(archive)]
    metrics = [m["payload"]["metric"] for m in found if m["type"] == "metric_msg"]
    losses = [m["step"] for m in metrics if m["metricName"] == "loss"]
    # batch 6 was computed twice, to the same bits
    assert losses == [*range(1, 7), *range(6, 15)]
    rows = [m["step"] for m in metrics if m["metricName"] == "epoch/valid_loss"]
    assert rows == [7, 14]
    given = json.dumps([m["payload"] for m in found if "param" in m["type"]])
    assert '"Linear"' in given
    others = [m["payload"] for m in found if m["type"] == "log_other"]
    ends = [other["value"] for other in others if other["key"] == "end"]
    assert ends == ["failed RuntimeError: the power went", "finished"]
    kinds = {m["type"] for m in found}
    assert not kinds & {"git_metadata", "installed_packages", "system_details", "stdout", "file"}
