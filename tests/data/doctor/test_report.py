"""The value that a check returns."""

import json
from pathlib import Path

import pytest

from learnkit.data.doctor.balance import ClassCounts
from learnkit.data.doctor.finding import Aside, Finding
from learnkit.data.doctor.report import DataReport


@pytest.fixture
def report():
    leak = Finding(
        kind="leak",
        severity="error",
        files=("valid/cat/1.jpg", "train/cat/1.jpg"),
        words="valid/cat/1.jpg = train/cat/1.jpg",
        aside=(Aside("train/cat/1.jpg", "s"),),
    )
    tiny = Finding(kind="tiny", severity="warning", files=("train/cat/1.jpg",), words="1 photo")
    near = Finding(
        kind="near leak",
        severity="error",
        files=("valid/cat/2.jpg", "train/cat/1.jpg", "train/cat/3.jpg"),
        words="near",
        aside=(Aside("train/cat/1.jpg", "s"), Aside("train/cat/3.jpg", "t")),
    )
    counts = ClassCounts(
        classes=("cat",), parts=("train", "valid"), counts=((3, 2),), unlabelled=(0, 0)
    )
    return DataReport(
        title="photos",
        root=Path("photos"),
        counts=counts,
        findings=(leak, tiny, near),
        notes=("A note.",),
    )


def test_findings_are_asked_for_by_kind_and_severity(report):
    assert [found.kind for found in report.errors] == ["leak", "near leak"]
    assert [found.kind for found in report.of("tiny", "near leak")] == ["tiny", "near leak"]


def test_a_file_goes_aside_once_for_its_first_reason(report):
    assert [(aside.file, found.kind) for aside, found in report.asides] == [
        ("train/cat/1.jpg", "leak"),
        ("train/cat/3.jpg", "near leak"),
    ]


def test_printing_shows_the_table(report):
    assert str(report) == (
        "photos: 5 photos of 1 class\n\n"
        "class   train   valid\n"
        "cat         3       2\n"
        "total       3       2\n\n"
        "error    leak           1: the same in two parts: trained on, and measured on\n"
        "  valid/cat/1.jpg = train/cat/1.jpg\n"
        "error    near leak      1: nearly the same in two parts (of 256 bits, so many differ)\n"
        "  near\n"
        "warning  tiny           1 photo\n\n"
        "A note.\n"
        "2 errors, 1 warning"
    )


def test_the_repr_is_a_line(report):
    assert repr(report) == "DataReport(photos: 5 photos of 1 class; 2 errors, 1 warning)"


def test_json_holds_all_of_it(report):
    values = json.loads(json.dumps(report.as_json()))
    assert values["root"] == "photos"
    assert values["parts"] == {"train": 3, "valid": 2}
    assert values["classes"] == {"cat": {"train": 3, "valid": 2}}
    assert values["notes"] == ["A note."]
    assert values["findings"][0] == {
        "kind": "leak",
        "severity": "error",
        "files": ["valid/cat/1.jpg", "train/cat/1.jpg"],
        "words": "valid/cat/1.jpg = train/cat/1.jpg",
        "aside": ["train/cat/1.jpg"],
    }


def test_a_report_is_frozen(report):
    with pytest.raises(AttributeError):
        report.findings = ()
    with pytest.raises(AttributeError):
        report.findings[0].words = ""
