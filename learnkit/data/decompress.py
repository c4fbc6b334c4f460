"""The bytes of a file that may be packed by gzip, bzip2 or xz.

Knows the three formats by their first bytes, whatever the file is called.
"""

import errno
import io
from typing import TYPE_CHECKING, BinaryIO, Final, cast

if TYPE_CHECKING:
    from lzma import LZMADecompressor

# xz -9 needs 65 MiB; a header may ask for 4 GiB
_XZ_MEMORY: Final = 256 << 20
_CHUNK: Final = 1 << 16


def decompressed(file: BinaryIO) -> BinaryIO:
    """Return a stream of what is in an open file.

    Reading raises EOFError when the file is cut off, and OSError, ``zlib.error`` or ``LZMAError``
    when it is damaged.
    """
    start = file.read(6)
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        import gzip

        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    if start.startswith(b"BZh"):
        import bz2

        return cast(BinaryIO, bz2.BZ2File(file))
    if start == b"\xfd7zXZ\0":
        return io.BufferedReader(_Xz(file), _CHUNK)
    return file


class _Xz(io.RawIOBase):
    """One xz stream after the other, with a bound on memory that ``lzma.open`` does not have."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._packed = b""
        self._decoder: LZMADecompressor | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        room = memoryview(buffer)  # type: ignore[arg-type]
        data = b""
        while not data and self._more():
            data = self._decode(len(room))
        room[: len(data)] = data
        return len(data)

    def _decode(self, size: int) -> bytes:
        import lzma

        assert self._decoder is not None
        packed, self._packed = self._packed, b""
        try:
            return self._decoder.decompress(packed, size)
        except lzma.LZMAError as error:
            if "Memory usage limit" not in str(error):
                raise
            reason = f"it needs more than {_XZ_MEMORY >> 20} MiB of memory"
            raise OSError(errno.ENOMEM, reason) from error

    def _more(self) -> bool:
        """Make ready to decode; say whether there is anything left."""
        import lzma

        decoder = self._decoder
        if decoder is not None and decoder.eof:
            self._packed, decoder = decoder.unused_data.lstrip(b"\0"), None
        while not self._packed and (decoder is None or decoder.needs_input):
            self._packed = self._file.read(_CHUNK)
            if not self._packed:
                if decoder is None:
                    return False
                raise EOFError("the file ended before its end mark")
            if decoder is None:  # between streams, which may follow each other, zeros may stand
                self._packed = self._packed.lstrip(b"\0")
        if decoder is None:
            self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
        return True
