"""A folder of photos as strangers give them: good ones of every odd kind, and broken ones."""

import io
import os
import socket
import struct
import zlib
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

HAS_PIPES = hasattr(os, "mkfifo")
_FOLDERS = (("train", "blue"), ("valid", "blue"), ("train", "red"), ("valid", "red"))


@dataclass
class Corpus:
    """What was made.

    Attributes:
        root: the folder, with ``train/<class>`` and ``valid/<class>``.
        good: the files that can be read, relative to the root.
        bad: the others.
    """

    root: Path
    good: set[str] = field(default_factory=set)
    bad: set[str] = field(default_factory=set)

    def side(self, name: str) -> tuple[set[str], set[str]]:
        """Return the good and the bad files of one side."""
        good, bad = ({n for n in each if n.startswith(name)} for each in (self.good, self.bad))
        return good, bad


def make_corpus(root: Path, photos: list[bytes]) -> Corpus:
    """Write the folder: each class of each side has photos, and odd and broken files among them.

    No photo is on both sides.

    Args:
        root: where to.
        photos: JPEG files of real or drawn photos, at least four.
    """
    corpus = Corpus(root)
    for number, (side, label) in enumerate(_FOLDERS):
        folder = root / side / label
        folder.mkdir(parents=True)
        for place, photo in enumerate(photos[number::4]):
            _write(corpus, folder / f"photo_{place}.jpg", photo, corpus.good)
    for place, files in enumerate(zip(*map(odd_files, photos[:4]), strict=True)):
        name, data = files[place % 4]  # made of a photo of its own folder
        _write(corpus, root / "/".join(_FOLDERS[place % 4]) / name, data, corpus.good)
    for place, (name, data) in enumerate(broken_files(photos[0])):
        _write(corpus, root / "/".join(_FOLDERS[place % 4]) / name, data, corpus.bad)
    for number in (0, 1):
        _odd_entries(corpus, root / "/".join(_FOLDERS[number]), photos[number])
    return corpus


def _write(corpus: Corpus, path: Path, data: bytes, kind: set[str]) -> None:
    path.write_bytes(data)
    kind.add(path.relative_to(corpus.root).as_posix())


def _odd_entries(corpus: Corpus, folder: Path, photo: bytes) -> None:
    """Add links, folders with names of images, pipes: what is in a folder and is no plain file."""
    inner = corpus.root / "elsewhere" / folder.parent.name
    inner.mkdir(parents=True)
    (inner / "far.jpg").write_bytes(photo)
    links: dict[str, str | Path] = {
        "link.jpg": "photo_0.jpg",
        "linked_folder.jpg": inner,
        "to_parent": "..",
        "to_itself_folder": "to_itself_folder",
        "itself.jpg": "itself.jpg",
        "there.jpg": "back.jpg",
        "back.jpg": "there.jpg",
        "nowhere.jpg": "nothing/at all.jpg",
        "device.jpg": "/dev/zero",
    }
    for name, target in links.items():
        (folder / name).symlink_to(target)
    (folder / "folder.jpg").mkdir()
    (folder / "folder.jpg/within.jpg").write_bytes(photo)
    (folder / "empty_folder.jpg").mkdir()
    prefix = folder.relative_to(corpus.root).as_posix()
    corpus.good |= {
        f"{prefix}/{n}" for n in ("link.jpg", "linked_folder.jpg/far.jpg", "folder.jpg/within.jpg")
    }
    bad = ["itself.jpg", "there.jpg", "back.jpg", "nowhere.jpg", "device.jpg"]
    if HAS_PIPES:
        os.mkfifo(folder / "pipe.jpg")
        with socket.socket(socket.AF_UNIX) as listening, chdir(folder):
            listening.bind("socket.jpg")  # by a short name, as long ones are not allowed
        bad += ["pipe.jpg", "socket.jpg"]
    if os.geteuid() != 0:  # who may read all
        (folder / "forbidden.jpg").write_bytes(photo)
        (folder / "forbidden.jpg").chmod(0)
        bad.append("forbidden.jpg")
    corpus.bad |= {f"{prefix}/{name}" for name in bad}


# good files of every kind


