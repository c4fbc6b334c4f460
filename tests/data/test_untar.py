import hashlib
import io
import tarfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

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
    monkeypatch.setattr(urllib.request, "urlopen", None)
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


def test_without_a_network_it_names_address_file_and_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise urllib.error.URLError(OSError("no route to host"))

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    assert message(URLs.MNIST_SAMPLE, dest=tmp_path) == (
        "MNIST_SAMPLE is not on this machine and could not be fetched: no route to host. Fetch "
        "https://s3.amazonaws.com/fast-ai-sample/mnist_sample.tgz where there is a network and "
        f"put mnist_sample.tgz into {tmp_path}, or unpack it as {tmp_path / 'mnist_sample'}; then "
        "call this again."
    )
    assert list(tmp_path.iterdir()) == []


class Response(io.BytesIO):
    def __init__(self, content: bytes, *, length: int, url: str) -> None:
        super().__init__(content)
        self.headers, self.url = {"Content-Length": str(length)}, url


@pytest.mark.parametrize(
    ("length", "url", "reason"),
    [
        (9, "https://x.org/a.tgz", "the connection ended after 4 of 9 bytes"),
        (
            4,
            "http://x.org/a.tgz",
            "it was redirected to http://x.org/a.tgz, which is not encrypted",
        ),
    ],
)
def test_half_a_download_or_a_redirection_off_https_is_refused(
    length: int, url: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Response(b"half", length=length, url=url)
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: answer)
    assert f"could not be fetched: {reason}. Fetch" in message("https://x.org/a.tgz", dest=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["http://x.org/a.tgz", "ftp://x.org/a.tgz", "a.tgz"])
def test_only_https_and_files_are_fetched(address: str) -> None:
    assert message(address) == (
        "untar_data takes one of URLs, or an address that begins with https:// or file://; found "
        f"{address!r}."
    )


def test_an_address_that_names_no_archive_is_refused() -> None:
    expected = "it must end in one of .tgz, .tar.gz, .tar.bz2, .tar.xz, .tar, .zip."
    for address in ("https://x.org/a.exe", "https://x.org/.tgz", "https://x.org/"):
        assert message(address) == f"{address} names no archive: {expected}"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, archive: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert message(archive.as_uri(), dest=blocked) == (
        f"{blocked} cannot be written to: File exists. Give untar_data another dest=, or set "
        "LEARNKIT_HOME to a folder of yours."
    )


def test_a_misspelt_name_or_option_names_the_right_one() -> None:
    with pytest.raises(AttributeError) as caught:
        URLs.MNIST_SAMPEL  # type: ignore[attr-defined]  # noqa: B018
    assert str(caught.value) == "URLs has no 'MNIST_SAMPEL'. Did you mean 'MNIST_SAMPLE'?"
    with pytest.raises(TypeError) as wrong:
        untar_data(URLs.PETS, dst="x")  # type: ignore[call-arg]
    assert str(wrong.value) == "untar_data() has no argument 'dst'. Did you mean 'dest'?"


def test_every_address_is_https_and_names_an_archive() -> None:
    archives = [value for name, value in vars(URLs).items() if name.isupper()]
    assert len(archives) == 20
    for one in archives:
        assert one.url.startswith("https://")
        assert one.url.endswith(".tgz")
        assert getattr(URLs, one.name) is one
