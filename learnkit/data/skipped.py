"""Images that cannot be read: left out, counted, and too many of them an error.

Knows an image's number, its name and why it cannot be read; knows neither files nor threads.
"""

import errno
import os
from collections import Counter
from typing import Any, Final, Literal, TypeAlias

from learnkit.data.source import ImageSource
from learnkit.data.warn import warn_user
from learnkit.errors import DataError
from learnkit.names import did_you_mean
from learnkit.randomness import IntArray
from learnkit.types import BatchLoader

OnError: TypeAlias = Literal["skip", "raise"] | float
"""What to do with an image that cannot be read; a number is the share of such to allow."""

DEFAULT_SHARE: Final = 0.05
_NAMED: Final = 3  # in the error; each of them has its own warning

_SIDES: Final = {"train": "training", "valid": "validation"}
# What the reasons of ``decode`` and ``FileSource`` hold, those of Pillow and libjpeg among them.
_KINDS: Final = (
    ("missing", "not exist"),  # first, since the place that a link leads to may hold any words
    ("empty", "is empty"),
    ("not allowed to be read", os.strerror(errno.EACCES)),
    ("a folder", "is a folder"),
    ("no file", "not a file"),
    ("no image", "no image format"),
    ("too large", "pixels"),
    ("too large", "bytes, more"),
    ("truncated", "truncated"),
)


def allowed_share(errors: OnError) -> float | None:
    """Return the share of images that may be left out, in [0, 1]; None stops at the first.

    Raises:
        DataError: for anything but ``"skip"``, ``"raise"`` and a number from 0 to 1.
    """
    given: object = errors
    if isinstance(given, str) and given in ("skip", "raise"):
        return DEFAULT_SHARE if given == "skip" else None
    if isinstance(given, int | float) and not isinstance(given, bool) and 0.0 <= given <= 1.0:
        return float(given)
    hint = did_you_mean(given, ("skip", "raise")) if isinstance(given, str) else ""
    raise DataError(
        "errors must be 'skip', 'raise' or the share of unreadable images to allow, from 0 to 1: "
        f"found {given!r}.{hint}"
    )


class Skipped:
    """The images of one source that are left out.

    Args:
        source: what names them.
        errors: ``"raise"`` stops at the first; ``"skip"`` allows 5 %, a number any other share.
            A single one is never too many, unless the share is 0.

    Attributes:
        reasons: the index of each, and why it cannot be read.
    """

    def __init__(self, source: ImageSource, errors: OnError) -> None:
        self.reasons: dict[int, str] = {}
        self._source, self._share = source, allowed_share(errors)

    def describe(self, index: int) -> str:
        """Return the name of image ``index``."""
        return self._source.describe(index)

    def add(self, index: int, why: str) -> None:
        """Leave an image out, with a warning that names it; the second time does nothing.

        Raises:
            DataError: with ``errors="raise"``.
        """
        why = printable(why)
        if self._share is None:
            raise DataError(why)
        if index not in self.reasons:
            self.reasons[index] = why
            warn_user(f"An image is left out: {why}")

    def check(self) -> None:
        """Raise DataError when they are more than allowed."""
        bad, n = len(self.reasons), len(self._source)
        if self._share is None or bad <= (self._share > 0) or bad / n <= self._share:
            return
        first = " ".join(list(self.reasons.values())[:_NAMED])
        root = getattr(self._source, "root", None)
        path = "PATH" if root is None else printable(os.fspath(root))
        more = "errors=0.2 allows 20 %" if bad / n < 0.2 else "errors=1.0 allows any number"
        raise DataError(
            f"{bad} of {n} images cannot be read so far, more than the {100 * self._share:.3g} % "
            f"allowed. The first: {first} Check the path and its disk; `learnkit doctor {path}` "
            f"lists every such file; {more}."
        )

    def nothing_left(self, planned: IntArray) -> DataError:
        """Return the error of an epoch without a batch.

        Args:
            planned: the indices of all images that were to be in it.
        """
        reasons = [self.reasons[index] for index in planned.tolist() if index in self.reasons]
        if len(reasons) < len(planned):
            found = (
                f"{len(reasons)} of the {len(planned)} images cannot be read, so no batch has the "
                "two samples that BatchNorm needs for training."
            )
        else:
            found = f"None of the {len(planned)} images can be read, so there is no batch."
        return DataError(f"{found} The first reason: {reasons[0]}")


def skipped_summary(loader: BatchLoader, name: str) -> str | None:
    """Say in one line how many images a loader left out, by kinds of reason.

    Such as ``left out: 3 of 244 training images (2 truncated, 1 empty); data.train_dl.skipped has
    the reasons``.

    Args:
        loader: any; of one that has no ``skipped`` nothing is said.
        name: ``"train"``, ``"valid"`` or ``"test"``.

    Returns:
        The line, or None where nothing was left out.
    """
    skipped: dict[int, str] | None = getattr(loader, "skipped", None)
    if not skipped:
        return None
    source: Any = getattr(loader, "source", None)
    n = loader.n_samples if source is None else len(source)
    counts = Counter(kind_of(why, loader.describe(index)) for index, why in skipped.items())
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    return (
        f"left out: {len(skipped)} of {n} {_SIDES.get(name, name)} images ({kinds}); "
        f"data.{name}_dl.skipped has the reasons"
    )


def kind_of(why: str, name: str) -> str:
    """Return a reason in a word or two; ``"damaged"`` where no better one is known.

    Args:
        why: the message of the error.
        name: of the image, which may hold any words.
    """
    reason = why.replace(printable(name), "")
    return next((kind for kind, words in _KINDS if words in reason), "damaged")


def printable(text: str) -> str:
    """Return a text that takes one line and no terminal obeys: what is not printable is escaped.

    The names of files may hold line ends, escape sequences, and bytes that are no UTF-8.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