def odd_files(photo: bytes) -> Iterator[tuple[str, bytes]]:
    """Give the names and contents of files that are odd, and can be read."""
    image = Image.open(io.BytesIO(photo)).convert("RGB").resize((48, 40))
    yield from _modes(image)
    yield from _animated(image)
    yield from _with_exif(image, photo)
    for size in ((1, 1), (1, 5000), (5000, 1), (2, 1)):
        yield f"size_{size[0]}x{size[1]}.png", saved(image.resize(size), "PNG")
        yield f"size_{size[0]}x{size[1]}.jpg", saved(image.resize(size), "JPEG")
    yield "progressive.jpg", saved(image, "JPEG", progressive=True)
    yield "rubbish_after.jpg", photo + b"\0rubbish" * 100
    yield "is_png.jpg", saved(image, "PNG")
    yield "is_jpeg.png", photo
    yield "UPPER.JPG", photo
    for name in _names():
        yield name, photo


def _names() -> Iterator[str]:
    yield "line\nend.jpg"
    yield "tab\tand\x1b[31mcolour.jpg"
    yield "\U0001f600 \u65e5\u672c \xe9.jpg"
    yield "spaces  'and' \"quotes\" & $(rm).jpg"
    yield "%s {0} %.jpg"
    yield "-rf.jpg"
    yield "x" * 251 + ".jpg"
    if os.name == "posix" and os.uname().sysname == "Linux":
        yield os.fsdecode(b"not utf 8 \xff\xfe.jpg")


