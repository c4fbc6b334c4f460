import os
import socket
import sys
from pathlib import Path

import pytest

from learnkit import regular_file
from learnkit.regular_file import open_regular, read_regular, size_of

unix = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes, devices and links")


def why(path: Path, **options: int) -> str | None:
    with pytest.raises(OSError) as caught:
        read_regular(path, **{"max_bytes": 100, **options})
    return caught.value.strerror


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert read_regular(tmp_path / "a", max_bytes=3) == b"abc"
    with open_regular(tmp_path / "a") as file:
        assert (size_of(file), file.read()) == (3, b"abc")


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    assert why(tmp_path / "a") == "No such file or directory"
    assert why(tmp_path) == "it is a folder"


def test_too_large_a_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(1 << 40)
    assert why(tmp_path / "a") == "it has 1,099,511,627,776 bytes, more than 100"


@unix
def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    """As the caches of model hubs have them."""
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").symlink_to("a")
    assert read_regular(tmp_path / "b", max_bytes=3) == b"abc"


@unix
def test_nothing_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    (tmp_path / "b").symlink_to("a")
    assert why(tmp_path / "a") == why(tmp_path / "b") == "it is a pipe, not a file"


@unix
def test_devices_and_sockets_are_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").symlink_to("/dev/zero")
    assert why(tmp_path / "a") == "it is a device, not a file"
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert why(tmp_path / "s") == "it is a socket, not a file"


@unix
def test_links_that_lead_to_themselves_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert why(tmp_path / "a") == "Too many levels of symbolic links"


@unix
def test_a_file_that_is_exchanged_for_a_pipe_meanwhile_does_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "a")
    check = regular_file.check_regular
    looks = []

    def first_look_sees_a_file(path: Path, mode: int) -> None:
        looks.append(mode)
        if len(looks) > 1:
            check(path, mode)

    monkeypatch.setattr(regular_file, "check_regular", first_look_sees_a_file)
    assert why(tmp_path / "a") == "it is a pipe, not a file"


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_a_file_that_hides_its_size_is_empty() -> None:
    assert read_regular(Path("/proc/self/maps"), max_bytes=100) == b""
