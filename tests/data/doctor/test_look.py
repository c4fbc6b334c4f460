"""One file is read once, decoded once, by the loader's own decoder."""

import hashlib
import io
import os
import sys

import numpy as np
import pytest
from PIL import Image

from learnkit.data.decode import decode
from learnkit.data.doctor.look import MIN_SHORT, Look, is_blank, look_at, look_at_all
from learnkit.errors import DataError

ROTATED = 6


def exif(orientation):
    found = Image.Exif()
    found[0x0112] = orientation
    return found


def test_the_facts_of_a_photo(tmp_path, scene):
    path = tmp_path / "cat" / "1.jpg"
    path.parent.mkdir()
    scene(0, size=(300, 200)).save(path, exif=exif(ROTATED))
    assert look_at(tmp_path, None, "cat/1.jpg") == Look(
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        format="JPEG",
        size=(200, 300),
        orientation=ROTATED,
    )


def test_the_hash_is_of_upright_pixels_decoded_small(tmp_path, scene):
    scene(0, size=(900, 600)).save(tmp_path / "1.jpg", exif=exif(ROTATED))
    shapes = []
    seen = look_at(tmp_path, lambda pixels: shapes.append(pixels.shape) or b"hash", "1.jpg")
    assert seen.hash == b"hash"
    assert shapes == [(113, 75, 3)]
    assert seen.size == (600, 900)
    assert MIN_SHORT <= 75


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("1.png", {}),
        ("1.webp", {}),
        ("1.tif", {}),
        ("1.jpg", {}),
    ],
)
@pytest.mark.parametrize("orientation", [1, 3, 8])
def test_every_format_tells_how_the_camera_was_held(tmp_path, scene, name, options, orientation):
    scene(0).save(tmp_path / name, exif=exif(orientation), **options)
    assert look_at(tmp_path, None, name).orientation == orientation


def test_damaged_exif_does_not_cost_the_photo(tmp_path, scene):
    scene(0).save(tmp_path / "1.png", exif=b"EXIF\0\0nonsense")
    seen = look_at(tmp_path, None, "1.png")
    assert (seen.problem, seen.orientation) == (None, 1)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp"])
def test_a_file_cut_anywhere_is_unreadable_here_just_where_training_leaves_it_out(
    tmp_path, scene, suffix
):
    """A JPEG is decoded at a quarter of its size here, and in full by a loader of large images."""
    whole = tmp_path / f"whole.{suffix}"
    scene(0, size=(300, 260)).save(whole)
    data = whole.read_bytes()
    found = set()
    for length in np.linspace(0, len(data) - 1, 50).astype(int):
        path = tmp_path / f"cut.{suffix}"
        path.write_bytes(data[:length])
        try:
            decode(path)
            expected = None
        except DataError as error:
            expected = str(error).removeprefix(f"{tmp_path}{os.sep}")
        assert look_at(tmp_path, None, path.name).problem == expected
        found.add(expected is None)
    assert False in found


def test_what_cannot_be_read_is_named_with_its_reason(tmp_path):
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "words.jpg").write_text("not a photo")
    (tmp_path / "heic.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    problems = [
        look_at(tmp_path, None, name).problem
        for name in ("empty.jpg", "words.jpg", "heic.jpg", "none.jpg")
    ]
    unknown = "its content is no image format that Pillow knows"
    assert problems == [
        "empty.jpg cannot be read as an image: the file is empty (0 bytes).",
        f"words.jpg cannot be read as an image: {unknown}.",
        f"heic.jpg cannot be read as an image: {unknown}.",
        "none.jpg cannot be read as an image: the file does not exist.",
    ]
    assert look_at(tmp_path, None, "heic.jpg").format == "HEIC"
    assert look_at(tmp_path, None, "none.jpg").sha256 is None
    assert look_at(tmp_path, None, "empty.jpg").sha256 == hashlib.sha256(b"").hexdigest()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "1.jpg")
    assert look_at(tmp_path, None, "1.jpg").problem == (
        "1.jpg cannot be read as an image: it is a pipe, not a file."
    )


def test_a_file_that_may_not_be_read_says_so(tmp_path, scene, monkeypatch):
    scene(0).save(tmp_path / "1.png")

    def refuse(path, *, max_bytes):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("learnkit.data.doctor.look.read_regular", refuse)
    assert look_at(tmp_path, None, "1.png").problem == (
        "1.png cannot be read as an image: Permission denied."
    )


@pytest.mark.parametrize("colour", ["black", "white", "red"])
def test_one_colour_all_over_is_blank_and_has_no_hash(tmp_path, colour):
    Image.new("RGB", (200, 200), colour).save(tmp_path / "1.jpg")
    seen = look_at(tmp_path, lambda pixels: b"hash", "1.jpg")
    assert seen.blank
    assert seen.hash is None


def test_a_spot_that_few_pixels_show_is_not_blank():
    pixels = np.zeros((64, 64, 3), np.uint8)
    assert is_blank(pixels)
    pixels[5, 5] = 200
    assert not is_blank(pixels)
    pixels[5, 5] = 8
    assert is_blank(pixels)


def test_all_files_are_looked_at_in_their_order_and_progress_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("learnkit.data.doctor.look._AT_ONCE", 4)
    names = [f"{n}.png" for n in range(10)]
    for n, name in enumerate(names):
        Image.new("RGB", (10 + n, 10)).save(tmp_path / name)
    told = []
    looks = look_at_all(tmp_path, names, None, seen=lambda done, of: told.append((done, of)))
    assert [seen.size for seen in looks] == [(10, 10 + n) for n in range(10)]
    assert told == [(4, 10), (8, 10), (10, 10)]


def test_a_cmyk_jpeg_which_pillow_decodes_has_its_own_size(tmp_path):
    buffer = io.BytesIO()
    Image.new("CMYK", (400, 300), (10, 60, 0, 0)).save(buffer, "JPEG")
    (tmp_path / "1.jpg").write_bytes(buffer.getvalue())
    assert look_at(tmp_path, None, "1.jpg").size == (300, 400)
