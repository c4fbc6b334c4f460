import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset

from learnkit.data.dataset_loader import DatasetLoader
from learnkit.data.decode import decode
from learnkit.data.loader import ImageLoader
from learnkit.data.skipped import (
    Skipped,
    allowed_share,
    kind_of,
    printable,
    skipped_summary,
)
from learnkit.data.source import FileSource
from learnkit.errors import DataError


class Named:
    """Knows names only."""

    key = ""

    def __init__(self, n: int, root: str | None = None) -> None:
        self.n = n
        if root is not None:
            self.root = root

    def __len__(self) -> int:
        return self.n

    def describe(self, index: int) -> str:
        return f"{index}.jpg"

    def stamp(self, index: int) -> int:
        return 0

    def load(self, index: int, min_short: int) -> Any:
        raise NotImplementedError


def photo(kind: str = "jpeg", **options: Any) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind, **options)
    return file.getvalue()


def test_errors_is_a_word_or_a_share() -> None:
    given: list[Any] = ["skip", "raise", 0, 0.2, 1, 1.0, np.float64(0.5)]
    assert [allowed_share(one) for one in given] == [0.05, None, 0.0, 0.2, 1.0, 1.0, 0.5]


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("rise", " Did you mean 'raise'?"),
        ("", ""),
        (None, ""),
        (True, ""),
        (False, ""),
        (float("nan"), ""),
        (-0.1, ""),
        (5, ""),
        (1.01, ""),
        ([], ""),
        ("0.2", ""),
    ],
)
def test_anything_else_is_refused(given: Any, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        allowed_share(given)
    assert str(caught.value) == (
        "errors must be 'skip', 'raise' or the share of unreadable images to allow, from 0 to 1: "
        f"found {given!r}.{hint}"
    )


@pytest.mark.parametrize(
    ("errors", "n", "allowed"),
    [
        ("skip", 1, 1),
        ("skip", 3, 1),
        ("skip", 39, 1),
        ("skip", 40, 2),
        ("skip", 100, 5),
        (0.29, 100, 29),
        (0.07, 100, 7),
        (0.001, 10, 1),
        (0, 10, 0),
        (1, 10, 10),
    ],
)
@pytest.mark.filterwarnings("ignore:An image is left out")
def test_the_share_is_exact_and_one_alone_is_never_too_many(
    errors: Any, n: int, allowed: int
) -> None:
    skipped = Skipped(Named(n), errors)
    for index in range(allowed):
        skipped.add(index, "broken")
        skipped.check()
    if allowed < n:
        skipped.add(allowed, "broken")
        with pytest.raises(DataError, match=f"^{allowed + 1} of {n} images cannot be read so far"):
            skipped.check()


def test_an_image_is_warned_of_once_and_on_one_line() -> None:
    skipped = Skipped(Named(10), "skip")
    with pytest.warns(UserWarning, match="left out") as warned:
        skipped.add(3, "a\nb\x1b[2J\udcff.jpg is broken")
    skipped.add(3, "again")
    assert [str(one.message) for one in warned] == [
        r"An image is left out: a\nb\x1b[2J\udcff.jpg is broken"
    ]
    assert skipped.reasons == {3: r"a\nb\x1b[2J\udcff.jpg is broken"}


def test_told_to_the_first_one_is_an_error_on_one_line() -> None:
    with pytest.raises(DataError, match=r"^a\\nb\.jpg is broken$"):
        Skipped(Named(10), "raise").add(3, "a\nb.jpg is broken")


@pytest.mark.filterwarnings("ignore:An image is left out")
def test_too_many_say_how_many_which_first_and_what_to_do() -> None:
    skipped = Skipped(Named(10, "photos"), 0.3)
    for index in range(4):
        skipped.add(index, f"{index}.jpg is broken.")
    with pytest.raises(DataError) as caught:
        skipped.check()
    assert str(caught.value) == (
        "4 of 10 images cannot be read so far, more than the 30 % allowed. The first: 0.jpg is "
        "broken. 1.jpg is broken. 2.jpg is broken. Check the path and its disk; `learnkit doctor "
        "photos` lists every such file; errors=1.0 allows any number."
    )


# the summary


def test_a_file_of_too_many_bytes_is_too_large() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("learnkit.data.decode.MAX_BYTES", 10)
        with pytest.raises(DataError) as caught:
            decode(__file__)
    assert kind_of(str(caught.value), __file__) == "too large"


def spoil(path: Path, how: str) -> None:
    """Make a file of one of the kinds that a summary counts."""
    if how in ("missing", "a folder", "no file"):
        path.unlink(missing_ok=True)
    data = {
        "empty": b"",
        "no image": b"<html>",
        "truncated": photo()[:-300],
        "damaged": b"\x89PNG\r\n\x1a\n" + b"x" * 100,
        "too large": photo("ppm").replace(b"40 40", b"40000 40000"),
    }
    if how == "a folder":
        path.mkdir()
    elif how == "no file":
        os.mkfifo(path)
    elif how != "missing":
        path.write_bytes(data[how])


KINDS = ["empty", "missing", "a folder", "no image", "truncated", "damaged", "too large"]
KINDS += ["no file"] if hasattr(os, "mkfifo") else []


@pytest.mark.parametrize("name", ["1.jpg", "truncated, is empty, not exist.jpg"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_is_that_of_the_real_reason_whatever_the_name(
    kind: str, name: str, tmp_path: Path
) -> None:
    spoil(tmp_path / name, kind)
    loader = ImageLoader(FileSource(tmp_path, [name]), np.zeros(1), num_workers=0, size=(8, 8))
    with pytest.warns(UserWarning, match="left out"), pytest.raises(DataError, match="None of the"):
        list(loader.batches(0))
    assert kind_of(loader.skipped[0], loader.describe(0)) == kind


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read_is_a_kind_of_its_own(photo_folder: Path) -> None:
    path = next(photo_folder.rglob("*.jpg"))
    path.chmod(0)
    with pytest.raises(DataError) as caught:
        FileSource(path.parent, [path.name]).load(0, 0)
    assert kind_of(str(caught.value), str(path)) == "not allowed to be read"


@pytest.mark.filterwarnings("ignore:An image is left out")
def test_the_summary_counts_by_kind(photo_folder: Path) -> None:
    names = sorted(str(p.relative_to(photo_folder)) for p in photo_folder.rglob("*.jpg"))
    source = FileSource(photo_folder, names)
    labels = np.zeros(len(names), np.int64)
    loader = ImageLoader(source, labels, size=(8, 8), num_workers=1, errors=0.5)
    assert skipped_summary(loader, "train") is None
    for name, how in zip(names, ["empty", "truncated", "empty"], strict=False):
        spoil(photo_folder / name, how)
    for epoch in range(2):
        list(loader.batches(epoch))
    counted = (
        "left out: 3 of 24 {} images (2 empty, 1 truncated); data.{}_dl.skipped has the reasons"
    )
    assert skipped_summary(loader, "train") == counted.format("training", "train")
    assert skipped_summary(loader, "valid") == counted.format("validation", "valid")
    assert skipped_summary(loader, "test") == counted.format("test", "test")


def test_a_loader_that_skips_nothing_has_no_summary() -> None:
    x = torch.zeros(4, 2)
    assert skipped_summary(DatasetLoader(TensorDataset(x, x)), "train") is None


def test_texts_of_one_line_stay_as_they_are() -> None:
    for text in ("", "photos/\xe9 \u65e5 \U0001f600.jpg"):
        assert printable(text) is text
