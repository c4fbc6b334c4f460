import hashlib
import io
import json
import struct
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from learnkit.tensor_file import read_layout, read_tensors, type_problems

STATE = {
    "weight": torch.arange(6.0).reshape(2, 3),
    "half": torch.ones(4, dtype=torch.float16),
    "count": torch.tensor(7),
    "none": torch.zeros(0, 3),
    "mask": torch.tensor([True, False]),
}


def layout(data: bytes) -> dict[str, torch.Tensor]:
    return read_layout(io.BytesIO(data), len(data))


def why(data: bytes) -> str:
    with pytest.raises(ValueError) as caught:
        layout(data)
    return str(caught.value)


def file_of(head: Any, body: bytes = bytes(8)) -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + body


def one(**changes: Any) -> bytes:
    return file_of({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}})


def test_the_layout_is_that_of_the_tensors() -> None:
    found = layout(save(STATE))
    assert {k: (v.shape, v.dtype) for k, v in found.items()} == {
        k: (v.shape, v.dtype) for k, v in STATE.items()
    }
    assert {v.device.type for v in found.values()} == {"meta"}


def test_the_tensors_are_read() -> None:
    data = save(STATE)
    sha256 = hashlib.sha256(data).hexdigest()
    found = read_tensors(io.BytesIO(data), len(data), sha256=sha256)
    for name, value in STATE.items():
        torch.testing.assert_close(found[name], value)


def test_metadata_is_left_alone() -> None:
    assert layout(save(STATE, metadata={"any": "thing"})).keys() == STATE.keys()


def test_another_sum_is_another_file() -> None:
    data = save(STATE)
    with pytest.raises(ValueError, match="its SHA-256 is not the one in the card"):
        read_tensors(io.BytesIO(data), len(data), sha256="0" * 64)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is not a safetensors file, or was cut off"),
        (bytes(7), "it is not a safetensors file, or was cut off"),
        (b"\x80\x04\x95 a pickle", "it is not a safetensors file, or was cut off"),
        (b"PK\3\4" + bytes(100), "it is not a safetensors file, or was cut off"),
        (struct.pack("<Q", 2**63), "it is not a safetensors file, or was cut off"),
        (file_of([]), "its header must be a JSON object; found list"),
        (file_of(b"{}"), "its tensors take 0 bytes, but 8 follow the header"),
        (
            file_of(b"{", b""),
            "it is not JSON (Expecting property name enclosed in double quotes: "
            "line 1 column 2 (char 1))",
        ),
        (file_of({"a": 3}), "it must hold a JSON object; found int"),
        (
            one(dtype="F128"),
            "field 'a.dtype' must be one of BOOL, U8, I8, I16, I32, I64, F16, BF16, "
            "F32, F64, C64; found 'F128'",
        ),
        (one(dtype=["F32"]), "field 'a.dtype' must be a JSON string; found ['F32']"),
        (one(shape=[3]), "field 'a.shape' must be one of 8 bytes in torch.float32; found [3]"),
        (one(dtype="F64"), "field 'a.shape' must be one of 8 bytes in torch.float64; found [2]"),
        (
            one(shape=[-2]),
            "field 'a.shape' must be a list of at most 16 whole numbers of at least 0; found [-2]",
        ),
        (
            one(shape=[2.0]),
            "field 'a.shape' must be a list of at most 16 whole numbers of at least 0; found [2.0]",
        ),
        (
            one(shape=[10**12]),
            "field 'a.shape' must be one of 8 bytes in torch.float32; found [1000000000000]",
        ),
        (
            one(shape=[0, 2**40, 2**40], data_offsets=[0, 0]),
            "field 'a.shape' must be one of 0 bytes "
            "in torch.float32; found [0, 1099511627776, 1099511627776]",
        ),
        (
            one(data_offsets=[0, 4]),
            "field 'a.shape' must be one of 4 bytes in torch.float32; found [2]",
        ),
        (
            one(data_offsets=[8, 0]),
            "field 'a.data_offsets' must be where it begins and ends in the 8 "
            "bytes of tensors; found [8, 0]",
        ),
        (
            one(data_offsets=[0, 2**40]),
            "field 'a.data_offsets' must be where it begins and ends in "
            "the 8 bytes of tensors; found [0, 1099511627776]",
        ),
        (
            one(data_offsets=[0]),
            "field 'a.data_offsets' must be where it begins and ends in the 8 "
            "bytes of tensors; found [0]",
        ),
        (
            file_of(b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "a": 3}'),
            "it has the field 'a' twice",
        ),
        (one() + b"more", "its tensors take 8 bytes, but 12 follow the header"),
    ],
)
def test_a_header_that_lies_is_refused(data: bytes, reason: str) -> None:
    assert why(data) == reason


def test_tensors_on_the_same_bytes_are_refused() -> None:
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    assert why(file_of({"a": entry, "b": entry})) == (
        "its tensors take 16 bytes, but 8 follow the header"
    )


def test_tensors_may_be_many_but_not_any_number() -> None:
    entry = {"dtype": "F32", "shape": [], "data_offsets": [0, 0]}
    head = file_of({f"{n:06}": entry for n in range(100_001)}, b"")
    assert why(head) == "it has more than 300,000 lists and objects"


def test_a_long_header_is_not_read() -> None:
    file = io.BytesIO(struct.pack("<Q", 1 << 30) + bytes(100))
    with pytest.raises(ValueError) as caught:
        read_layout(file, 1 << 40)
    assert str(caught.value) == "its header has 1,073,741,824 bytes, more than 8,388,608"
    assert file.tell() == 8


def test_what_the_layout_overlooks_the_library_tells() -> None:
    """Two tensors in each other's place take as many bytes as they should."""
    entries = {
        "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
        "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    }
    data = file_of(entries)
    layout(data)
    sha256 = hashlib.sha256(data).hexdigest()
    with pytest.raises(ValueError, match="it is not a safetensors file"):
        read_tensors(io.BytesIO(data), len(data), sha256=sha256)


@given(st.data())
def test_no_change_of_a_file_does_anything_but_an_error(data: st.DataObject) -> None:
    changed = bytearray(save(STATE))
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    sha256 = hashlib.sha256(changed).hexdigest()
    try:
        found = layout(bytes(changed))
        read_tensors(io.BytesIO(changed), len(changed), sha256=sha256)
    except ValueError:
        return
    assert sum(value.nbytes for value in found.values()) < len(changed)


def test_types_are_widened_where_nothing_is_lost() -> None:
    def problems(found: torch.dtype, own: torch.dtype) -> list[str]:
        return type_problems({"a": torch.zeros(1, dtype=own)}, {"a": torch.zeros(1, dtype=found)})

    wide = [(torch.float16, torch.float32), (torch.bfloat16, torch.float32)]
    wide += [(torch.float32, torch.float64), (torch.int64, torch.int64)]
    assert [problems(*pair) for pair in wide] == [[]] * 4
    assert problems(torch.float64, torch.float32) == ["a is torch.float64, expected torch.float32"]
    for found, own in [
        (torch.int32, torch.int64),
        (torch.int64, torch.float32),
        (torch.float16, torch.bfloat16),
        (torch.complex64, torch.float32),
        (torch.bool, torch.float32),
        (torch.float32, torch.int64),
    ]:
        assert problems(found, own) == [f"a is {found}, expected {own}"]
