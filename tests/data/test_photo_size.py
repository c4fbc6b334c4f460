import io

import numpy as np
import pytest
from PIL import Image

from learnkit.data.decode import decode
from learnkit.data.photo_size import PhotoSizes, photo_size
from learnkit.data.source import FileSource
from learnkit.errors import DataError


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_photo_as_it_is_decoded(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.zeros((10, 24, 3), np.uint8)).save(path, exif=exif)
    assert photo_size(path) == decode(path).shape[:2]


def test_a_size_is_read_again_only_when_the_file_has_changed(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((10, 24, 3), np.uint8)).save(path)
    sizes = PhotoSizes(FileSource(tmp_path, ["a.png"]))
    assert sizes.of(0) == (10, 24)
    reads = []
    monkeypatch.setattr(
        "learnkit.data.photo_size.photo_size", lambda name: reads.append(name) or (1, 2)
    )
    assert sizes.of(0) == (10, 24)
    assert reads == []
    data = io.BytesIO()
    Image.fromarray(np.zeros((11, 24, 3), np.uint8)).save(data, "png")
    path.write_bytes(data.getvalue() + b" ")
    assert sizes.of(0) == (1, 2)


def test_what_is_no_image_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(DataError) as refused:
        photo_size(tmp_path / "a.png")
    assert str(refused.value) == (
        f"{tmp_path / 'a.png'} cannot be read as an image: its content is no image format that "
        "Pillow knows."
    )
