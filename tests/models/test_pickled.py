"""Files of torch.save from a stranger: tensors or an error, nothing run, no memory."""

import os
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from learnkit.errors import WeightsError
from learnkit.models.weights import load_into, read_state_dict

STATE = {"w": torch.arange(4.0), "b": torch.ones(2, 3, dtype=torch.float16)}
AGAIN = "Save the tensors alone with torch.save(model.state_dict(), path)."


def told(path: Path) -> str:
    """Return the refusal, without the words that begin each."""
    with pytest.raises(WeightsError) as caught:
        read_state_dict(path)
    begin = f"The weights file {path} "
    assert str(caught.value).startswith(begin)
    return str(caught.value).removeprefix(begin)


def records(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    """Write records as torch.save does."""
    with zipfile.ZipFile(path, "w", method) as packed:
        for name, content in {"version": b"3\n", "byteorder": b"little", **files}.items():
            packed.writestr(f"archive/{name}", content)
    return path


def text(word: str) -> bytes:
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def number(value: int) -> bytes:
    data = pickle.encode_long(value)
    return b"\x8a" + bytes([len(data)]) + data


def tensor(numel: int, size: tuple[int, ...], stride: tuple[int, ...] = (1,)) -> bytes:
    """A pickle of ``{"w": tensor}`` whose sizes are what somebody says they are."""
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")
    facts = b"(" + storage + number(numel) + b"tQ" + number(0)
    for numbers in (size, stride):
        facts += b"(" + b"".join(map(number, numbers)) + b"t"
    facts += b"\x89ccollections\nOrderedDict\n)Rt"
    return b"\x80\x02}" + text("w") + b"ctorch._utils\n_rebuild_tensor_v2\n" + facts + b"Rs."


@pytest.mark.parametrize("new", [True, False])
def test_old_and_new_files_are_read(tmp_path: Path, new: bool) -> None:
    torch.save(STATE, tmp_path / "w.pth", _use_new_zipfile_serialization=new)
    found = read_state_dict(tmp_path / "w.pth")
    for name, value in STATE.items():
        torch.testing.assert_close(found[name], value)


def test_the_forged_pickle_is_one_that_is_read(tmp_path: Path) -> None:
    """Else the refusals below would prove nothing."""
    path = records(tmp_path / "w.pth", {"data.pkl": tensor(4, (4,)), "data/0": bytes(16)})
    torch.testing.assert_close(read_state_dict(path)["w"], torch.zeros(4))


def test_a_file_with_numbers_of_64_bits_is_read(tmp_path: Path) -> None:
    """As of more than 4 GiB."""
    path = records(tmp_path / "w.pth", {"data.pkl": tensor(4, (4,)), "data/0": bytes(16)})
    whole = path.read_bytes()
    n, _, size, at = struct.unpack_from("<HHLL", whole, len(whole) - 14)
    end = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, n, n, size, at)
    mark = struct.pack("<4sLQL", b"PK\6\7", 0, len(whole) - 22, 1)
    path.write_bytes(whole[:-22] + end + mark + whole[-22:])
    torch.testing.assert_close(read_state_dict(path)["w"], torch.zeros(4))


def touch_marker(path: str) -> None:
    Path(path).touch()


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[Any, ...]:
        return (touch_marker, (self.marker,))


class System:
    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self.marker}",))


@pytest.mark.parametrize("payload", [Payload, System])
@pytest.mark.parametrize("form", ["new", "old", "bare", "record"])
def test_a_payload_in_any_form_of_file_is_not_run(tmp_path: Path, payload: type, form: str) -> None:
    marker, path = tmp_path / "marker", tmp_path / "w.pth"
    if form in ("new", "old"):
        whole = {"state_dict": STATE, "x": payload(marker)}
        torch.save(whole, path, _use_new_zipfile_serialization=form == "new")
    else:
        data = pickle.dumps({"w": payload(marker)}, 2)
        path.write_bytes(data) if form == "bare" else records(path, {"data.pkl": data})
    message = told(path)
    assert "holds Python objects besides tensors" in message or "cannot be read" in message
    assert os.listdir(tmp_path) == ["w.pth"]  # noqa: PTH208


def test_a_payload_of_torchs_own_functions_is_not_run(tmp_path: Path) -> None:
    data = b"\x80\x02ctorch.hub\nload_state_dict_from_url\n" + text("file:///x") + b"\x85R."
    assert told(records(tmp_path / "w.pth", {"data.pkl": data})) == (
        "holds Python objects besides tensors (torch.hub.load_state_dict_from_url), and reading "
        f"them could run code, so it was not read. {AGAIN}"
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_torchscript_program_is_not_run(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), tmp_path / "w.pth")
    assert told(tmp_path / "w.pth") == (
        f"is a TorchScript program, and running it could do anything, so it was not read. {AGAIN}"
    )


