"""Random changes of bytes and of JSON values, from a generator that is given."""

import copy
import json
import random
import struct
from typing import Any, Final

NUMBERS: Final = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
WIDTHS: Final = ("B", "<H", ">H", "<I", ">I", "<Q", ">Q")
WORDS: Final = (
    *("", "a", "F32", "I64", "resnet18", "timm/test_vit", "timm/hf-hub:a/b", "mlp", "cnn", "plain"),
    *("softmax", "crop", "../../etc/passwd", "\0", "\ud800", "caf\udce9", "😀", "x" * 5000),
)
VALUES: Final = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, 1e-320),
    *([], {}, [[]], [0], [1, 2, 3], {"a": 1}, [1] * 300, *WORDS),
)


def changed_bytes(data: bytes, rng: random.Random, other: bytes = b"") -> bytes:
    """Change one to eight places of some bytes."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        rng.choice((_flip, _number, _cut, _repeat, _remove, _noise, _cross))(found, rng, other)
    return bytes(found)


def _place(found: bytearray, rng: random.Random) -> int:
    """Choose a place, near the beginning more often: that is where headers are."""
    end = len(found) if rng.random() < 0.5 else min(len(found), 200)
    return rng.randrange(max(1, end))


def _flip(found: bytearray, rng: random.Random, other: bytes) -> None:
    if found:
        found[_place(found, rng)] ^= 1 << rng.randrange(8)


def _number(found: bytearray, rng: random.Random, other: bytes) -> None:
    form = rng.choice(WIDTHS)
    size, place = struct.calcsize(form), _place(found, rng)
    if place + size <= len(found):
        struct.pack_into(form, found, place, rng.choice(NUMBERS) & ((1 << 8 * size) - 1))


def _cut(found: bytearray, rng: random.Random, other: bytes) -> None:
    if rng.random() < 0.3:
        del found[_place(found, rng) :]


def _repeat(found: bytearray, rng: random.Random, other: bytes) -> None:
    start = _place(found, rng)
    part = found[start : start + rng.choice((1, 4, 31, 500))]
    found[start:start] = part * rng.choice((1, 2, 50))


def _remove(found: bytearray, rng: random.Random, other: bytes) -> None:
    start = _place(found, rng)
    del found[start : start + rng.choice((1, 2, 4, 30))]


def _noise(found: bytearray, rng: random.Random, other: bytes) -> None:
    start = _place(found, rng)
    found[start : start + 4] = rng.randbytes(rng.choice((1, 4, 40)))


def _cross(found: bytearray, rng: random.Random, other: bytes) -> None:
    if other:
        start, there = _place(found, rng), rng.randrange(len(other))
        found[start : start + 100] = other[there : there + rng.choice((4, 100, 1000))]


def changed_value(value: Any, rng: random.Random) -> Any:
    """Change one to three places of a JSON value."""
    found = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2, 3))):
        holder = found
        while True:  # walk down to a place by chance
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = rng.choice(keys)
            if isinstance(holder[key], dict | list) and rng.random() < 0.7:
                holder = holder[key]
                continue
            _change_at(holder, key, rng)
            break
    return found


def _change_at(holder: Any, key: Any, rng: random.Random) -> None:
    kind = rng.randrange(5)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[rng.choice(WORDS)] = copy.deepcopy(rng.choice((holder[key], *VALUES)))
    elif kind == 2 and isinstance(holder[key], int | float):
        holder[key] = holder[key] * rng.choice((-1, 2, 10**9)) + rng.choice((-1, 0, 1, 0.5))
    elif kind == 3 and isinstance(holder, list):
        holder.extend(holder[:1] * rng.choice((1, 3, 100)))
    else:
        holder[key] = copy.deepcopy(rng.choice(VALUES))


def as_json(value: Any, rng: random.Random) -> bytes:
    """Write a value in one of the ways that JSON has, sometimes with one of its pitfalls."""
    text = json.dumps(value, indent=rng.choice((None, 1)), allow_nan=True)
    pitfalls = (
        lambda: text.replace("0.5", "1e400"),
        lambda: text.replace("1", "9" * 5000, 1),
        lambda: text.replace("{", '{"format": 1, "format": 1,', 1),
        lambda: text.replace("[", "[" * 2000, 1),
        lambda: "\ufeff" + text,
        lambda: text.replace('"', '"\\ud800', 1),
        lambda: text.replace(":", ": NaN,", 1),
    )
    if rng.random() < 0.1:
        text = rng.choice(pitfalls)()
    return text.encode("utf-16") if rng.random() < 0.01 else text.encode()
