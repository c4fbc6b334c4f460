"""How large photos are in their files, upright. Nothing but the header is decoded."""

import io
import os
from pathlib import Path

from PIL import Image

from learnkit.data.decode import MAX_BYTES, known_formats, pillow_orientation, unreadable, why_not
from learnkit.data.jpeg import jpeg_orientation
from learnkit.data.source import FileSource, ImageSource
from learnkit.errors import DataError
from learnkit.regular_file import read_regular


def photo_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return (height, width) of a photo as ``decode`` gives it: turned as EXIF says.

    Raises:
        DataError: when the file is missing or no image.
    """
    name = os.fspath(path)
    try:
        data = read_regular(Path(name), max_bytes=MAX_BYTES)
        with Image.open(io.BytesIO(data), formats=known_formats()) as image:
            is_jpeg = image.format in ("JPEG", "MPO")
            orientation = jpeg_orientation(data) if is_jpeg else pillow_orientation(image)
            size = image.height, image.width
    except Exception as error:  # Pillow raises every kind of exception on damaged data
        raise unreadable(name, why_not(error)) from error
    return (size[1], size[0]) if orientation >= 5 else size


class PhotoSizes:
    """The sizes of the photos of one source, each read once, or again once its file has changed.

    Raises:
        DataError: for a source whose photos are no files.
    """

    def __init__(self, photos: ImageSource) -> None:
        if not isinstance(photos, FileSource):
            raise DataError(
                "Masks and points need photos that are files, whose sizes can be read; found "
                f"{type(photos).__name__}."
            )
        self._photos = photos
        self._known: dict[int, tuple[int, tuple[int, int]]] = {}

    def of(self, index: int) -> tuple[int, int]:
        """Return (height, width) of photo ``index`` in pixels.

        Raises:
            DataError: when it cannot be read.
        """
        stamp = self._photos.stamp(index)
        known = self._known.get(index)
        if known is None or known[0] != stamp:
            known = stamp, photo_size(self._photos.describe(index))
            self._known[index] = known
        return known[1]
