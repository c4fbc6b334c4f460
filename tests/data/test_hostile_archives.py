"""Archives made to do harm: refused with a clear error, nothing run, nothing written outside."""

import gzip
import io
import json
import os
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from learnkit.data.untar import untar_data
from learnkit.errors import DataError

Make = Callable[[Path], Path]


def tar(name: str, **facts: object) -> Make:
    """A good file, then the one in question."""

    def make(folder: Path) -> Path:
        path = folder / "toys.tgz"
        with tarfile.open(path, "w:gz") as out:
            for member, changes in (
                (tarfile.TarInfo("good.txt"), {}),
                (tarfile.TarInfo(name), facts),
            ):
                member.size = 4
                for key, value in changes.items():
                    setattr(member, key, value)
                out.addfile(member, io.BytesIO(b"evil"))
        return path

    return make


def zipped(name: str, mode: int = 0) -> Make:
    def make(folder: Path) -> Path:
        path = folder / "toys.zip"
        with zipfile.ZipFile(path, "w") as out:
            out.writestr("good.txt", "good")
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            out.writestr(info, "evil")
        return path

    return make


def linked_twice(folder: Path) -> Path:
    """A link to a folder outside, then a file through it."""
    path = folder / "toys.tar"
    with tarfile.open(path, "w") as out:
        link = tarfile.TarInfo("door")
        link.type, link.linkname = tarfile.SYMTYPE, str(folder)
        out.addfile(link)
        file = tarfile.TarInfo("door/evil")
        file.size = 4
        out.addfile(file, io.BytesIO(b"evil"))
    return path


def twice(first: str, second: str) -> Make:
    def make(folder: Path) -> Path:
        path = folder / "toys.tar"
        with tarfile.open(path, "w") as out:
            for name in (first, second):
                member = tarfile.TarInfo(name)
                member.size = 4
                out.addfile(member, io.BytesIO(b"evil"))
        return path

    return make


def packed_by_gzip(folder: Path, *contents: bytes) -> Path:
    with gzip.open(folder / "toys.tgz", "wb") as out:
        for content in contents:
            out.write(content)
    return folder / "toys.tgz"


def header(size: int, kind: bytes) -> bytes:
    info = tarfile.TarInfo("x")
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


MIB = 1 << 20
ZEROS = [bytes(MIB)] * 80


def tar_bomb(folder: Path) -> Path:
    return packed_by_gzip(folder, header(80 * MIB, tarfile.REGTYPE), *ZEROS)


def tar_of_a_long_header(folder: Path) -> Path:
    """An extended header of 80 MiB, which ``tarfile`` would read at once."""
    return packed_by_gzip(folder, header(80 * MIB, tarfile.XHDTYPE), *ZEROS)


def tar_of_folders(folder: Path) -> Path:
    """Empty folders, of one name."""
    return packed_by_gzip(folder, header(0, tarfile.DIRTYPE) * 40_000)


def tar_of_names(folder: Path) -> Path:
    """Names without any file."""
    long = header(512, tarfile.GNUTYPE_LONGNAME) + b"a" * 512
    return packed_by_gzip(folder, long * 20_000)


def bomb_after_the_end(folder: Path) -> Path:
    return packed_by_gzip(folder, *ZEROS)


def zip_bomb(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "toys.zip", "w", zipfile.ZIP_DEFLATED) as out:
        for number in range(8):
            out.writestr(f"zeros{number}", bytes(10 * MIB))
    return folder / "toys.zip"


