"""Photos of a folder as batches, as code: decoding, fitting, random crops."""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from learnkit.data import cache, caches, geometry, jpeg, pixels
from learnkit.data.decode import pillow_orientation
from learnkit.data.loader import ImageLoader
from learnkit.data.source import FileSource
from learnkit.eject.order_code import INSTEAD, DataCode, order_code, plans
from learnkit.eject.plain import (
    PHOTOS,
    any_photo,
    decode_jpeg,
    jpeg_photo,
    prepared,
)
from learnkit.eject.source import source_of, sources
from learnkit.errors import ExportError


def photo_code(sides: dict[str, ImageLoader], changes: bool) -> DataCode:
    """Return the code that decodes, fits and crops the photos of both sides.

    Raises:
        ExportError: for photos of several folders, or some that could not be read.
    """
    document: dict[str, Any] = {}
    for side, loader in sides.items():
        source = loader.source
        if type(source) is not FileSource:
            raise ExportError(
                f"The photos come from {type(source).__name__}, which is no folder of files, so "
                f"eject cannot write it. {INSTEAD}"
            )
        if loader.skipped:
            first = source.describe(next(iter(loader.skipped)))
            raise ExportError(
                f"{len(loader.skipped)} photos could not be read and were left out, such as "
                f"{first}; eject writes runs of all their photos. Move them aside, as "
                "data.check() says, and train again."
            )
        names = [_name(loader, i) for i in range(len(source))]
        document[side] = {"files": names, "labels": loader.labels.tolist()}
        document[side] |= {"dtype": str(loader.labels.dtype)}
    train = sides["train"]
    turned, jpeg_only = _turned(sides)
    document["turned"] = turned
    parts = [order_code(), _decoding(bool(turned), jpeg_only), _fitting(train, sides)]
    root = str(Path(train.source.root).absolute())  # type: ignore[attr-defined]
    roots = {str(Path(x.source.root).absolute()) for x in sides.values()}  # type: ignore[attr-defined]
    if len(roots) > 1:
        raise ExportError(
            f"The photos lie below {len(roots)} folders, and eject writes one. Put both sides into "
            "one folder."
        )
    crop = "None" if train._crop is None else repr(train._crop)
    parts.append(
        PHOTOS.format(
            root=root,
            settings=plans(sides),
            size=tuple(train._size),
            short=geometry.working_short(train._size),
            resize=train._resize,
            crop=crop,
        )
    )
    repeats = {side: len(x.source) for side, x in sides.items() if x._crop is None}
    if changes:
        repeats.pop("train", None)
    return DataCode(IMPORTS, "\n\n\n".join(parts), document, {}, repeats)


IMPORTS = (
    "import io",
    "from concurrent.futures import ThreadPoolExecutor",
    "import cv2",
    "import simplejpeg",
    "from PIL import Image",
)


def _decoding(turned: bool, jpeg_only: bool) -> str:
    found = [source_of(jpeg.jpeg_eighths)] + ([source_of(pixels.upright)] if turned else [])
    found.append(source_of(decode_jpeg))
    if not jpeg_only:
        helpers = (
            pixels.image_to_rgb,
            pixels._bands,
            pixels._convert,
            pixels._is_wide,
            pixels._extremes,
            pixels._wide_converter,
            pixels._finite,
        )
        found.append(f"_BAND = {pixels._BAND}\n\n\n{sources(*helpers)}")
    reader = source_of(jpeg_photo if jpeg_only else any_photo)
    reader = reader.replace("def jpeg_photo", "def photo").replace("def any_photo", "def photo")
    if not turned:
        reader = reader.replace('upright(pixels, LISTS["turned"].get(name, 1))', "pixels")
    return f"SLACK = {geometry.SLACK}\n\n\n" + "\n\n\n".join([*found, reader])


def _turned(sides: dict[str, ImageLoader]) -> tuple[dict[str, int], bool]:
    """Return how photos lie that are not upright, by their names, and whether all are JPEGs."""
    turned: dict[str, int] = {}
    jpeg_only = True
    for loader in sides.values():
        for index in range(len(loader.source)):
            data = Path(loader.source.describe(index)).read_bytes()
            orientation = jpeg.jpeg_orientation(data)
            if not data.startswith(b"\xff\xd8"):
                jpeg_only = False
                with Image.open(io.BytesIO(data)) as image:
                    is_jpeg = image.format in ("JPEG", "MPO")
                    orientation = orientation if is_jpeg else pillow_orientation(image)
            if orientation != 1:
                turned[_name(loader, index)] = orientation
    return turned, jpeg_only


def _name(loader: ImageLoader, index: int) -> str:
    return str(loader.source._names[index])  # type: ignore[attr-defined]


def _fitting(train: ImageLoader, sides: dict[str, ImageLoader]) -> str:
    plain = any(x._crop is None for x in sides.values())
    wanted: list[Any] = [geometry.shrink, geometry.resize, geometry.centre_box]
    if plain:
        wanted += [geometry.fit_image, geometry.padded_box, geometry._fit_padded]
    if train._crop is not None:
        wanted += [geometry.crop_into, geometry.RandomResizedCrop]
    if any(map(_through_jpeg, sides.values())):
        wanted += [cache.packed, cache.unpacked]
    quality = f"JPEG_QUALITY = {cache.JPEG_QUALITY}\n\n\n" if cache.packed in wanted else ""
    text = source_of(prepared)
    text = text.replace(" if THROUGH_JPEG else image", "")
    if train._crop is None:
        text = text.partition("    if side")[0] + "    return fit_image(image, SIZE, RESIZE)"
    elif not any(map(_through_jpeg, sides.values())):
        text = "\n".join(line for line in text.splitlines() if "packed" not in line)
    if not plain:
        text = text.replace("\n    return fit_image(image, SIZE, RESIZE)", "")
    return quality + sources(*wanted) + "\n\n\n" + text


def _through_jpeg(loader: ImageLoader) -> bool:
    """Say whether photos are kept as small JPEGs, being so many: it changes their pixels."""
    if loader._crop is None or loader._images._caches._mode is None:
        return False
    short = geometry.working_short(loader._size)
    return len(loader.source) * short * short * 4 > caches.RAW_LIMIT