def test_a_tar_file_of_torchs_first_year_is_not_read(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "w.pth", "w") as tar:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            (tmp_path / name).write_bytes(pickle.dumps(Payload(tmp_path / "marker")))
            tar.add(tmp_path / name, name)
    assert told(tmp_path / "w.pth") == (
        f"is of a form that torch has not written since 2017, so it was not read. {AGAIN}"
    )
    assert not (tmp_path / "marker").exists()


PACKED = f"holds packed records, which torch.save never writes, so it was not read. {AGAIN}"
DAMAGED = "cannot be read: it is damaged, or no .pth or .safetensors file ("


def packed_bomb(path: Path) -> Path:
    files = {"data.pkl": tensor(25 << 20, (25 << 20,)), "data/0": bytes(100 << 20)}
    return records(path, files, zipfile.ZIP_DEFLATED)


def packed_pickle(path: Path) -> Path:
    return records(path, {"data.pkl": b"\x80\x02" + b"]" * (100 << 20)}, zipfile.ZIP_DEFLATED)


def long_pickle(path: Path) -> Path:
    return records(path, {"data.pkl": b"\x80\x02" + b"]" * (5 << 20)})


def large_storage(path: Path) -> Path:
    return records(path, {"data.pkl": tensor(1 << 40, (1 << 40,)), "data/0": bytes(16)})


def large_storage_of_a_small_tensor(path: Path) -> Path:
    return records(path, {"data.pkl": tensor(1 << 33, (2,)), "data/0": bytes(4)})


def large_tensor(path: Path) -> Path:
    return records(path, {"data.pkl": tensor(4, (1 << 40,)), "data/0": bytes(16)})


def negative_storage(path: Path) -> Path:
    return records(path, {"data.pkl": tensor(-4, (4,)), "data/0": bytes(16)})


def negative_tensor(path: Path) -> Path:
    return records(path, {"data.pkl": tensor(4, (-4,)), "data/0": bytes(16)})


def stride_out_of_bounds(path: Path) -> Path:
    return records(path, {"data.pkl": tensor(4, (2,), (1 << 40,)), "data/0": bytes(16)})


def missing_record(path: Path) -> Path:
    return records(path, {"data.pkl": tensor(4, (4,))})


def old_form_of_1_tb(path: Path) -> Path:
    torch.save({"w": torch.zeros(7)}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    assert data.count(b"K\x07") >= 1
    path.write_bytes(data.replace(b"K\x07", b"\x8a\x06" + (1 << 40).to_bytes(6, "little")))
    return path


def heavy_key(path: Path) -> Path:
    """Hashing it would take longer than anybody lives, and could not be interrupted."""
    data = b"\x80\x02)q\x00" + b"h\x00h\x00\x86q\x00" * 60 + b"}h\x00K\x01s."
    return records(path, {"data.pkl": data})


def heavy_key_in_capitals(path: Path) -> Path:
    """torch finds a record whatever the case of its name."""
    heavy_key(path)
    path.write_bytes(path.read_bytes().replace(b"data.pkl", b"DATA.PKL"))
    return path


def two_directories(path: Path) -> Path:
    """Python's reader takes the last one, torch's the one that the end mark says."""
    harmful = heavy_key(path).read_bytes()
    harmless = records(path, {"data.pkl": tensor(4, (4,)), "data/0": bytes(16)}).read_bytes()
    (at,) = struct.unpack_from("<L", harmful, len(harmful) - 6)
    path.write_bytes(harmful[:-22] + harmless[:-6] + struct.pack("<LH", at, 0))
    return path


def two_directories_of_64_bits(path: Path) -> Path:
    whole = heavy_key(path).read_bytes()
    size, at = struct.unpack_from("<LL", whole, len(whole) - 10)
    end = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 3, 3, size, at)
    mark = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    path.write_bytes(whole[:-22] + end + mark + whole[-22:])
    return path


def with_a_comment(path: Path) -> Path:
    heavy_key(path)
    path.write_bytes(path.read_bytes()[:-2] + b"\2\0hi")
    return path


def deep_key(path: Path) -> Path:
    """Hashing it would end the process."""
    return records(path, {"data.pkl": b"\x80\x02})" + b"\x85" * (1 << 20) + b"K\x01s."})


def heavy_key_of_the_old_form(path: Path) -> Path:
    torch.save({"w": torch.zeros(7)}, path, _use_new_zipfile_serialization=False)
    data = b"\x80\x02)q\x00" + b"h\x00h\x00\x86q\x00" * 60 + b"}h\x00K\x01s."
    whole = path.read_bytes()
    place = whole.index(
        b"}", whole.index(b"}") + 1
    )  # the state dict, behind what torch says of itself
    path.write_bytes(whole[: place - 2] + data + whole[place:])
    return path


