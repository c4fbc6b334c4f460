"""Photos that are both in training and in validation. Knows image loaders."""

from typing import Final

from learnkit.data.loader import ImageLoader
from learnkit.data.same_images import same_files
from learnkit.sanity.names import few
from learnkit.types import BatchLoader

MAX_FILES: Final = 20_000  # on a side
MAX_BYTES: Final = 64 << 20  # to read


def same_images(train_dl: BatchLoader | None, valid_dl: BatchLoader | None) -> str | None:
    """Say which files of validation have the bytes of one of training, or None.

    Only files are compared, at most 20,000 on a side, reading about 64 MB at most.
    """
    if not isinstance(train_dl, ImageLoader) or not isinstance(valid_dl, ImageLoader):
        return None
    train, valid = train_dl.source, valid_dl.source
    if max(len(train), len(valid)) > MAX_FILES:
        return None
    paths, others = (
        [source.describe(index) for index in range(len(source))] for source in (valid, train)
    )
    found = same_files(paths, others, max_bytes=MAX_BYTES)
    if not found:
        return None
    pairs = few([f"{path} is {twin}" for path, twin in found], most=2)
    return (
        f"{len(found)} of {len(valid)} validation images are in training too, byte for byte: "
        f"{pairs}. They make the numbers of validation look better than they are. Remove them "
        "from one side; `learnkit doctor FOLDER` lists them all."
    )
