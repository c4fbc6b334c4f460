import io

import pytest
from PIL import Image

from learnkit.data.doctor.formats import FORMAT_OF_SUFFIX, format_of, promised_format
from learnkit.data.items import IMAGE_SUFFIXES


def test_every_suffix_that_loaders_read_promises_a_format():
    assert set(FORMAT_OF_SUFFIX) == IMAGE_SUFFIXES


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_what_pillow_writes_under_a_suffix_is_what_the_suffix_promises(suffix, tmp_path):
    path = tmp_path / f"photo{suffix}"
    mode = {".pbm": "1", ".pgm": "L"}.get(suffix, "RGB")
    Image.new(mode, (8, 8)).save(path)
    assert format_of(path.read_bytes()) == promised_format(path.name)
    assert promised_format(path.name.upper()) == promised_format(path.name)


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [
        (b"\0\0\0\x20ftypavif", "AVIF"),
        (b"\0\0\0\x20ftypheic", "HEIC"),
        (b"\0\0\0\x20ftypqt  ", None),
        (b"GIF87a", "GIF"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"MM\0*", "TIFF"),
        (b"RIFF1234WAVE", None),
        (b"<svg>", None),
        (b"", None),
    ],
)
def test_first_bytes_tell_the_format(beginning, expected):
    assert format_of(beginning) == expected


def test_two_frames_in_one_jpeg_are_a_jpeg():
    buffer = io.BytesIO()
    two = [Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8), "red")]
    two[0].save(buffer, "MPO", save_all=True, append_images=two[1:])
    assert format_of(buffer.getvalue()) == "JPEG"


def test_a_file_without_an_images_suffix_promises_nothing():
    assert promised_format("train/cat/notes.txt") is None
    assert promised_format("train/cat.jpg/notes") is None