def overlapping_zip_bomb(folder: Path) -> Path:
    """One packed member that 1,000 entries of the directory share: 1 GB in 60 kB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zeros", bytes(MIB))
    data = out.getvalue()
    start, end = data.index(b"PK\1\2"), data.rindex(b"PK\5\6")
    entry, tail = data[start:end], bytearray(data[end:])
    struct.pack_into("<HHL", tail, 8, 1000, 1000, 1000 * len(entry))
    (folder / "toys.zip").write_bytes(data[:end] + entry * 999 + bytes(tail))
    return folder / "toys.zip"


OUTSIDE = "leads out of its folder"
REFUSED: dict[str, tuple[Make, str]] = {
    "parent": (tar("../evil"), OUTSIDE),
    "deep parent": (tar("a/b/../../../evil"), OUTSIDE),
    "absolute": (tar("/tmp/learnkit-evil"), OUTSIDE),
    "backslash": (tar("..\\evil"), OUTSIDE),
    "drive": (tar("C:\\evil"), OUTSIDE),
    "zip parent": (zipped("../evil"), OUTSIDE),
    "zip absolute": (zipped("/tmp/learnkit-evil"), OUTSIDE),
    "link": (tar("evil", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "is a link"),
    "hard link": (tar("evil", type=tarfile.LNKTYPE, linkname="good.txt"), "is a link"),
    "link, then through it": (linked_twice, "is a link"),
    "zip link": (zipped("evil", stat.S_IFLNK | 0o777), "is a link"),
    "device": (tar("evil", type=tarfile.CHRTYPE, devmajor=1, devminor=5), "is no plain file"),
    "disk": (tar("evil", type=tarfile.BLKTYPE), "is no plain file"),
    "pipe": (tar("evil", type=tarfile.FIFOTYPE), "is no plain file"),
    "zip pipe": (zipped("evil", stat.S_IFIFO), "is no plain file"),
    "sparse": (tar("evil", type=tarfile.GNUTYPE_SPARSE), "is no plain file"),
    "zero byte": (
        tar("evil", pax_headers={"path": "evil\0.jpg"}),
        "has a zero byte in its name",
    ),
    "long name": (tar("e" * 300), "has a name of more than 255 bytes"),
    "deep": (tar("e/" * 3000 + "evil"), "lies deeper than 64 folders"),
    "twice": (twice("evil", "evil"), "is there twice"),
    "file, then folder": (twice("evil", "evil/x"), "is there twice"),
    "file, then folders": (twice("evil", "evil/x/y"), "is there twice"),
    "folder, then file": (twice("evil/x", "evil"), "is there twice"),
    "no name": (twice("good", "."), "is there twice"),
}


def listing(folder: Path) -> dict[str, object]:
    return {
        path.relative_to(folder).as_posix(): (path.lstat().st_mode, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.name != "data"
    }


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """Everything in and beside a folder is as it was, and the folder ``data`` is empty."""
    before, outside = listing(folder), Path("/tmp/learnkit-evil").exists()
    yield
    assert listing(folder) == before
    assert list((folder / "data").iterdir()) == []
    assert Path("/tmp/learnkit-evil").exists() == outside


@pytest.mark.parametrize("case", REFUSED)
def test_a_member_that_does_harm_is_refused(case: str, tmp_path: Path) -> None:
    make, why = REFUSED[case]
    archive = make(tmp_path)
    with untouched(tmp_path), pytest.raises(DataError) as caught:
        untar_data(archive.as_uri(), dest=tmp_path / "data")
    message = str(caught.value)
    assert message.startswith(f"{archive.name} holds '")
    assert message.endswith(f", which {why}. Data has no need of that, so nothing was unpacked.")


TOO_MUCH = "unpacks to more than the 16,777,216 bytes that are allowed here"
BOMBS: dict[str, tuple[Make, str]] = {
    "tar": (tar_bomb, TOO_MUCH),
    "folders": (tar_of_folders, TOO_MUCH),
    "names": (tar_of_names, TOO_MUCH),
    "after the end": (bomb_after_the_end, TOO_MUCH),
    "long header": (tar_of_a_long_header, "is damaged: an extended header has 83,886,080 bytes."),
    "zip": (zip_bomb, TOO_MUCH),
    "overlapping zip": (overlapping_zip_bomb, "is damaged: its members overlap. Fetch it again."),
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_does_not_go_off(case: str, tmp_path: Path) -> None:
    make, why = BOMBS[case]
    archive = make(tmp_path)
    assert archive.stat().st_size < MIB
    with untouched(tmp_path), pytest.raises(DataError) as caught:
        untar_data(archive.as_uri(), dest=tmp_path / "data", max_unpacked=16 * MIB)
    assert f"{archive.name} {why}" in str(caught.value)


@pytest.mark.parametrize("make", [tar_bomb, zip_bomb])
def test_a_bomb_is_known_by_what_it_was_packed_to(make: Make, tmp_path: Path) -> None:
    archive = make(tmp_path)
    with untouched(tmp_path), pytest.raises(DataError) as caught:
        untar_data(archive.as_uri(), dest=tmp_path / "data")
    assert str(caught.value) == (
        f"{archive.name} unpacks to more than the 67,108,864 bytes that are allowed here, so it "
        "was left packed. If the archive is right, give untar_data a larger max_ratio=."
    )


LIMITED = """
import json, resource, sys
from learnkit.data.untar import untar_data
from learnkit.errors import DataError

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

