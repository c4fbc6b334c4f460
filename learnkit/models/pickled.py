"""Read a ``.pth`` file that nobody vouches for, by torch's reader of weights alone.

That reader runs no code, but follows what the file says about sizes. So records are mapped, not
read: one that is packed, or is said to be larger than it is, costs no memory. Knows no models.
"""

import io
import pickle
import re
import struct
import warnings
import zipfile
from pathlib import Path
from typing import BinaryIO, Final

import torch

from learnkit.errors import WeightsError
from learnkit.models.pickle_weight import MAX_WEIGHT, heaviest
from learnkit.regular_file import open_regular

# The part of a file that names its tensors: 50 kB in a resnet's; 80 times as much in memory.
MAX_PICKLE: Final = 4 << 20
_NOT_READ: Final = "so it was not read."
_NEVER: Final = f"which torch.save never writes, {_NOT_READ}"
_TOO_LONG: Final = f"has more than {MAX_PICKLE >> 20} MiB besides its tensors, {_NOT_READ}"
_ENDS: Final = 56 + 20 + 22  # bytes of what may follow the directory: APPNOTE 6.3.10, 4.3.14 to 16
_OLD_PICKLES: Final = 5  # before the tensors, in the form without records
_SAVE_AGAIN: Final = "Save the tensors alone with torch.save(model.state_dict(), path)."
# The readers check little before they follow the bytes, so noise fails in many ways.
_UNREADABLE: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
)


def read_pickled(path: Path) -> object:
    """Return what ``torch.save`` wrote, on the CPU; its tensors may be maps of the file.

    Raises:
        WeightsError: when the file is damaged, holds anything that could run code, or is not of
            the kind that ``torch.save`` writes.
        OSError: when it is missing or no regular file.
    """
    with open_regular(path) as file:
        mapped = file.read(4) == b"PK\x03\x04"
        try:
            refused = _refusal_of_zip(file) if mapped else _refusal_of_other(file)
        except _UNREADABLE as error:
            raise damaged(path, error) from error
    if refused is not None:
        raise WeightsError(f"The weights file {path.absolute()} {refused} {_SAVE_AGAIN}")
    return _load(path, mapped=mapped)


def damaged(path: Path, error: Exception) -> WeightsError:
    """Return the error for a file that is neither a .pth nor a .safetensors file."""
    return WeightsError(
        f"The weights file {path.absolute()} cannot be read: it is damaged, or no .pth or "
        f".safetensors file ({type(error).__name__}). Delete it and fetch it again."
    )


def _refusal_of_zip(file: BinaryIO) -> str | None:
    with zipfile.ZipFile(file) as records:
        if not _has_one_directory(file):
            return "holds more than its directory lists, " + _NEVER
        infos = records.infolist()
        refused = _refusal_of_records(infos)
        for info in _pickles(infos) if refused is None else ():
            refused = refused or _refusal_of_pickles(records.read(info), 1)
    return refused


def _has_one_directory(file: BinaryIO) -> bool:
    """Say whether every reader of zip files finds the same directory: one that ends the file.

    Python's looks for it right before its end mark, torch's where that mark says it is.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _ENDS))
    tail = file.read().rjust(_ENDS, b"\0")
    if tail[-22:-18] != b"PK\5\6" or tail[-2:] != b"\0\0":
        return False
    length, offset = struct.unpack_from("<LL", tail, _ENDS - 22 + 12)
    end = size - 22
    if tail[-42:-38] == b"PK\6\7":  # numbers of 64 bits stand before it
        (mark,) = struct.unpack_from("<Q", tail, _ENDS - 42 + 8)
        length, offset = struct.unpack_from("<QQ", tail, 40)
        end = size - _ENDS
        if mark != end:
            return False
    return bool(offset + length == end)


def _refusal_of_records(infos: list[zipfile.ZipInfo]) -> str | None:
    if any(_inner(info) == "constants.pkl" for info in infos):
        return "is a TorchScript program, and running it could do anything, " + _NOT_READ
    if any(i.compress_type != zipfile.ZIP_STORED or i.file_size != i.compress_size for i in infos):
        return "holds packed records, " + _NEVER
    if any(info.file_size > MAX_PICKLE for info in _pickles(infos)):
        return _TOO_LONG
    return None


def _pickles(infos: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    return [info for info in infos if _inner(info) == "data.pkl"]


def _inner(info: zipfile.ZipInfo) -> str:
    """Return the name that torch knows a record by; its reader takes A for a."""
    return info.orig_filename.partition("/")[2].lower()


def _refusal_of_other(file: BinaryIO) -> str | None:
    file.seek(257)
    if file.read(5) == b"ustar":
        return "is of a form that torch has not written since 2017, so it was not read."
    file.seek(0)
    head = file.read(MAX_PICKLE)
    try:
        return _refusal_of_pickles(head, _OLD_PICKLES)
    except ValueError:
        if len(head) == MAX_PICKLE:
            return _TOO_LONG
        raise


def _refusal_of_pickles(data: bytes, n: int) -> str | None:
    """Look at the weight of some pickles that follow each other."""
    if heaviest(io.BytesIO(data), n) > MAX_WEIGHT:
        return "holds values in values without end, so it was not read."
    return None


def _load(path: Path, *, mapped: bool) -> object:
    try:
        with warnings.catch_warnings():  # an old protocol is read, or refused below, all the same
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        code = _code_in(error)
        if code is None:
            raise damaged(path, error) from error
        raise WeightsError(
            f"The weights file {path.absolute()} holds Python objects besides tensors ({code}), "
            f"and reading them could run code, so it was not read. {_SAVE_AGAIN}"
        ) from None
    except _UNREADABLE as error:
        raise damaged(path, error) from error


def _code_in(error: pickle.UnpicklingError) -> str | None:
    """Name what torch's safe reader refused, or None when it could not read the file at all."""
    named = re.search(r"GLOBAL ([\w.]+)", str(error))
    if named:
        return named[1]
    refused = "unrecognized function" in str(error) or "add_safe_globals" in str(error)
    return "a function call" if refused else None
