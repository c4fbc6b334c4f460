"""The harness of benchmarks/ counts, tells and skips rightly. Nothing is timed."""

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import __main__ as cli
from benchmarks import gpu, machine, process, runner, summary
from benchmarks.settings import Case, Settings
from benchmarks.workloads import WORKLOADS, Workload


def record(contender, pair, wall, **others):
    return {
        "workload": "step",
        "case": "tiny",
        "contender": contender,
        "pair": pair,
        "wall": wall,
        "cpu": wall,
        **others,
    }


def test_ratio_is_theirs_over_ours_pair_by_pair():
    assert summary.ratios({0: 2.0, 1: 4.0}, {0: 4.0, 1: 4.0}) == [2.0, 1.0]


def test_ratio_leaves_out_a_pair_that_one_did_not_finish():
    assert summary.ratios({0: 2.0, 2: 1.0}, {1: 4.0, 2: 3.0}) == [3.0]


def test_a_row_has_medians_mean_accuracy_and_the_spread_of_ratios():
    ours = [record("learnkit", i, wall, accuracy=a) for i, (wall, a) in enumerate([(1, 0.8)] * 3)]
    theirs = [record("plain", i, wall) for i, wall in enumerate([2, 9, 3])]
    first, second = summary.summarise([*ours, *theirs])
    assert (first["contender"], first["ratio"]) == ("learnkit", 1.0)
    assert first["accuracy"] == pytest.approx(0.8)
    assert second["wall"] == 3
    assert (second["ratio"], second["ratio_min"], second["ratio_max"]) == (3, 2, 9)
    assert second["accuracy"] is None


def test_a_mean_of_accuracies_does_not_hide_a_bad_seed():
    records = [record("learnkit", i, 1, accuracy=a) for i, a in enumerate([0.9, 0.9, 0.3])]
    assert summary.summarise(records)[0]["accuracy"] == pytest.approx(0.7)


def test_details_are_medians_by_name():
    records = [record("plain", i, 1, details={"us": us}) for i, us in enumerate([1, 5, 3])]
    assert summary.summarise(records)[0]["details"] == {"us": 3}


def test_without_learnkit_there_is_no_ratio():
    (row,) = summary.summarise([record("plain", 0, 1.0)])
    assert (row["ratio"], row["ratio_min"], row["ratio_max"]) == (None, None, None)


def test_table_names_a_case_once():
    records = [record("learnkit", 0, 1.0, accuracy=0.5), record("plain", 0, 2.0, peak_rss_mb=9)]
    lines = summary.table(summary.summarise(records)).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["step", "tiny", "learnkit", "1.000", "1.000", "-", "-", "0.5000", "1.00", "1.00..1.00"],
        ["plain", "2.000", "2.000", "9", "-", "-", "2.00", "2.00..2.00"],
    ]
    assert len({len(line) for line in lines}) == 1


def test_settings_travel_through_the_command_line():
    settings = Settings(home="/h", data="/d e", variant="128", seed=2, files=7)
    args = cli.parser().parse_args(["worker", "step", "plain", *settings.flags()])
    assert Settings.of_flags(args) == settings
    assert settings.size == 128


def test_every_workload_has_a_function_for_each_of_its_contenders():
    for name, workload in WORKLOADS.items():
        module = importlib.import_module(f"benchmarks.workloads.{name}")
        for contender in workload.contenders:
            assert callable(getattr(module, f"with_{contender.replace('-', '_')}"))
        assert callable(getattr(module, "prepare", None)) or not workload.prepares


def test_a_peer_that_is_not_installed_is_skipped_by_name(monkeypatch):
    monkeypatch.setattr(machine.importlib.util, "find_spec", lambda name: None)
    taking_part, lines = runner.choose(Workload(), None)
    assert taking_part == ["learnkit", "plain"]
    assert lines == [
        "fastai: skipped, not installed: pip install learnkit[bench]",
        "lightning: skipped, not installed: pip install learnkit[bench]",
    ]


def test_peers_are_chosen_by_name_and_learnkit_always_takes_part():
    assert runner.choose(Workload(), ["plain"]) == (["learnkit", "plain"], [])


def test_an_unknown_workload_is_refused_with_those_that_exist():
    with pytest.raises(argparse.ArgumentTypeError) as error:
        runner._workloads("step,spet")
    assert str(error.value).startswith("no workload spet; there are step, pipeline, frozen,")