told = {}
for number, archive in enumerate(sys.argv[2:]):
    before = peak()
    try:
        untar_data(archive, dest=f"{sys.argv[1]}{number}", max_unpacked=16 << 20)
    except DataError as error:
        told[archive] = [str(error)[:40], peak() - before]
print(json.dumps(told))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs ru_maxrss in kB")
def test_bombs_take_no_memory(tmp_path: Path) -> None:
    """Each in its turn, in a process whose peak is looked at: less than 12 MiB for all."""
    archives = []
    for case, (make, _) in BOMBS.items():
        (tmp_path / case).mkdir()
        archives.append(make(tmp_path / case).as_uri())
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path / "data", *archives],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    told = json.loads(done.stdout)
    assert len(told) == len(BOMBS)
    assert sum(grown for _, grown in told.values()) < 12 << 10


def test_rights_in_an_archive_are_not_given(tmp_path: Path) -> None:
    archive = tar("toys/evil", mode=0o6777, uid=0, gid=0, mtime=1)(tmp_path)
    (tmp_path / "plain").write_text("as any new file")
    found = untar_data(archive.as_uri(), dest=tmp_path / "data")
    expected = (tmp_path / "plain").stat()
    for path in (found / "good.txt", found / "toys/evil"):
        facts = path.stat()
        assert (facts.st_mode, facts.st_uid) == (expected.st_mode, expected.st_uid)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others have names in UTF-8 only")
def test_names_that_are_no_text_are_kept_as_they_are(tmp_path: Path) -> None:
    found = untar_data(tar("caf\udce9/1")(tmp_path).as_uri(), dest=tmp_path / "data")
    assert b"caf\xe9" in [os.fsencode(p.name) for p in found.iterdir()]


def test_an_archive_in_an_archive_stays_one(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as packed:
        packed.writestr("../evil", "evil")
    with zipfile.ZipFile(tmp_path / "toys.zip", "w") as out:
        out.writestr("inner.zip", inner.getvalue())
    found = untar_data((tmp_path / "toys.zip").as_uri(), dest=tmp_path / "data")
    assert [p.name for p in found.iterdir()] == ["inner.zip"]


@pytest.mark.parametrize("make", [tar("toys/b"), zipped("toys/b")])
def test_no_damage_does_anything_but_an_error(make: Make, tmp_path: Path) -> None:
    """Every byte is changed in its turn: the archive unpacks, or a DataError says why not."""
    archive = make(tmp_path)
    whole = archive.read_bytes()
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        archive.write_bytes(damaged)
        try:
            untar_data(archive.as_uri(), dest=tmp_path / f"data{place}")
        except DataError:
            assert list((tmp_path / f"data{place}").iterdir()) == []
    assert {p.name.rstrip("0123456789") for p in tmp_path.iterdir()} <= {archive.name, "data"}
