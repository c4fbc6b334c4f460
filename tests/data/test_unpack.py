import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from learnkit.data.unpack import unpack
from learnkit.errors import DataError


def tar_with(path: Path, name: str, **facts: object) -> Path:
    with tarfile.open(path, "w") as tar:
        good = tarfile.TarInfo("good.txt")
        good.size = 2
        tar.addfile(good, io.BytesIO(b"ok"))
        member = tarfile.TarInfo(name)
        for key, value in facts.items():
            setattr(member, key, value)
        tar.addfile(member, io.BytesIO(b""))
    return path


def zip_with(path: Path, name: str, mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        packed.writestr(info, "x")
    return path


def refusal(archive: Path, folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        unpack(archive, folder)
    return str(caught.value)


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "\\evil", "C:\\evil"])
@pytest.mark.parametrize("make", [tar_with, zip_with])
def test_a_member_that_leads_outside_is_refused(
    make: Callable[[Path, str], Path], name: str, tmp_path: Path
) -> None:
    suffix = ".tar" if make is tar_with else ".zip"
    (tmp_path / "inner").mkdir()
    assert refusal(make(tmp_path / f"x{suffix}", name), tmp_path / "inner" / "out") == (
        f"x{suffix} holds {name!r}, which leads out of its folder. Data has no need of that, so "
        "nothing was unpacked."
    )
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (tarfile.SYMTYPE, "is a link"),
        (tarfile.LNKTYPE, "is a link"),
        (tarfile.CHRTYPE, "is no plain file"),
        (tarfile.FIFOTYPE, "is no plain file"),
    ],
)
def test_links_and_devices_are_refused(kind: bytes, why: str, tmp_path: Path) -> None:
    archive = tar_with(tmp_path / "x.tar", "thing", type=kind, linkname="good.txt")
    assert refusal(archive, tmp_path / "out") == (
        f"x.tar holds 'thing', which {why}. Data has no need of that, so nothing was unpacked."
    )


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    archive = zip_with(tmp_path / "x.zip", "thing", stat.S_IFLNK | 0o777)
    assert refusal(archive, tmp_path / "out") == (
        "x.zip holds 'thing', which is a link. Data has no need of that, so nothing was unpacked."
    )


def test_a_colon_in_a_file_name_is_no_drive(tmp_path: Path) -> None:
    unpack(tar_with(tmp_path / "x.tar", "at 12:30.txt"), tmp_path / "out")
    assert (tmp_path / "out/at 12:30.txt").is_file()


@pytest.mark.parametrize("name", ["x.tgz", "x.zip", "x.tar.xz"])
def test_a_damaged_archive_says_so(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x1f\x8b no archive at all")
    found = refusal(tmp_path / name, tmp_path / "out")
    assert found.startswith(f"{name} is damaged: ")
    assert found.endswith(". Fetch it again.")


def test_a_truncated_archive_says_so(tmp_path: Path) -> None:
    whole = tmp_path / "whole.tgz"
    with tarfile.open(whole, "w:gz") as tar:
        member = tarfile.TarInfo("a")
        member.size = 5000
        tar.addfile(member, io.BytesIO(bytes(i * 7 % 256 for i in range(5000))))
    cut = tmp_path / "cut.tgz"
    cut.write_bytes(whole.read_bytes()[:150])
    assert refusal(cut, tmp_path / "out").startswith("cut.tgz is damaged: ")


def test_names_that_the_disk_does_not_tell_apart_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS and Windows, where the second file would replace the first."""
    plain_open = Path.open

    def without_case(path: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        others = {entry.name.casefold() for entry in path.parent.iterdir()}
        if mode == "xb" and path.name.casefold() in others:
            raise FileExistsError(17, "File exists", str(path))
        return plain_open(path, mode, *args, **options)

    archive = tar_with(tmp_path / "x.tar", "GOOD.TXT")
    monkeypatch.setattr(Path, "open", without_case)
    assert refusal(archive, tmp_path / "out") == (
        "x.tar holds 'GOOD.TXT', which is there twice. Data has no need of that, so nothing was "
        "unpacked."
    )


@pytest.mark.parametrize("name", ["x.tgz", "x.zip"])
def test_what_is_no_file_is_not_unpacked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(DataError) as caught:
        unpack(tmp_path / name, tmp_path / "out")
    assert str(caught.value).startswith(f"{name} could not be unpacked: ")
    assert "it is a folder" in str(caught.value)


def test_a_full_disk_is_no_fault_of_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    archive = tar_with(tmp_path / "x.tar", "more.txt")
    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(DataError) as caught:
        unpack(archive, tmp_path / "out")
    assert str(caught.value) == ("x.tar could not be unpacked: [Errno 28] No space left on device.")
    assert type(caught.value) is DataError  # so the download is kept


def test_an_archive_may_have_another_name_than_its_file(tmp_path: Path) -> None:
    zip_with(tmp_path / "part", "a.txt")
    unpack(tmp_path / "part", tmp_path / "out", name="toys.zip")
    assert (tmp_path / "out/a.txt").read_text() == "x"
