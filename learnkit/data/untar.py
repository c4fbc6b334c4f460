"""Fetch an archive of data once and unpack it safely.

Knows nothing of what is in the archive.
"""

import hashlib
import http.client
import os
import shutil
import tempfile
import urllib.parse
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from learnkit.data.cache_folder import home_folder
from learnkit.data.unpack import SUFFIXES, unpack
from learnkit.errors import DataError
from learnkit.names import checked_keywords, did_you_mean

_TIMEOUT: Final = 30.0  # seconds without a byte
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive on the web.

    Attributes:
        name: what it is called in ``URLs``.
        url: its https address.
        sha256: of the file, checked after download, or None where it is not known.
    """

    name: str
    url: str
    sha256: str | None = None


class _Names(type):
    if not TYPE_CHECKING:

        def __getattr__(cls, name: str) -> Any:
            known = [word for word in vars(cls) if word.isupper()]
            raise AttributeError(f"URLs has no {name!r}.{did_you_mean(name, known)}")


_S3 = "https://s3.amazonaws.com/fast-ai-"


class URLs(metaclass=_Names):
    """fastai's public data sets, for ``untar_data``.

    The addresses are fastai's. It publishes no SHA-256 of them, so none is checked unless you give
    ``untar_data`` one.
    """

    MNIST_SAMPLE = Archive("MNIST_SAMPLE", f"{_S3}sample/mnist_sample.tgz")
    MNIST_TINY = Archive("MNIST_TINY", f"{_S3}sample/mnist_tiny.tgz")
    MNIST = Archive("MNIST", f"{_S3}imageclas/mnist_png.tgz")
    CIFAR = Archive("CIFAR", f"{_S3}sample/cifar10.tgz")
    CIFAR_100 = Archive("CIFAR_100", f"{_S3}imageclas/cifar100.tgz")
    DOGS = Archive("DOGS", f"{_S3}sample/dogscats.tgz")
    PETS = Archive("PETS", f"{_S3}imageclas/oxford-iiit-pet.tgz")
    FLOWERS = Archive("FLOWERS", f"{_S3}imageclas/oxford-102-flowers.tgz")
    FOOD = Archive("FOOD", f"{_S3}imageclas/food-101.tgz")
    CARS = Archive("CARS", f"{_S3}imageclas/stanford-cars.tgz")
    CALTECH_101 = Archive("CALTECH_101", f"{_S3}imageclas/caltech_101.tgz")
    CUB_200_2011 = Archive("CUB_200_2011", f"{_S3}imageclas/CUB_200_2011.tgz")
    PLANET_SAMPLE = Archive("PLANET_SAMPLE", f"{_S3}sample/planet_sample.tgz")
    PLANET_TINY = Archive("PLANET_TINY", f"{_S3}sample/planet_tiny.tgz")
    IMAGENETTE = Archive("IMAGENETTE", f"{_S3}imageclas/imagenette2.tgz")
    IMAGENETTE_160 = Archive("IMAGENETTE_160", f"{_S3}imageclas/imagenette2-160.tgz")
    IMAGENETTE_320 = Archive("IMAGENETTE_320", f"{_S3}imageclas/imagenette2-320.tgz")
    IMAGEWOOF = Archive("IMAGEWOOF", f"{_S3}imageclas/imagewoof2.tgz")
    IMAGEWOOF_160 = Archive("IMAGEWOOF_160", f"{_S3}imageclas/imagewoof2-160.tgz")
    IMAGEWOOF_320 = Archive("IMAGEWOOF_320", f"{_S3}imageclas/imagewoof2-320.tgz")


@checked_keywords
def untar_data(
    archive: Archive | str,
    *,
    dest: str | os.PathLike[str] | None = None,
    sha256: str | None = None,
) -> Path:
    """Return the folder with the data of an archive; download and unpack it when it is not there.

    Nothing half done is ever seen: the folder appears under its name when all of it is unpacked.
    An archive file that lies in ``dest`` already is used instead of downloading.

    Args:
        archive: one of ``URLs``, or an https:// or file:// address of a .tgz, .tar.* or .zip.
        dest: the folder to put it in; by default ``data`` in ``~/.cache/learnkit``, or in the
            folder that the environment variable LEARNKIT_HOME names.
        sha256: of the archive file, to be checked.

    Returns:
        The folder that the archive holds, or a folder with all it holds.

    Raises:
        DataError: when it cannot be fetched, is another file than it should be, or holds
            anything but plain files and folders below its own.
    """
    if isinstance(archive, str):
        archive = Archive(archive, archive)
    sha256 = sha256 or archive.sha256
    file_name, folder_name = _names_of(archive.url)
    folder = home_folder() / "data" if dest is None else Path(dest).expanduser()
    target = folder / folder_name
    if target.is_dir():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{folder_name}-", dir=folder))
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written to: {error.strerror}. Give untar_data another dest=, or "
            f"set LEARNKIT_HOME to a folder of yours."
        ) from error
    try:
        local = folder / file_name
        if not local.is_file():
            local = _download(archive, work / file_name, folder, target)
        _check_sha256(local, sha256, archive)
        unpack(local, work / "unpacked")
        return _put_in_place(work / "unpacked", target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _names_of(url: str) -> tuple[str, str]:
    """Return the names of the archive file and of the folder it is unpacked to."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("https", "file"):
        raise DataError(
            f"untar_data takes one of URLs, or an address that begins with https:// or file://; "
            f"found {url!r}."
        )
    file_name = urllib.parse.unquote(parts.path).replace("\\", "/").rpartition("/")[2]
    suffix = next((s for s in SUFFIXES if file_name.lower().endswith(s)), None)
    if suffix is None or len(file_name) == len(suffix):
        raise DataError(f"{url} names no archive: it must end in one of {', '.join(SUFFIXES)}.")
    return file_name, file_name[: -len(suffix)]


