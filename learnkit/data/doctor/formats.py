"""Which format the first bytes of a file show, and which one its name promises."""

from pathlib import PurePosixPath
from typing import Final

_BEGINNINGS: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    *((b"P%d" % number, "PNM") for number in range(1, 7)),
)

# The "brands" of the ISO base media file format, as cameras and browsers write photos.
_BRANDS: Final = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"hevc": "HEIC",
    b"mif1": "HEIC",
}

FORMAT_OF_SUFFIX: Final = {
    **dict.fromkeys((".jfif", ".jpe", ".jpeg", ".jpg"), "JPEG"),
    **dict.fromkeys((".pbm", ".pgm", ".pnm", ".ppm"), "PNM"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    ".bmp": "BMP",
    ".gif": "GIF",
    ".png": "PNG",
    ".webp": "WEBP",
}


def format_of(data: bytes) -> str | None:
    """Return the format that the content of a file begins as; None where it is not known."""
    for beginning, name in _BEGINNINGS:
        if data.startswith(beginning):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return _BRANDS.get(data[8:12]) if data[4:8] == b"ftyp" else None


def promised_format(name: str) -> str | None:
    """Return the format that a file's suffix stands for; None for a suffix of no image."""
    return FORMAT_OF_SUFFIX.get(PurePosixPath(name).suffix.lower())