def long_pickle_of_the_old_form(path: Path) -> Path:
    path.write_bytes(b"\x80\x02" + b"]" * (5 << 20))
    return path


WITHOUT_END = f"holds values in values without end, so it was not read. {AGAIN}"
TWICE = (
    "holds more than its directory lists, which torch.save never writes, so it was not read. "
    f"{AGAIN}"
)
REFUSED: dict[Callable[[Path], Path], str] = {
    two_directories: TWICE,
    two_directories_of_64_bits: TWICE,
    with_a_comment: TWICE,
    heavy_key_in_capitals: WITHOUT_END,
    packed_bomb: PACKED,
    packed_pickle: PACKED,
    long_pickle: f"has more than 4 MiB besides its tensors, so it was not read. {AGAIN}",
    long_pickle_of_the_old_form: (
        f"has more than 4 MiB besides its tensors, so it was not read. {AGAIN}"
    ),
    heavy_key: WITHOUT_END,
    heavy_key_of_the_old_form: WITHOUT_END,
    deep_key: WITHOUT_END,
    large_storage: DAMAGED,
    large_tensor: DAMAGED,
    negative_storage: DAMAGED,
    negative_tensor: DAMAGED,
    stride_out_of_bounds: DAMAGED,
    missing_record: DAMAGED,
    old_form_of_1_tb: DAMAGED,
}


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_sizes_that_lie_are_refused(make: Callable[[Path], Path], tmp_path: Path) -> None:
    assert told(make(tmp_path / "w.pth")).startswith(REFUSED[make])


def test_a_storage_has_no_more_than_its_file(tmp_path: Path) -> None:
    """Older torch read past the end of a record that was said to be larger."""
    path = large_storage_of_a_small_tensor(tmp_path / "w.pth")
    try:
        found = read_state_dict(path)["w"]
    except WeightsError:
        return
    assert found.untyped_storage().nbytes() <= path.stat().st_size


LIMITED = """
import resource, sys
from learnkit.errors import WeightsError
from learnkit.models.weights import read_state_dict
from pathlib import Path

read_state_dict(Path(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[2:]:
    try:
        read_state_dict(Path(path))
    except WeightsError:
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs ru_maxrss in kB")
def test_sizes_that_lie_take_no_memory(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "good.pth")
    makers = [*REFUSED, large_storage_of_a_small_tensor]
    paths = [make(tmp_path / f"{make.__name__}.pth") for make in makers]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path / "good.pth", *paths],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert int(done.stdout) < 32 << 10


def test_noise_in_the_records_is_damage(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "good.pth")
    whole = (tmp_path / "good.pth").read_bytes()
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        (tmp_path / "w.pth").write_bytes(damaged)
        try:
            found = read_state_dict(tmp_path / "w.pth")
        except WeightsError:
            continue
        assert sum(value.nbytes for value in found.values()) < len(whole)


@pytest.mark.filterwarnings("ignore:.*sparse")
@pytest.mark.parametrize(
    "odd",
    [torch.zeros(3, 3).to_sparse(), torch.zeros(3, device="meta")],
    ids=["sparse", "meta"],
)
def test_tensors_of_another_kind_are_refused(tmp_path: Path, odd: torch.Tensor) -> None:
    torch.save({"fine": torch.zeros(1), "odd": odd}, tmp_path / "w.pth")
    assert told(tmp_path / "w.pth") == (
        "holds 'odd', which is sparse, without numbers or not torch's own kind of "
        "tensor. Save plain tensors with torch.save(model.state_dict(), path)."
    )


def test_whole_numbers_are_no_weights(tmp_path: Path) -> None:
    body = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 1, 1)))
    state = {"conv.weight": torch.zeros(1, 1, 1, 1, dtype=torch.int64), "conv.bias": torch.zeros(1)}
    with pytest.raises(WeightsError) as caught:
        load_into(body, state, name="tiny", origin="w.pth")
    assert "conv.weight: expected torch.float32, found torch.int64. " in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes and devices")
def test_nothing_waits_for_a_pipe_or_reads_a_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w.pth")
    (tmp_path / "d.pth").symlink_to("/dev/zero")
    (tmp_path / "d.safetensors").symlink_to("/dev/zero")
    assert told(tmp_path / "w.pth").startswith("cannot be read (it is a pipe, not a file). Give ")
    for name in ("d.pth", "d.safetensors"):
        assert told(tmp_path / name).startswith(
            "cannot be read (it is a device, not a file). Give "
        )
