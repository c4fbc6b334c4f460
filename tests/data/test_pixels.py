"""Conversions that decoding does not reach; the others are in test_decode.py."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learnkit.data import pixels
from learnkit.data.pixels import image_to_rgb

rng = np.random.default_rng(0)


def image_of(mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, (37, 21)).astype(np.uint16))
    if mode == "I":
        return Image.fromarray(rng.integers(-9, 10**6, (37, 21)).astype(np.int32))
    if mode == "F":
        return Image.fromarray(rng.normal(size=(37, 21)).astype(np.float32))
    colours = Image.fromarray(rng.integers(0, 256, (37, 21, 4)).astype(np.uint8), "RGBA")
    if mode == "P":
        out = io.BytesIO()
        colours.convert("RGB").quantize(9).save(out, "PNG", transparency=3)
        return Image.open(out)
    return colours.convert(mode)


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"]
)
def test_a_large_image_is_converted_by_bands_to_the_same(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = image_of(mode)
    whole = image_to_rgb(image)
    for band in (1, 21, 50, 21 * 36, 21 * 37):
        monkeypatch.setattr(pixels, "_BAND", band)
        assert np.array_equal(image_to_rgb(image), whole)


@pytest.mark.parametrize("value", [-5.0, 7.0, 1e38, float("nan"), float("inf")])
def test_wide_values_without_a_range_are_black(value: float) -> None:
    image = Image.fromarray(np.full((3, 4), value, np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not image_to_rgb(image).any()


def test_bands_need_no_more_memory_than_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tracemalloc

    image = Image.new("I;16", (2000, 2000))
    image.load()
    monkeypatch.setattr(pixels, "_BAND", 2000 * 50)
    tracemalloc.start()
    image_to_rgb(image)
    assert tracemalloc.get_traced_memory()[1] < 2 * 2000 * 2000 * 3
    tracemalloc.stop()
