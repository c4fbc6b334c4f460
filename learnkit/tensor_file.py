"""Read a safetensors file that nobody vouches for: first what it says it holds, then the tensors.

The format is 8 bytes that give the length of a header, the header in JSON with each tensor's type,
shape and place, and the tensors' bytes (huggingface.co/docs/safetensors). The header is bounded
and must account for every byte of the file, so that what it describes is never larger than the file
is. Knows no models.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import BinaryIO, Final

import safetensors
import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor

from learnkit.bounded_json import parse_json, shorten
from learnkit.json_fields import Fields

MAX_HEADER: Final = 8 << 20
_MAX_PARTS: Final = 300_000  # three for a tensor
_LENGTH: Final = 8  # bytes of the header's length
_MAX_AXES: Final = 16
_DTYPES: Final = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
    "C64": torch.complex64,
}


def read_layout(file: BinaryIO, size: int) -> dict[str, Tensor]:
    """Return what the header of a file promises, as tensors on torch's meta device.

    Args:
        file: at its beginning; only the header is read.
        size: of the file in bytes.

    Raises:
        ValueError: saying in a sentence, without its full stop, what is wrong with the header.
    """
    length = int.from_bytes(file.read(_LENGTH), "little")
    body = size - _LENGTH - length
    if size < _LENGTH or body < 0:
        raise ValueError("it is not a safetensors file, or was cut off")
    if length > MAX_HEADER:
        raise ValueError(f"its header has {length:,} bytes, more than {MAX_HEADER:,}")
    raw = parse_json(file.read(length), max_parts=_MAX_PARTS)
    if not isinstance(raw, dict):
        raise ValueError(f"its header must be a JSON object; found {type(raw).__name__}")
    raw.pop("__metadata__", None)
    layout = {name: _promised(name, entry, body) for name, entry in raw.items()}
    promised = sum(value.nbytes for value in layout.values())
    if promised != body:
        raise ValueError(f"its tensors take {promised:,} bytes, but {body:,} follow the header")
    return layout


def _promised(name: str, entry: object, body: int) -> Tensor:
    read = Fields(entry, f"{shorten(name)[1:-1]}.")
    dtype = _DTYPES.get(read.value("dtype", str))
    if dtype is None:
        read.refuse("dtype", f"one of {', '.join(_DTYPES)}")
    shape = read.wholes("shape", at_most=_MAX_AXES)
    places = read.wholes("data_offsets", at_most=2)
    if len(places) != 2 or not places[0] <= places[1] <= body:
        read.refuse("data_offsets", f"where it begins and ends in the {body:,} bytes of tensors")
    room = places[1] - places[0]
    if math.prod(shape) * dtype.itemsize != room or math.prod(max(n, 1) for n in shape) >= 1 << 62:
        read.refuse("shape", f"one of {room:,} bytes in {dtype}")
    return torch.empty(shape, dtype=dtype, device="meta")


def read_tensors(file: BinaryIO, size: int, *, sha256: str) -> dict[str, Tensor]:
    """Return the tensors of a file whose layout is known to fit.

    Args:
        file: as given to `read_layout`.
        size: of the file in bytes.
        sha256: of the whole file, as hexadecimal digits.

    Raises:
        ValueError: saying in a sentence, without its full stop, that it is another file or damaged.
    """
    file.seek(0)
    data = file.read(size)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError("its SHA-256 is not the one in the card, so it is damaged or another file")
    try:
        return load_safetensors(data)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise ValueError(f"it is not a safetensors file ({error})") from error


def type_problems(own: Mapping[str, Tensor], layout: Mapping[str, Tensor]) -> list[str]:
    """Say of which tensors the type is another one, that the model's own does not hold exactly.

    Floats may be of fewer bits than the model's, as after ``model.half()``; nothing else is
    converted.

    Args:
        own: the model's tensors.
        layout: those of a file, all of which the model has.
    """
    return [
        f"{name} is {value.dtype}, expected {own[name].dtype}"
        for name, value in layout.items()
        if value.dtype != own[name].dtype and not _widens(value.dtype, own[name].dtype)
    ]


def _widens(found: torch.dtype, own: torch.dtype) -> bool:
    floats = found.is_floating_point and own.is_floating_point
    # smaller, not as small: of two bytes there are two types, neither of which holds the other
    return floats and found.itemsize < own.itemsize
