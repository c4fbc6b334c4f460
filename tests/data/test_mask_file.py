import numpy as np
import pytest
from PIL import Image

from learnkit.data import mask_file
from learnkit.data.mask_file import read_mask
from learnkit.errors import DataError

NUMBERS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def test_grey_palette_and_one_bit_keep_their_numbers(tmp_path):
    Image.fromarray(NUMBERS).save(tmp_path / "grey.png")
    palette = Image.fromarray(NUMBERS, mode="L").convert("P")
    palette.putdata(NUMBERS.reshape(-1).tolist())
    palette.putpalette([200, 10, 30] * 256)
    palette.save(tmp_path / "palette.png")
    Image.fromarray(NUMBERS % 2 == 1).save(tmp_path / "bit.png")
    assert np.array_equal(read_mask(tmp_path / "grey.png"), NUMBERS)
    assert np.array_equal(read_mask(tmp_path / "palette.png"), NUMBERS)
    assert np.array_equal(read_mask(tmp_path / "bit.png"), NUMBERS % 2)


def test_sixteen_bits_stay_sixteen(tmp_path):
    wide = NUMBERS.astype(np.uint16) * 1000
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert np.array_equal(read_mask(tmp_path / "wide.png"), wide)


def test_colours_that_are_all_grey_are_numbers_and_others_are_refused(tmp_path):
    grey = np.repeat(NUMBERS[:, :, None], 3, 2)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert np.array_equal(read_mask(tmp_path / "grey.png"), NUMBERS)
    grey[0, 0] = (1, 2, 3)
    Image.fromarray(grey).save(tmp_path / "colours.png")
    with pytest.raises(DataError) as refused:
        read_mask(tmp_path / "colours.png")
    assert str(refused.value) == (
        f"{tmp_path / 'colours.png'} is no mask: its pixels are colours (mode RGB), and a mask has "
        "one number a pixel. Give each colour a number, and save a PNG of them: "
        'Image.fromarray(numbers.astype("uint8")).save(path).'
    )


def test_a_mask_is_turned_as_its_exif_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(NUMBERS).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(read_mask(tmp_path / "turned.png"), np.rot90(NUMBERS, -1))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "the file does not exist"),
        (b"", "its content is no image format that Pillow knows"),
        (b"no image", "its content is no image format that Pillow knows"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, content, reason):
    path = tmp_path / "mask.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as refused:
        read_mask(path)
    assert str(refused.value) == f"{path} cannot be read as an image: {reason}."


def test_a_header_may_not_declare_any_size(tmp_path, monkeypatch):
    monkeypatch.setattr(mask_file, "MAX_PIXELS", 11)
    Image.fromarray(NUMBERS).save(tmp_path / "large.png")
    with pytest.raises(DataError, match="its header declares 4 x 3 pixels"):
        read_mask(tmp_path / "large.png")
