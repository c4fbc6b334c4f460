"""Image files that were tampered with, for the decoder and the loader."""

import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.fuzzing.mutate import changed_bytes
from learnkit.data.decode import decode_bytes
from learnkit.data.loader import ImageLoader
from learnkit.data.source import FileSource
from learnkit.errors import DataError

LOADER_EVERY = 10  # cases; a loader takes as long as some


class Images:
    """Tampers with small images of every format, and decodes them or loads them in a batch.

    Args:
        place: a folder to write to.
    """

    documented: tuple[type[Exception], ...] = (DataError,)
    headroom = 7 << 29  # 3.5 GiB: a WebP of the 178 million pixels that are allowed takes 2.7 GB

    def __init__(self, place: Path) -> None:
        self._place = place
        self._bases = bases()
        (place / "good.jpg").write_bytes(self._bases[0])

    def make(self, rng: random.Random) -> dict[str, bytes]:
        """Return the files of one case: one to decode, or four for a loader."""
        n = 4 if rng.randrange(LOADER_EVERY) == 0 else 1
        return {f"{number}.jpg": self._changed(rng) for number in range(n)}

    def _changed(self, rng: random.Random) -> bytes:
        data = changed_bytes(rng.choice(self._bases), rng, rng.choice(self._bases))
        return with_right_sums(data) if rng.random() < 0.7 else data

    def run(self, case: dict[str, bytes]) -> None:
        """Decode a file, in full and scaled, or load several beside a good one."""
        if len(case) == 1:
            (data,) = case.values()
            for min_short in (None, 10):
                decode_bytes(data, name="the case", min_short=min_short)
            return
        for name, data in case.items():
            (self._place / name).write_bytes(data)
        names = [*case, "good.jpg"]
        loader = ImageLoader(
            FileSource(self._place, names),
            np.zeros(len(names), np.int64),
            size=(16, 16),
            num_workers=2,
            cache=None,
            errors=1.0,
        )
        for batch in loader:
            if batch.x.shape[1:] != (3, 16, 16):
                raise AssertionError(f"a batch has the shape {tuple(batch.x.shape)}")


def with_right_sums(data: bytes) -> bytes:
    """Make the sums in a PNG right, so that decoders go on; return anything else as it is."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    found, place = bytearray(data), 8
    while place + 12 <= len(found):
        end = place + 8 + int.from_bytes(found[place : place + 4], "big")
        if end + 4 > len(found):
            break
        struct.pack_into(">I", found, end, zlib.crc32(found[place + 4 : end]))
        place = end + 4
    return bytes(found)


def bases() -> list[bytes]:
    """Return small images of every format and many of their kinds; the first is a plain JPEG."""
    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)).resize((48, 36))
    clear = photo.convert("RGBA")
    clear.putalpha(100)
    wide = Image.fromarray(rng.integers(0, 65536, (20, 30)).astype(np.uint16))
    turned = Image.Exif()
    turned[0x0112] = 6
    turned[0x010E] = "a description"
    made: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (photo, "JPEG", {}),
        (photo, "JPEG", {"progressive": True, "exif": turned, "icc_profile": bytes(200)}),
        (photo, "JPEG", {"subsampling": 0, "restart_marker_blocks": 2, "comment": b"hello"}),
        *((photo.convert(mode), "JPEG", {}) for mode in ("L", "CMYK")),
        *((photo.convert(mode), "PNG", {}) for mode in ("RGB", "L", "1", "P", "LA")),
        (clear, "PNG", {"exif": turned}),
        (wide, "PNG", {}),
        (photo.convert("P"), "PNG", {"transparency": 3}),
        (photo, "PNG", {"save_all": True, "append_images": [photo.rotate(90)]}),
        (photo.convert("P"), "GIF", {}),
        (photo, "GIF", {"save_all": True, "append_images": [photo.rotate(90)], "loop": 0}),
        *((photo.convert(mode), "BMP", {}) for mode in ("RGB", "L", "1", "P")),
        (photo, "WEBP", {}),
        (clear, "WEBP", {"lossless": True, "exif": turned}),
        (photo, "WEBP", {"save_all": True, "append_images": [photo.rotate(90)]}),
        *(
            (photo, "TIFF", {"compression": name})
            for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
        ),
        (photo.convert("1"), "TIFF", {"compression": "group4"}),
        (photo.convert("1"), "TIFF", {"compression": "group3"}),
        (wide, "TIFF", {}),
        (photo.convert("F"), "TIFF", {}),
        (photo.convert("LAB"), "TIFF", {}),
        (clear, "TIFF", {"save_all": True, "append_images": [clear]}),
        (photo, "PPM", {}),
        (photo.convert("1"), "PPM", {}),
        (photo, "MPO", {"save_all": True, "append_images": [photo]}),
        (photo, "AVIF", {}),
        (photo, "JPEG2000", {}),
    ]
    Image.init()
    files = []
    for image, form, options in made:
        if form in Image.SAVE:
            out = io.BytesIO()
            image.save(out, form, **options)
            files.append(out.getvalue())
    return [*files, b"P3\n2 2\n255\n1 2 3 4 5 6 7 8 9 10 11 12\n", b"P1\n4 2\n1 0 1 0\n0 1 0 1\n"]
