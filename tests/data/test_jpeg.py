import io

import pytest
from PIL import Image

from learnkit.data.jpeg import jpeg_orientation, n_scans


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (40, 30), 128).save(out, "JPEG", **options)
    return out.getvalue()


def with_scans(data: bytes, more: int) -> bytes:
    """Repeat the last scan of a progressive JPEG."""
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * more + b"\xff\xd9"


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_pixels_are_usually_gone_over_once(mode: str) -> None:
    assert n_scans(jpeg(mode)) == 1
    assert n_scans(jpeg(mode) + b"\xff\xda" * 50) == 1  # what follows is not looked at


@pytest.mark.parametrize(("mode", "usual"), [("L", 6), ("RGB", 10)])
def test_a_progressive_one_is_gone_over_for_each_scan(mode: str, usual: int) -> None:
    data = jpeg(mode, progressive=True)
    assert n_scans(data) == usual
    assert n_scans(with_scans(data, 200)) == usual + 200


def test_so_is_one_whose_components_come_one_after_the_other() -> None:
    """Without being progressive: three scans of one component each, or many more."""
    data = bytearray(jpeg())
    scan = data.index(b"\xff\xda")
    data[scan + 2 : scan + 12] = b"\x00\x08\x01\x01\x00\x00\x3f\x00"
    assert n_scans(bytes(data) + b"\xff\xda" * 500) == 501


@pytest.mark.parametrize("before", [b"\xff" * 9, b"\xff\x01", b"\xff\xd0\xff\xd7", b"\xff\xfe\0\2"])
def test_what_stands_between_segments_hides_nothing(before: bytes) -> None:
    data = jpeg(progressive=True)
    frame = data.index(b"\xff\xc2")
    assert n_scans(data[:frame] + before + data[frame:]) == 10


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xda"])
def test_an_end_too_early_is_no_error(data: bytes) -> None:
    assert n_scans(data) == data.count(b"\xff\xda")
    assert jpeg_orientation(data) == 1
