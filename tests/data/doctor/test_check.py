"""Everything together, over planted faults."""

import pytest

from learnkit.data.doctor.check import check_files
from learnkit.data.doctor.options import CheckOptions

NAMES = [
    f"{part}/{label}/{label}_{index}.png"
    for part in ("train", "valid")
    for label in ("cat", "dog")
    for index in range(2)
]


@pytest.fixture
def check(photos, sample):
    """A function from names of files in ``photos`` to a report."""

    def checked(names, near=None, **given):
        return check_files(
            [sample(name) for name in names],
            ("train", "valid"),
            root=photos,
            title="photos",
            options=CheckOptions(near=near),
            **given,
        )

    return checked


def test_good_photos_have_no_finding(check, photos):
    report = check(NAMES)
    assert report.findings == ()
    assert report.counts.totals == (4, 4)
    assert (report.root, report.title, report.notes) == (photos, "photos", ())


def test_each_fault_is_found_once(check, photos, scene):
    (photos / "train/cat/copy.png").write_bytes((photos / "valid/cat/cat_0.png").read_bytes())
    (photos / "train/cat/empty.png").write_bytes(b"")
    scene(50, size=(20, 200)).save(photos / "train/dog/tiny.jpg", "PNG")
    extra = ["train/cat/copy.png", "train/cat/empty.png", "train/dog/tiny.jpg"]
    report = check([*NAMES, *extra])
    assert sorted(found.kind for found in report.findings) == [
        "extension",
        "extreme",
        "leak",
        "tiny",
        "unreadable",
    ]
    assert [aside.file for aside, _ in report.asides] == [
        "train/cat/empty.png",
        "train/cat/copy.png",
    ]


def test_two_unreadable_files_of_equal_content_are_no_copies(check, photos):
    for name in ("train/cat/a.jpg", "valid/cat/b.jpg"):
        (photos / name).write_bytes(b"")
    report = check([*NAMES, "train/cat/a.jpg", "valid/cat/b.jpg"])
    assert [found.kind for found in report.findings] == ["unreadable", "unreadable"]


def test_a_file_listed_twice_in_a_part_counts_once(check):
    report = check([*NAMES, *NAMES])
    assert report.findings == ()
    assert report.counts.totals == (4, 4)


def test_near_duplicates_are_found_between_files_of_other_content(check, photos, scene):
    pytest.importorskip("imagehash", reason="needs the extra doctor")
    scene(4).save(photos / "train/cat/near.jpg", quality=50)  # of valid/cat/cat_0.png
    (photos / "train/cat/again.jpg").write_bytes((photos / "train/cat/near.jpg").read_bytes())
    report = check([*NAMES, "train/cat/near.jpg", "train/cat/again.jpg"], near=64)
    assert [found.kind for found in report.findings] == ["copies", "near leak"]
    assert report.of("near leak")[0].files == ("valid/cat/cat_0.png", "train/cat/near.jpg")
    assert {aside.file for aside, _ in report.asides} == {
        "train/cat/near.jpg",
        "train/cat/again.jpg",
    }


def test_blank_photos_are_like_none(check, photos):
    pytest.importorskip("imagehash", reason="needs the extra doctor")
    from PIL import Image

    for name, colour in (("train/cat/black.jpg", "black"), ("valid/cat/red.jpg", "red")):
        Image.new("RGB", (64, 64), colour).save(photos / name)
    report = check([*NAMES, "train/cat/black.jpg", "valid/cat/red.jpg"], near=64)
    assert [found.kind for found in report.findings] == ["blank"]


def test_without_the_extra_all_else_is_looked_for_and_a_note_says_so(check, photos, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "imagehash", None)
    (photos / "train/cat/copy.png").write_bytes((photos / "valid/cat/cat_0.png").read_bytes())
    report = check([*NAMES, "train/cat/copy.png"], near=64)
    assert [found.kind for found in report.findings] == ["leak"]
    assert report.notes == (
        "Near duplicates were not looked for. Looking for near duplicates needs the package "
        'imagehash, which is not installed. Install it with: pip install "learnkit[doctor]"',
    )
    assert report.notes[0] in str(report)
    assert check(NAMES, near=None).notes == ()


@pytest.mark.shared
def test_the_real_flowers_have_two_photos_on_both_sides(shared_dir):
    pytest.importorskip("imagehash", reason="needs the extra doctor")
    from learnkit.data.doctor.folders import check_folder

    report = check_folder(shared_dir / "data" / "flowers")
    assert [found.words for found in report.errors] == [
        "valid/daisy/10994032453_ac7f8d9e2e.jpg ~ train/daisy/10466290366_cc72e33532.jpg (2 bits)",
        "valid/sunflowers/14741866338_bdc8bfc8d5_n.jpg ~ "
        "train/sunflowers/14925398301_55a180f919_n.jpg (60 bits)",
    ]
    assert check_folder(shared_dir / "data" / "ants_bees").findings == ()
