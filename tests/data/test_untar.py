import errno
import hashlib
import io
import os
import platform
import re
import subprocess
import sys
import tarfile
import threading
import time
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest

from learnkit.data.part_file import PartFile, Version
from learnkit.data.untar import Archive, URLs, untar_data
from learnkit.errors import DataError


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "toys.tgz", {"toys/train/a/1.jpg": b"one", "toys/b.txt": b"two"})


def message(*args: object, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        untar_data(*args, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_an_archive_is_unpacked_once_and_found_again(tmp_path: Path, archive: Path) -> None:
    dest = tmp_path / "data"
    found = untar_data(archive.as_uri(), dest=dest)
    assert found == dest / "toys"
    assert (found / "train/a/1.jpg").read_bytes() == b"one"
    archive.unlink()
    assert untar_data(archive.as_uri(), dest=dest) == found
    assert sorted(p.name for p in dest.iterdir()) == ["toys"]


def test_the_default_folder_is_named_by_the_environment(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNKIT_HOME", str(tmp_path / "home"))
    assert untar_data(archive.as_uri()) == tmp_path / "home/data/toys"


def test_an_archive_of_another_folders_name_takes_the_archives(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "x.tar.gz", {"inner/1": b"1", "._inner": b""})
    assert (untar_data(archive.as_uri(), dest=tmp_path / "d") / "1").read_bytes() == b"1"


def test_an_archive_of_loose_files_becomes_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "loose.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("a.txt", "a")
        packed.writestr("deep/b.txt", "b")
    found = untar_data(path.as_uri(), dest=tmp_path / "d")
    assert (found / "a.txt").read_text() == "a"
    assert (found / "deep/b.txt").read_text() == "b"


def test_an_archive_that_lies_in_the_folder_needs_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib.request, "build_opener", None)
    write_tar(tmp_path / "mnist_tiny.tgz", {"mnist_tiny/1.png": b"1"})
    assert (untar_data(URLs.MNIST_TINY, dest=tmp_path) / "1.png").is_file()


def test_the_sha256_is_checked(tmp_path: Path, archive: Path) -> None:
    right = hashlib.sha256(archive.read_bytes()).hexdigest()
    wrong = Archive("toys", archive.as_uri(), "0" * 64)
    assert message(wrong, dest=tmp_path / "d") == (
        f"toys.tgz of {archive.as_uri()} is not the file it should be: expected SHA-256 "
        f"{'0' * 64}, found {right}. Nothing was unpacked."
    )
    assert list((tmp_path / "d").iterdir()) == []
    assert untar_data(archive.as_uri(), dest=tmp_path / "d", sha256=right.upper()).is_dir()


def listing(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


@pytest.fixture
def toys(web: Any, archive: Path) -> Any:
    web.content = archive.read_bytes()
    return web


TOYS = ["toys", "toys/b.txt", "toys/train", "toys/train/a", "toys/train/a/1.jpg"]


def part_of(dest: Path, url: str) -> PartFile:
    address = hashlib.sha256(url.encode()).hexdigest()[:16]
    return PartFile(dest / f".toys.tgz-{address}.part", url)


def test_an_archive_is_downloaded_once(tmp_path: Path, toys: Any) -> None:
    dest = tmp_path / "data"
    assert untar_data(toys.url(), dest=dest) == untar_data(toys.url(), dest=dest) == dest / "toys"
    assert listing(dest) == TOYS
    assert len(toys.asked) == 1


def test_a_download_that_was_cut_off_is_gone_on_with(tmp_path: Path, toys: Any) -> None:
    dest = tmp_path / "data"
    toys.cuts = [50, 0]
    assert message(toys.url(), dest=dest) == (
        f"{toys.url()} is not on this machine and could not be fetched: the connection ended after "
        f"50 of {len(toys.content)} bytes; 50 bytes are kept for the next call. Fetch {toys.url()} "
        f"where there is a network and put toys.tgz into {dest}, or unpack it as {dest / 'toys'}; "
        "then call this again."
    )
    untar_data(toys.url(), dest=dest)
    assert toys.asked[-1] == ("bytes=50-", '"1"')
    assert listing(dest) == TOYS


def test_what_a_killed_process_left_is_gone_on_with_and_removed(tmp_path: Path, toys: Any) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dest = tmp_path / "data"
    machine = re.sub("[^A-Za-z0-9]", "", platform.node())[:32] or "unnamed"
    left = dest / f".toys-{machine}-{child.pid}-x.unfinished"
    (left / "unpacked/toys").mkdir(parents=True)
    part = part_of(dest, toys.url())
    part.begin(Version(toys.url(), etag='"1"', length=len(toys.content)))
    part.path.write_bytes(toys.content[:99])
    untar_data(toys.url(), dest=dest)
    assert toys.asked == [("bytes=99-", '"1"')]
    assert listing(dest) == TOYS


FETCH = """
import http.client, sys

class Plain(http.client.HTTPConnection):
    def __init__(self, host, **options):
        options.pop("context", None), options.pop("check_hostname", None)
        super().__init__(host, **options)

http.client.HTTPSConnection = Plain
from learnkit.data.untar import untar_data
untar_data(sys.argv[1], dest=sys.argv[2])
"""


def test_a_process_killed_while_it_downloads_loses_nothing(tmp_path: Path, toys: Any) -> None:
    dest = tmp_path / "data"
    toys.cuts, toys.stall = [77], threading.Event()
    child = subprocess.Popen([sys.executable, "-c", FETCH, toys.url(), dest])
    part = part_of(dest, toys.url())
    while part.size < 77:
        assert child.poll() is None
        time.sleep(0.01)
    child.kill()
    child.wait()
    toys.stall.set()
    assert len([name for name in listing(dest) if name.endswith(".unfinished")]) == 1
    untar_data(toys.url(), dest=dest)
    assert toys.asked == [(None, None), ("bytes=77-", '"1"')]
    assert listing(dest) == TOYS


def test_a_process_killed_while_unpacking_costs_no_second_download(
    tmp_path: Path, toys: Any
) -> None:
    dest = tmp_path / "data"
    part = part_of(dest, toys.url())
    dest.mkdir()
    part.begin(Version(toys.url(), etag='"1"', length=len(toys.content)))
    part.path.write_bytes(toys.content)
    untar_data(toys.url(), dest=dest)
    assert toys.asked == []
    assert listing(dest) == TOYS


def test_a_download_of_another_sum_is_not_kept(tmp_path: Path, toys: Any) -> None:
    dest = tmp_path / "data"
    assert "Nothing was unpacked." in message(toys.url(), dest=dest, sha256="0" * 64)
    assert listing(dest) == []


def test_a_damaged_download_is_not_kept(tmp_path: Path, toys: Any) -> None:
    dest = tmp_path / "data"
    toys.content = toys.content[:100]
    assert message(toys.url(), dest=dest).startswith("toys.tgz is damaged: ")
    assert listing(dest) == []


def test_a_download_that_was_not_allowed_to_unpack_is_kept(tmp_path: Path, toys: Any) -> None:
    dest = tmp_path / "data"
    assert message(toys.url(), dest=dest, max_members=1) == (
        "toys.tgz holds more than 1 files and folders, so it was left packed. If the archive is "
        "right, give untar_data a larger max_members=."
    )
    assert listing(dest) == sorted(
        [part_of(dest, toys.url()).path.name, part_of(dest, toys.url()).path.name + ".json"]
    )
    untar_data(toys.url(), dest=dest)
    assert len(toys.asked) == 1
    assert listing(dest) == TOYS


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("max_bytes", 50, "50. If that is right, give untar_data a larger max_bytes="),
        ("max_unpacked", 100, "100 bytes that are allowed here, so it was left packed. If the"),
    ],
)
def test_every_limit_is_an_option(
    tmp_path: Path, toys: Any, option: str, value: int, said: str
) -> None:
    assert said in message(toys.url(), dest=tmp_path / "data", **{option: value})


def test_a_ratio_is_an_option_too(tmp_path: Path, web: Any) -> None:
    web.content = write_tar(tmp_path / "x.tgz", {"zeros": bytes(70 << 20)}).read_bytes()
    assert message(web.url(), dest=tmp_path / "data").endswith(
        "give untar_data a larger max_ratio=."
    )
    found = untar_data(web.url(), dest=tmp_path / "data", max_ratio=2000)
    assert (found / "zeros").stat().st_size == 70 << 20


def test_two_at_once_do_the_work_once(tmp_path: Path, toys: Any) -> None:
    results: list[Path] = []
    dest = tmp_path / "data"

    def fetch() -> None:
        results.append(untar_data(toys.url(), dest=dest))

    threads = [threading.Thread(target=fetch) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [dest / "toys"] * 6
    assert len(toys.asked) == 1
    assert listing(dest) == TOYS


def test_without_locks_each_has_a_download_of_its_own(
    tmp_path: Path, toys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def fail(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fail)
    dest = tmp_path / "data"
    toys.cuts = [50, 0]
    message(toys.url(), dest=dest)
    assert untar_data(toys.url(), dest=dest) == dest / "toys"
    assert listing(dest) == TOYS


def test_files_of_one_name_from_two_addresses_are_kept_apart(tmp_path: Path, toys: Any) -> None:
    dest = tmp_path / "data"
    toys.cuts = [50, 0]
    message(toys.url("one/toys.tgz"), dest=dest)
    untar_data(toys.url("two/toys.tgz"), dest=dest)
    assert toys.asked[-1] == (None, None)


def test_without_a_network_it_names_address_file_and_folder(tmp_path: Path, web: Any) -> None:
    address = "https://127.0.0.1:1/mnist_sample.tgz"
    assert message(Archive("MNIST_SAMPLE", address), dest=tmp_path) == (
        "MNIST_SAMPLE is not on this machine and could not be fetched: "
        f"[Errno {errno.ECONNREFUSED}] Connection refused. Fetch {address} where there is a "
        f"network and put mnist_sample.tgz into {tmp_path}, or unpack it as "
        f"{tmp_path / 'mnist_sample'}; then call this again."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_redirection_off_https_is_refused(tmp_path: Path, web: Any) -> None:
    web.redirect = "http://x.org/toys.tgz"
    assert (
        "could not be fetched: it was redirected to http://x.org/toys.tgz, which is not encrypted. "
        "Fetch"
    ) in message(web.url(), dest=tmp_path)


def test_a_pipe_in_the_place_of_the_archive_is_not_opened(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("needs named pipes")
    os.mkfifo(tmp_path / "toys.tgz")
    for address in ((tmp_path / "toys.tgz").as_uri(), "https://x.org/toys.tgz"):
        assert message(address, dest=tmp_path) == (
            f"{tmp_path / 'toys.tgz'} cannot be read: it is a pipe, not a file. Give untar_data "
            "the address of an archive file."
        )


def test_an_archive_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gone.tgz"
    assert message(path.as_uri(), dest=tmp_path) == (
        f"{path} cannot be read: No such file or directory. Give untar_data the address of an "
        "archive file."
    )


@pytest.mark.parametrize("sha256", ["0" * 63, "g" * 64])
def test_a_sum_that_is_none_is_told(sha256: str, archive: Path) -> None:
    assert message(archive.as_uri(), sha256=sha256) == (
        f"sha256 must be 64 hexadecimal digits; found {sha256!r}."
    )


@pytest.mark.parametrize("address", ["http://x.org/a.tgz", "ftp://x.org/a.tgz", "a.tgz"])
def test_only_https_and_files_are_fetched(address: str) -> None:
    assert message(address) == (
        "untar_data takes one of URLs, or an address that begins with https:// or file://; found "
        f"{address!r}."
    )


def test_an_address_that_names_no_archive_is_refused() -> None:
    expected = "it must end in one of .tgz, .tar.gz, .tar.bz2, .tar.xz, .tar, .zip."
    for name in ("a.exe", ".tgz", "", "...tgz", "..%2F.tgz", "a%00.tgz", "%2e%2e%2f..tgz"):
        address = f"https://x.org/{name}"
        assert message(address) == f"{address} names no archive: {expected}"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, archive: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert message(archive.as_uri(), dest=blocked) == (
        f"{blocked} cannot be written to: File exists. Give untar_data another dest=, or set "
        "LEARNKIT_HOME to a folder of yours."
    )


def test_a_misspelt_option_names_the_right_one() -> None:
    with pytest.raises(TypeError) as wrong:
        untar_data(URLs.PETS, dst="x")  # type: ignore[call-arg]
    assert str(wrong.value) == "untar_data() has no argument 'dst'. Did you mean 'dest'?"
