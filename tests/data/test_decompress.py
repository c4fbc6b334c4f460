import bz2
import gzip
import io
import lzma
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from learnkit.data.decompress import decompressed

DATA = random.Random(0).randbytes(300_000) + bytes(500_000)
Pack = Callable[[bytes], bytes]
PACKERS: list[Pack] = [gzip.compress, bz2.compress, lzma.compress]


def through(data: bytes, path: Path, step: int = 70_001) -> bytes:
    path.write_bytes(data)
    with path.open("rb") as file:
        stream, out = decompressed(file), b""
        while chunk := stream.read(step):
            out += chunk
    return out


@pytest.mark.parametrize("pack", [*PACKERS, bytes])
def test_every_format_is_known_by_its_first_bytes(pack: Pack, tmp_path: Path) -> None:
    assert through(pack(DATA), tmp_path / "x") == DATA


@pytest.mark.parametrize("pack", PACKERS)
@pytest.mark.parametrize("step", [1, 511, 1 << 20])
def test_streams_may_follow_each_other(pack: Pack, step: int, tmp_path: Path) -> None:
    assert through(pack(b"one") + pack(b"two") + pack(b""), tmp_path / "x", step) == b"onetwo"


def test_zeros_may_stand_between_xz_streams(tmp_path: Path) -> None:
    packed = lzma.compress(b"one") + bytes(200_000) + lzma.compress(b"two") + bytes(70_000)
    assert through(packed, tmp_path / "x") == b"onetwo"


@pytest.mark.parametrize("pack", PACKERS)
@pytest.mark.parametrize("cut", [20, 1000, -1])
def test_a_file_that_is_cut_off_is_told(pack: Pack, cut: int, tmp_path: Path) -> None:
    with pytest.raises(EOFError):
        through(pack(DATA)[:cut], tmp_path / "x")


@pytest.mark.parametrize("pack", PACKERS)
def test_a_changed_byte_is_told(pack: Pack, tmp_path: Path) -> None:
    packed = bytearray(pack(DATA))
    packed[len(packed) // 2] ^= 1
    with pytest.raises((OSError, EOFError, zlib.error, lzma.LZMAError)):
        through(bytes(packed), tmp_path / "x")


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_rubbish_at_the_end_is_told(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises((OSError, EOFError, lzma.LZMAError)):
        through(pack(DATA) + b"rubbish", tmp_path / "x")


def test_xz_may_not_ask_for_any_amount_of_memory(tmp_path: Path) -> None:
    """A header of 12 bytes may ask for a dictionary of 4 GiB."""
    packed = bytearray(lzma.compress(b"small"))
    assert packed[14:16] == b"\x21\x01"  # LZMA2, and one byte of options
    packed[16] = 40
    end = 12 + (packed[12] + 1) * 4 - 4
    packed[end : end + 4] = zlib.crc32(packed[12:end]).to_bytes(4, "little")
    with pytest.raises(OSError, match="it needs more than 256 MiB of memory"):
        through(bytes(packed), tmp_path / "x")


def test_a_bomb_comes_out_in_the_portions_asked_for(tmp_path: Path) -> None:
    packer = lzma.LZMACompressor()
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    (tmp_path / "x").write_bytes(packed)
    with (tmp_path / "x").open("rb") as file:
        stream = decompressed(file)
        assert isinstance(stream, io.BufferedReader)
        assert len(stream.read(10)) == 10
        assert len(stream.read1(1 << 30)) <= 1 << 30
