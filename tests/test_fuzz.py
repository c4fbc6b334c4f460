"""The fuzzer runs, tells the same cases from the same seed, and sees what it is made to see."""

import json
import random
import sys
from pathlib import Path

import pytest

from benchmarks import fuzz
from benchmarks.fuzzing import mutate
from benchmarks.fuzzing.hunt import Tally, hunt
from benchmarks.fuzzing.worker import kind_of

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")

BAD = """
import os, random, sys, time
from benchmarks.fuzzing import worker

class Expected(Exception):
    pass

class Bad:
    documented = (Expected,)
    headroom = 64 << 20

    def make(self, rng):
        return {"number": str(rng.random()).encode()}

    def run(self, case):
        Bad.count = getattr(Bad, "count", -1) + 1
        number = Bad.count + int(sys.argv[1])
        if number == 1: raise Expected("no such file: 12")
        if number == 2: raise KeyError("odd")
        if number == 3: bytes(1 << 30)
        if number == 4:
            try: bytes(1 << 30)
            except MemoryError as error: raise Expected("refused") from error
        if number == 5: os.abort()
        if number == 6: time.sleep(60)
        if number == 7:
            while True: pass

worker.SECONDS = 0.2
worker.serve(Bad(), "bad", 0)
"""


@linux
@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (0, ""),
        (1, "refused: no such file: 0"),
        (2, "KeyError: 'odd'"),
        (3, "MemoryError: "),
        (4, "out of memory: refused"),
        (5, "the process died of SIGABRT"),
        (6, "it hung: nothing for 60 s"),
        (7, "it hung: 10 s of processor time"),
    ],
)
def test_every_way_to_fail_is_seen(number: int, outcome: str, tmp_path: Path) -> None:
    told: dict[int, str] = {}
    tally = hunt(
        [sys.executable, "-c", BAD, str(number)],
        [17],
        seconds=100,
        errors=tmp_path / "log",
        fail=told.__setitem__,
        wait=3.0,
    )
    assert tally.cases == 1
    assert tally.failures == told
    found = told.get(17, "".join(f"refused: {why}" for why in tally.refused))
    assert found == outcome


@linux
def test_the_hunt_goes_on_after_a_process_died(tmp_path: Path) -> None:
    tally = hunt(
        [sys.executable, "-c", BAD, "4"],
        [1, 2, 3],
        seconds=100,
        errors=tmp_path / "log",
        fail=lambda number, why: None,
        wait=3.0,
    )
    assert tally.failures == {
        1: "out of memory: refused",
        2: "the process died of SIGABRT",
        3: "out of memory: refused",
    }


@linux
@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_some_cases_of_each_target_do_no_harm(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that once did are in test_hostile_exports.py and test_decode.py."""
    options = ["--cases", "150", "--seed", "5", "--target", target, "--out", str(tmp_path)]
    assert fuzz.main(options) == 0
    out = capsys.readouterr().out
    assert f"{target}: seed 5\n{target}: 150 cases: " in out
    assert " 0 failed" in out
    assert int(out.partition(" cases: ")[2].partition(" taken")[0]) > 0


def test_a_failure_is_saved_and_says_how_to_run_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(command: list[str], numbers: list[int], **options: object) -> Tally:
        assert numbers == [3]
        assert command[-4:] == ["--target", "images", "--seed", "9"]
        options["fail"](3, "it was made to")  # type: ignore[operator]
        return Tally(failures={3: "it was made to"})

    monkeypatch.setattr(fuzz, "hunt", broken)
    options = ["--target", "images", "--seed", "9", "--case", "3", "--out", str(tmp_path)]
    assert fuzz.main(options) == 1
    out = capsys.readouterr().out
    assert f"case 3 FAILED: it was made to\n    its files are in {tmp_path / 'images-9-3'}" in out
    assert "    python -m benchmarks.fuzz --target images --seed 9 --case 3\n" in out
    assert [path.name for path in (tmp_path / "images-9-3").iterdir()] == ["0.jpg"]


def test_a_case_depends_on_its_seed_and_number_alone(tmp_path: Path) -> None:
    for name in fuzz.TARGETS:
        first, second = (fuzz.target_of(name, tmp_path) for _ in range(2))
        cases = [fuzz.make(first, name, 1, number) for number in range(20)]
        assert [fuzz.make(second, name, 1, number) for number in range(20)] == cases
        assert [fuzz.make(second, name, 2, number) for number in range(20)] != cases


def test_bytes_are_changed_a_little() -> None:
    data = bytes(range(200))
    found = [mutate.changed_bytes(data, random.Random(n), data[::-1]) for n in range(200)]
    assert len(set(found)) > 150
    assert all(len(mutate.changed_bytes(b"", random.Random(n))) < 100 for n in range(50))


def test_values_are_changed_a_little() -> None:
    value = {"a": [1, 2.5, {"b": "c"}], "d": None}
    before = json.dumps(value)
    found = {json.dumps(mutate.changed_value(value, random.Random(n))) for n in range(300)}
    assert len(found) > 100
    assert json.dumps(value) == before


def test_messages_of_one_kind_are_counted_together() -> None:
    assert kind_of("/tmp/a/model.json: field 'x' has 12,345 bytes; found [1, 2]") == (
        "model.json: field '...' has 0 bytes; '...'"
    )
