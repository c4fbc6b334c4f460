"""What the segments before a JPEG's pixels say, and at which size to decode it.

ISO/IEC 10918-1 (ITU-T T.81), annex B. Damage is no error here: a decoder will tell.
"""

from collections.abc import Iterator
from typing import Final

from learnkit.data.geometry import SLACK

_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a segment
_SCAN: Final = 0xDA
_END: Final = 0xD9
_ORIENTATION: Final = 0x0112


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Give the marker of each segment and where its content begins, to the first scan's."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == _END:
            return
        if marker == 0xFF:  # filled up
            place += 1
        elif marker in _BARE:
            place += 2
        else:
            yield marker, place + 4
            if marker == _SCAN:
                return
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")


def n_scans(data: bytes) -> int:
    """Return how many times a decoder goes over the pixels of a JPEG.

    Once when its first scan holds all components; else as often as there is a scan, and a scan of
    nothing takes 31 bytes.
    """
    components, progressive = 0, False
    for marker, place in _segments(data):
        if marker in _FRAMES:
            components = int.from_bytes(data[place + 5 : place + 6], "big")
            progressive = progressive or marker in _PROGRESSIVE
        elif marker == _SCAN and not progressive and data[place : place + 1] == bytes([components]):
            return 1
    return data.count(b"\xff\xda")


def jpeg_orientation(data: bytes) -> int:
    """Return the EXIF orientation, 1 to 8, of a JPEG; 1 when it says none.

    Pillow can tell as well, but takes longer than decoding a small photo does, and warns about
    every damaged EXIF block.
    """
    for marker, place in _segments(data):
        if marker == 0xE1 and data[place : place + 6] == b"Exif\0\0":
            length = int.from_bytes(data[place - 2 : place], "big")
            return _tiff_orientation(data[place + 6 : place - 2 + length])
    return 1


def _tiff_orientation(tiff: bytes) -> int:
    order = {b"II": "little", b"MM": "big"}.get(tiff[:2])
    if order not in ("little", "big"):
        return 1

    def number(place: int, size: int) -> int:
        return int.from_bytes(tiff[place : place + size], order)  # type: ignore[arg-type]

    table = number(4, 4)
    for entry in range(table + 2, table + 2 + 12 * number(table, 2), 12):
        if entry + 12 > len(tiff):
            break
        if number(entry, 2) == _ORIENTATION:
            value = number(entry + 8, 2)
            return value if 1 <= value <= 8 else 1
    return 1


def jpeg_eighths(short: int, min_short: int) -> int:
    """Return at how many eighths of its size to decode a JPEG of short side ``short``: 1 to 8.

    The fewest that leave ``min_short`` pixels. But libjpeg-turbo is fast at 1, 2, 4 and 8 of them
    and slow between, so one of these is taken when it leaves hardly more than is needed.
    """
    enough = [n for n in range(1, 9) if -(-short * n // 8) >= min_short] or [8]
    fast = next(n for n in (1, 2, 4, 8) if n >= enough[0])
    return fast if short * fast / 8 <= SLACK * min_short else enough[0]
