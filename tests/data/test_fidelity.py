"""What decoding at N/8, shrinking, cutting by OpenCV and JPEG entries change of a crop's pixels.

The reference is the same box of the photo decoded in full, resized by Pillow with antialiasing.
"""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from learnkit.data.cache import packed, unpacked
from learnkit.data.decode import decode_bytes, jpeg_eighths
from learnkit.data.geometry import RandomResizedCrop, crop_into, shrink, working_short

Difference = npt.NDArray[np.int16]


def difference(data: bytes, size: int, *, jpeg: bool, seed: int, boxes: int = 3) -> Difference:
    """Return how far the crops of a photo are from the reference, (boxes, size, size, 3)."""
    short = working_short((size, size))
    full = decode_bytes(data, name="x")
    decoded = decode_bytes(data, name="x", min_short=short)
    cached = shrink(decoded, short)
    if jpeg:
        cached = unpacked(packed(cached))
    # a last row or column that is not whole is rounded up, so this is not full / cached
    by = 8 / jpeg_eighths(min(full.shape[:2]), short)
    down, across = (by * decoded.shape[i] / cached.shape[i] for i in (0, 1))
    crop, rng = RandomResizedCrop(), np.random.default_rng(seed)
    found = np.empty((boxes, size, size, 3), np.uint8)
    expected = np.empty_like(found)
    for out, reference in zip(found, expected, strict=True):
        height, width = cached.shape[:2]
        left, top, right, bottom = box = crop.box(height, width, rng.random(22).tolist())
        crop_into(out, cached, box)
        to_right, to_bottom = min(right * across, full.shape[1]), min(bottom * down, full.shape[0])
        same = (left * across, top * down, to_right, to_bottom)
        image = Image.fromarray(full)
        reference[:] = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, same))
    result: Difference = np.abs(found.astype(np.int16) - expected)
    return result


def drawn(seed: int, *, noise: float) -> bytes:
    """A JPEG of soft blobs with some noise, 500 x 640, as cameras make them."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (16, 20, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((640, 500), Image.Resampling.BICUBIC))
    pixels = (smooth + rng.normal(0, noise, smooth.shape)).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def figures(photos: list[bytes], size: int, *, jpeg: bool) -> tuple[int, float, float]:
    """Return the largest difference, the 99.9th percentile, and the mean."""
    all_of = np.stack([difference(one, size, jpeg=jpeg, seed=i) for i, one in enumerate(photos)])
    return int(all_of.max()), float(np.percentile(all_of, 99.9)), float(all_of.mean())


@pytest.mark.parametrize("size", [128, 224])
@pytest.mark.parametrize("noise", [0.0, 12.0])
def test_a_crop_of_what_is_kept_is_close_to_one_of_the_photo_itself(
    noise: float, size: int
) -> None:
    photos = [drawn(seed, noise=noise) for seed in range(3)]
    largest, nearly_all, mean = figures(photos, size, jpeg=False)
    assert largest <= (10 if noise == 0 else 25)
    assert nearly_all <= (4 if noise == 0 else 12)
    assert mean <= (0.7 if noise == 0 else 2.0)


@pytest.mark.parametrize("size", [128, 224])
def test_jpeg_entries_add_little_to_the_difference(size: int) -> None:
    photos = [drawn(seed, noise=12.0) for seed in range(3)]
    plain, jpeg = (figures(photos, size, jpeg=entries) for entries in (False, True))
    assert jpeg[2] <= plain[2] + 1.5
    assert jpeg[1] <= 15


@pytest.mark.shared
@pytest.mark.parametrize("folder", ["ants_bees", "flowers"])
def test_on_real_photos_the_difference_is_that_of_the_documentation(
    folder: str, shared_dir: Path
) -> None:
    """Above 200 px nothing but edges; at 128 px what is lost is detail that 147 px cannot hold."""
    paths = sorted((shared_dir / "data" / folder).rglob("*.jpg"))
    photos = [path.read_bytes() for path in paths[:: len(paths) // 20]]
    for size, nearly_all, mean in ((128, 36, 2.8), (224, 18, 0.8)):
        for jpeg in (False, True):
            _, found_nearly_all, found_mean = figures(photos, size, jpeg=jpeg)
            assert found_nearly_all <= nearly_all
            assert found_mean <= mean + jpeg