def _download(archive: Archive, to: Path, folder: Path, target: Path) -> Path:
    try:
        with urllib.request.urlopen(archive.url, timeout=_TIMEOUT) as response:
            if urllib.parse.urlsplit(response.url).scheme not in ("https", "file"):
                raise OSError(f"it was redirected to {response.url}, which is not encrypted")
            _save(response, to)
    except (OSError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", None) or error or type(error).__name__)
        raise DataError(
            f"{archive.name} is not on this machine and could not be fetched: {reason}. "
            f"Fetch {archive.url} where there is a network and put {to.name} into {folder}, or "
            f"unpack it as {target}; then call this again."
        ) from error
    return to


def _save(response: Any, to: Path) -> None:
    declared = response.headers.get("Content-Length")
    with to.open("wb") as file:
        shutil.copyfileobj(response, file, _CHUNK)
    found = to.stat().st_size
    if declared is not None and found != int(declared):
        raise OSError(f"the connection ended after {found} of {declared} bytes")


def _check_sha256(file: Path, sha256: str | None, archive: Archive) -> None:
    if sha256 is None:
        return
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        _feed(stream, digest)
    if digest.hexdigest() != sha256.lower():
        raise DataError(
            f"{file.name} of {archive.url} is not the file it should be: expected SHA-256 "
            f"{sha256.lower()}, found {digest.hexdigest()}. Nothing was unpacked."
        )


def _feed(stream: IO[bytes], digest: Any) -> None:
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)


def _put_in_place(unpacked: Path, target: Path) -> Path:
    """Rename what was unpacked; an archive's only folder takes the place of the whole."""
    entries = [entry for entry in unpacked.iterdir() if not entry.name.startswith("._")]
    if len(entries) == 1 and entries[0].is_dir():
        unpacked = entries[0]
    # another process may have been faster; its folder holds the same
    with suppress(OSError):
        unpacked.rename(target)
    if not target.is_dir():
        raise DataError(f"{target} could not be made: another file may have that name.")
    return target