def _modes(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    yield "cmyk.jpg", saved(image.convert("CMYK"), "JPEG")
    yield "cmyk.tif", saved(image.convert("CMYK"), "TIFF")
    yield "gray.jpg", saved(image.convert("L"), "JPEG")
    yield "lab.tif", saved(image.convert("LAB"), "TIFF")
    for mode in ("L", "LA", "RGBA", "1", "P"):
        yield f"mode_{mode}.png", saved(image.convert(mode), "PNG")
    gray = np.asarray(image.convert("L")).astype(np.uint16) * 257
    yield "16_bit.png", saved(Image.fromarray(gray), "PNG")
    yield "16_bit.tif", saved(Image.fromarray(gray), "TIFF")
    yield "float.tif", saved(Image.fromarray(gray.astype(np.float32) / 65535), "TIFF")
    yield "16_bit_rgb.png", _png(8, 8, depth=16, colour=2)
    palette = image.convert("P")
    yield "palette_clear.png", saved(palette, "PNG", transparency=bytes(range(256)))
    yield "palette_clear.gif", saved(palette, "GIF", transparency=3)
    for kind, suffix in (("BMP", "bmp"), ("PPM", "ppm"), ("WEBP", "webp"), ("TIFF", "tiff")):
        yield f"plain.{suffix}", saved(image, kind)
    yield "1_bit.bmp", saved(image.convert("1"), "BMP")


def _animated(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    frames = [image.rotate(angle) for angle in (90, 180)]
    for kind, suffix in (("GIF", "gif"), ("WEBP", "webp"), ("PNG", "png"), ("TIFF", "tif")):
        data = saved(image, kind, save_all=True, append_images=frames)
        yield f"animated.{suffix}", data


def _with_exif(image: Image.Image, photo: bytes) -> Iterator[tuple[str, bytes]]:
    for orientation in (*range(10), 60000):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"exif_{orientation}.jpg", saved(image, "JPEG", exif=exif.tobytes())
    for suffix in ("png", "webp"):
        exif = Image.Exif()
        exif[0x0112] = 6
        yield f"exif_6.{suffix}", saved(image, suffix.upper(), exif=exif.tobytes())
    whole = exif.tobytes()
    for name, data in (
        ("cut", whole[:13]),
        ("noise", b"Exif\0\0" + bytes(range(200))),
        ("endless", b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 40),
        ("loop", b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0"),
        ("empty", b"Exif\0\0"),
    ):
        yield f"exif_{name}.jpg", with_segment(photo, 0xE1, data)
    icc = b"ICC_PROFILE\0\x01\x01" + b"no profile" * 5
    yield "icc_broken.jpg", with_segment(photo, 0xE2, icc)
    yield "icc_missing_parts.jpg", with_segment(photo, 0xE2, b"ICC_PROFILE\0\x02\x05rest")
    yield "icc_broken.png", saved(image, "PNG", icc_profile=b"no profile")
    text = PngImagePlugin.PngInfo()
    text.add_text("words", "x" * 10_000, zip=True)
    yield "text.png", saved(image, "PNG", pnginfo=text)


# files that cannot be read


def broken_files(photo: bytes) -> Iterator[tuple[str, bytes]]:
    """Give the names and contents of files that cannot be read."""
    yield "empty.jpg", b""
    yield "one_byte.jpg", b"\xff"
    yield "zeros.jpg", bytes(5000)
    yield "text.jpg", b"This is no photo.\n" * 50
    yield "page.jpg", b"<!DOCTYPE html><html><body>404 Not Found</body></html>"
    yield "paper.jpg", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n%%EOF"
    yield "drawing.png", b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>"
    yield "program.jpg", b"MZ" + bytes(200)
    yield "packed.jpg", b"\x1f\x8b\x08\0" + bytes(50)
    yield "pickle.jpg", b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x02os\x94\x8c\x06system\x94\x93\x94."
    yield "secret.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    yield from _cut(photo)
    yield from _bombs(photo)
    yield "line\nend broken.jpg", b""
    yield os.fsdecode("b\xe9 broken.jpg".encode("latin-1")), photo[:500]
    yield "y" * 244 + " broken.jpg", b"no photo"


def _cut(photo: bytes) -> Iterator[tuple[str, bytes]]:
    """Files that end too early, at many places."""
    image = Image.open(io.BytesIO(photo)).convert("RGB").resize((48, 40))
    files = {
        "jpg": photo,
        "progressive.jpg": saved(image, "JPEG", progressive=True),
        "png": saved(image, "PNG"),
        "gif": saved(image, "GIF"),
        "webp": saved(image, "WEBP"),
        "bmp": saved(image, "BMP"),
        "tif": saved(image, "TIFF"),
    }
    for suffix, data in files.items():
        shares = range(1, 18) if suffix == "jpg" else (5, 10, 15)
        for place in (2, 4, 11, 20, 33, *(len(data) * share // 20 for share in shares)):
            if place < len(data) - 300:
                yield f"cut_{place}.{suffix}", data[:place]


def _bombs(photo: bytes) -> Iterator[tuple[str, bytes]]:
    """Small files that claim to be huge images."""
    yield "bomb.png", _png(50_000, 50_000, rows=10)
    yield "bomb_wide.png", _png(2**31 - 1, 1, rows=0)
    frame = next(i for i in range(len(photo)) if photo[i] == 0xFF and photo[i + 1] in (0xC0, 0xC2))
    huge = bytearray(photo)
    huge[frame + 5 : frame + 9] = struct.pack(">HH", 65500, 65500)
    yield "bomb.jpg", bytes(huge)
    yield "bomb.gif", b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\0\0\0;"
    yield "bomb.bmp", _bmp(60_000, 60_000)
    yield "bomb.ppm", b"P6 60000 60000 255\n" + bytes(100)
    yield "bomb_text.ppm", b"P3 99999999999 99999999999 255\n1 2 3"
    yield "bomb.tif", _tiff(60_000, 60_000)


# how they are made


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return an image as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)  # type: ignore[arg-type]
    return file.getvalue()


def with_segment(photo: bytes, marker: int, data: bytes) -> bytes:
    """Return a JPEG with one more segment, the first of all."""
    return photo[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data + photo[2:]


def _png(width: int, height: int, *, depth: int = 8, colour: int = 0, rows: int = -1) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    bytes_per_row = 1 + width * (depth // 8) * (3 if colour == 2 else 1)
    raw = bytes(bytes_per_row * min(height, 10 if rows < 0 else rows))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


def _bmp(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 154, 0, 0, 54) + info + bytes(100)


def _tiff(width: int, height: int) -> bytes:
    entries = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (278, height)]
    entries.append((279, 10))
    table = struct.pack("<H", len(entries))
    for tag, value in entries:
        table += struct.pack("<HHII", tag, 4, 1, value)
    return b"II*\0" + struct.pack("<I", 8) + table + bytes(4)
