"""What single files tell."""

import pytest

from learnkit.data.doctor.faults import find_faults
from learnkit.data.doctor.finding import Aside, Finding
from learnkit.data.doctor.look import Look
from learnkit.data.doctor.options import CheckOptions


@pytest.fixture
def find(sample, look):
    """A function from names with facts to findings."""

    def found(photos, **options):
        samples = [sample(name) for name in photos]
        looks = [facts if isinstance(facts, Look) else look(**facts) for facts in photos.values()]
        return find_faults(samples, looks, CheckOptions(**options))

    return found


def test_a_good_photo_is_no_finding(find):
    assert find({"train/cat/1.jpg": {}, "train/cat/2.PNG": {"format": "PNG"}}) == []


def test_each_unreadable_file_is_an_error_with_its_reason(find):
    broken = Look(problem="train/cat/1.jpg cannot be read as an image: why.", sha256="s")
    assert find({"train/cat/1.jpg": broken, "train/cat/2.jpg": {}}) == [
        Finding(
            kind="unreadable",
            severity="error",
            files=("train/cat/1.jpg",),
            words="train/cat/1.jpg cannot be read as an image: why.",
            aside=(Aside("train/cat/1.jpg", "s"),),
        )
    ]


def test_a_png_named_jpg_and_the_reverse_are_warnings(find):
    found = find(
        {
            "train/cat/1.jpg": {"format": "PNG"},
            "train/cat/2.png": {"format": "JPEG"},
            "train/cat/3.jpeg": {"format": "PNG"},
            "train/cat/4.jpg": {"format": None},
        }
    )
    assert [(f.severity, f.files, f.words) for f in found] == [
        (
            "warning",
            ("train/cat/1.jpg", "train/cat/3.jpeg"),
            "2 files are PNG, named as JPEG: train/cat/1.jpg, ...",
        ),
        ("warning", ("train/cat/2.png",), "1 file is JPEG, named as PNG: train/cat/2.png"),
    ]
    assert {f.kind for f in found} == {"extension"}
    assert all(f.aside == () for f in found)


def test_the_format_of_an_unreadable_file_is_told_too(find):
    broken = Look(problem="why", sha256="s", format="HEIC")
    assert [f.words for f in find({"train/cat/1.jpg": broken})] == [
        "why",
        "1 file is HEIC, named as JPEG: train/cat/1.jpg",
    ]


def test_tiny_photos_are_counted_and_the_smallest_named(find):
    photos = {
        "train/cat/1.jpg": {"size": (31, 60)},
        "train/cat/2.jpg": {"size": (60, 20)},
        "train/cat/3.jpg": {"size": (32, 32)},
    }
    (tiny,) = find(photos)
    assert (tiny.kind, tiny.severity) == ("tiny", "warning")
    assert tiny.files == ("train/cat/1.jpg", "train/cat/2.jpg")
    assert tiny.words == (
        "2 photos with a short side below 32 pixels; the smallest is train/cat/2.jpg, "
        "20 x 60 pixels"
    )
    assert find(photos, min_side=20) == []


def test_long_photos_are_counted_and_the_longest_named(find):
    photos = {
        "train/cat/1.jpg": {"size": (100, 501)},
        "train/cat/2.jpg": {"size": (700, 100)},
        "train/cat/3.jpg": {"size": (100, 500)},
    }
    (extreme,) = find(photos)
    assert (extreme.kind, extreme.severity) == ("extreme", "warning")
    assert extreme.files == ("train/cat/1.jpg", "train/cat/2.jpg")
    assert extreme.words == (
        "2 photos more than 5 times as long as wide; the longest is train/cat/2.jpg, "
        "100 x 700 pixels"
    )
    assert find(photos, max_aspect=7) == []


def test_blank_photos_are_a_warning(find):
    (blank,) = find({"train/cat/1.jpg": {"blank": True}, "train/cat/2.jpg": {}})
    assert (blank.kind, blank.severity, blank.files) == ("blank", "warning", ("train/cat/1.jpg",))
    assert blank.words == "1 photo of one colour all over: train/cat/1.jpg"


def test_turned_photos_are_information(find):
    (turned,) = find({"train/cat/1.jpg": {"orientation": 6}, "train/cat/2.jpg": {}})
    assert (turned.kind, turned.severity) == ("rotated", "info")
    assert turned.files == ("train/cat/1.jpg",)
    assert turned.words == "1 photo turned by EXIF: train/cat/1.jpg"