def test_a_process_is_measured_with_what_it_started():
    """A parent that sleeps beside a child that holds 64 MiB: the tree has both."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs Linux's /proc")
    child = "b = bytearray(64 << 20); import time; time.sleep(0.4); print('ended')"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    done = process.run([sys.executable, "-c", parent])
    done.check("the parent")
    assert done.out == "ended\n"
    assert done.peak_rss_mb > 64
    assert done.peak_pss_mb > 0
    assert done.wall >= 0.4


def test_a_failed_process_says_what_it_said():
    done = process.run([sys.executable, "-c", "raise SystemExit('no such photo')"])
    with pytest.raises(RuntimeError, match="five failed with code 1:\nno such photo"):
        done.check("five")


def test_descendants_of_a_process_that_ended_are_none():
    assert list(process.descendants(2**22 + 1)) == []
    assert process.rss(2**22 + 1) == process.pss(2**22 + 1) == 0


def test_machine_tells_cores_versions_and_date():
    told = machine.describe(threads=2)
    assert told["cores"] == os.cpu_count()
    assert told["threads"] == 2
    assert torch.__version__.startswith(told["versions"]["torch"])
    assert json.loads(json.dumps(told)) == told


def test_quick_copies_a_few_photos_of_two_classes(photo_folder, tmp_path):
    few = runner._few_photos(photo_folder, tmp_path / "few")
    counts = {str(f.relative_to(few)): len(list(f.iterdir())) for f in few.glob("*/*")}
    assert counts == {"train/blue": 6, "train/green": 6, "valid/blue": 2, "valid/green": 2}


def test_a_run_writes_rows_records_and_failures_as_json(monkeypatch, tmp_path, capsys):
    """Workers are replaced: learnkit reports, the plain loop fails."""

    def start(name, contender, settings, args):
        case = json.dumps({"name": "tiny", "wall": 1.0, "cpu": 2.0})
        code = int(contender == "plain")
        return process.Finished(
            code=code, out=case, err="why", wall=1, cpu=1, peak_rss_mb=3, peak_pss_mb=2
        )

    monkeypatch.setattr(runner, "_start", start)
    out = tmp_path / "results.json"
    flags = ["run", "--only=step", "--peers=plain", "--pairs=2", f"--out={out}"]
    assert cli.main(flags) == 1
    result = json.loads(out.read_text())
    assert [(r["contender"], r["pairs"], r["peak_rss_mb"]) for r in result["rows"]] == [
        ("learnkit", 2, 3)
    ]
    why = "failed with code 1\n  why"
    assert result["failures"] == [f"step, plain, pair {pair}: {why}" for pair in (0, 1)]
    assert "step, plain, pair 0: failed" in capsys.readouterr().out


def test_a_worker_prints_a_line_of_json_for_each_case(monkeypatch, capsys):
    module = importlib.import_module("benchmarks.workloads.step")
    case = Case(name="tiny", wall=1.0, cpu=2.0, accuracy=None, precision="fp32")
    monkeypatch.setattr(module, "with_plain", lambda settings: [case])
    assert cli.main(["worker", "step", "plain", "--home=h", "--data=d"]) == 0
    told = {"name": "tiny", "wall": 1.0, "cpu": 2.0, "precision": "fp32", "details": {}}
    assert json.loads(capsys.readouterr().out) == told


@pytest.mark.parametrize("contender", ["learnkit", "plain"])
def test_step_measures_a_tiny_network(contender):
    module = importlib.import_module("benchmarks.workloads.step")
    settings = Settings(home="", data="", samples=256, batch_size=32)
    (case,) = getattr(module, f"with_{contender}")(settings)
    assert set(case.details) == {"us_per_batch"}
    assert 0 <= case.accuracy <= 1


@pytest.mark.parametrize("contender", ["learnkit", "learnkit_loader", "plain"])
def test_pipeline_counts_every_photo(contender, photo_folder):
    module = importlib.import_module("benchmarks.workloads.pipeline")
    options = {"variant": "32", "batch_size": 6, "workers": 0}
    settings = Settings(home="", data=str(photo_folder), **options)
    first, later = getattr(module, f"with_{contender}")(settings)
    assert (first.name, later.name) == ("first epoch, 32 px", "later epoch, 32 px")
    assert first.details["images"] == later.details["images"] == 18


def test_gpu_loops_train_the_same_batches_on_the_cpu():
    """The three loops run at tiny size; on a GPU the same code is timed."""
    result = gpu.measure("resnet18", torch.device("cpu"), size=32, batch_size=2, steps=2, pairs=1)
    assert result["learnkit_of_learnkit"] == [1.0, 1.0, 1.0]
    assert set(result) == {
        *("arch", "size", "batch_size"),
        *(f"{name}_images_per_s" for name in ("learnkit", "plain", "bound")),
        *(f"learnkit_of_{name}" for name in ("learnkit", "plain", "bound")),
    }


def test_gpu_says_so_without_one(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 0
    assert capsys.readouterr().out == "There is no CUDA device here, so nothing was measured.\n"
