"""Exports from a stranger: refused with a clear error, nothing run, nothing written, no memory."""

import hashlib
import json
import os
import pickle
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from learnkit import models
from learnkit.card import MAX_BYTES
from learnkit.data.image_inputs import ImageInputs
from learnkit.errors import ExportError
from learnkit.export import ModelCard, read_export, write_export
from learnkit.inference import load_learner

MIB = 1 << 20
unix = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes, devices and links")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = models.cnn(3, channels=[4])
    inputs = ImageInputs(size=(24, 32), resize="crop", mean=(0.5,) * 3, std=(0.25,) * 3)
    card = ModelCard(
        spec=model.spec, classes=("blue", "green", "red"), inputs=inputs, activation="softmax"
    )
    return write_export(tmp_path / "model", model, card)


def told(call: Callable[[], object]) -> str:
    with pytest.raises(ExportError) as caught:
        call()
    return str(caught.value)


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def put_weights(folder: Path, data: bytes) -> None:
    """Exchange the weights as somebody does who knows that there is a sum."""
    (folder / "model.safetensors").write_bytes(data)
    edit(folder, sha256=hashlib.sha256(data).hexdigest())


def put_header(folder: Path, head: object, body: bytes = b"") -> None:
    text = json.dumps(head).encode()
    put_weights(folder, struct.pack("<Q", len(text)) + text + body)


def listing(folder: Path) -> dict[str, object]:
    return {
        path.relative_to(folder).as_posix(): (path.lstat().st_mode, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
    }


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """No file in or beside a folder comes, goes or changes, and no module is imported from it."""
    before = listing(folder)
    yield
    assert listing(folder) == before
    files = {str(getattr(module, "__file__", None)) for module in list(sys.modules.values())}
    assert not [file for file in files if file.startswith(str(folder))]


# ---------------------------------------------------------------- code


def touch_marker(path: str) -> None:
    Path(path).touch()


class Payload:
    """Unpickling it makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[Any, ...]:
        return (touch_marker, (self.marker,))


def test_the_payload_does_what_it_should(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Payload(tmp_path / "marker")))
    assert (tmp_path / "marker").exists()


def pickled(marker: Path, protocol: int) -> bytes:
    return pickle.dumps(Payload(marker), protocol)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_in_the_place_of_the_weights_is_not_run(
    folder: Path, tmp_path: Path, protocol: int
) -> None:
    put_weights(folder, pickled(tmp_path / "marker", protocol))
    with untouched(tmp_path):
        message = told(lambda: load_learner(folder))
    assert message == (
        f"{folder / 'model.safetensors'} cannot be used: it is not a safetensors file, or was cut "
        "off. Copy the export again."
    )


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_in_the_place_of_the_card_is_not_run(
    folder: Path, tmp_path: Path, protocol: int
) -> None:
    (folder / "model.json").write_bytes(pickled(tmp_path / "marker", protocol))
    with untouched(tmp_path):
        message = told(lambda: load_learner(folder))
    assert message.startswith(f"{folder / 'model.json'}: it is not ")


def test_a_torch_file_in_the_place_of_the_weights_is_not_read(folder: Path, tmp_path: Path) -> None:
    torch.save({"0.weight": torch.zeros(1), "x": Payload(tmp_path / "marker")}, tmp_path / "w")
    put_weights(folder, (tmp_path / "w").read_bytes())
    with untouched(tmp_path):
        told(lambda: load_learner(folder))


def test_other_files_in_the_folder_are_not_even_opened(folder: Path, tmp_path: Path) -> None:
    payload = pickled(tmp_path / "marker", 2)
    code = f"import pathlib; pathlib.Path({str(tmp_path / 'marker')!r}).touch()"
    for name in ("builder.py", "__init__.py", "model.py", "sitecustomize.py", "conftest.py"):
        (folder / name).write_text(code)
    for name in ("pytorch_model.bin", "model.pkl", "state.pth", "model.safetensors.index.json"):
        (folder / name).write_bytes(payload)
    (folder / "config.json").write_text('{"auto_map": {"AutoModel": "builder.py"}}')
    if sys.platform != "win32":
        os.mkfifo(folder / "pipe")
    with untouched(tmp_path):
        assert load_learner(folder).classes == ("blue", "green", "red")


@pytest.mark.parametrize(
    "names",
    [
        {"model": {"model": "os.system", "command": "touch marker"}},
        {"model": {"model": "cnn", "backbone": "__import__('os').system('touch marker')"}},
        {"activation": "lambda x: open('marker', 'w')"},
        {"inputs": {"size": "__import__('os')", "resize": "", "mean": [], "std": []}},
        {"classes": {"__class__": "os"}},
        {"__class__": "learnkit.evil", "format": {"__reduce__": []}},
    ],
    ids=lambda names: next(iter(names)),
)
def test_words_in_the_card_are_never_code(
    folder: Path, tmp_path: Path, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    edit(folder, **names)
    with untouched(tmp_path):
        told(lambda: load_learner(folder))


@pytest.mark.parametrize(
    "backbone",
    [
        "timm/hf-hub:someone/evil",
        "timm/hf_hub:someone/evil",
        "hf-hub:someone/evil",
        "timm/local-dir:/tmp/evil",
        "timm/https://example.org/evil",
        "timm/timm/resnet18",
        "timm/resnet18.hf-hub:someone/evil",
        "timm/resnet18.",
        "timm/resnet18.a1_in1k/../../evil",
        "timm/resnet*",
        "timm/",
        "../../evil",
        "https://example.org/evil.pth",
        "file:///tmp/evil.pth",
        "torchvision.models.resnet18",
        "r" * 100_000,
    ],
    ids=lambda name: name[:40],
)
def test_backbones_are_those_of_the_tables_and_nothing_is_fetched(
    folder: Path, tmp_path: Path, backbone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    spec = {"model": "cnn", "backbone": backbone, "n_classes": 3, "head": "plain", "dropout": 0.0}
    edit(folder, model=spec)
    with untouched(tmp_path):
        assert told(lambda: load_learner(folder)).startswith(f"{folder / 'model.json'}: ")


# ---------------------------------------------------------------- what is no file


@unix
@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("pipe", "it is a pipe, not a file"),
        ("/dev/zero", "it is a device, not a file"),
        ("/dev/stdin", None),
        ("folder", "it is a folder"),
        ("loop", "Too many levels of symbolic links"),
        ("nowhere", "No such file or directory"),
    ],
)
def test_only_regular_files_are_opened(folder: Path, name: str, kind: str, why: str | None) -> None:
    path = folder / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"loop": name, "nowhere": "gone"}.get(kind, kind))
    message = told(lambda: load_learner(folder))
    if why is not None:
        assert message.startswith(f"cannot read {path}: {why}. ")


@unix
def test_a_link_that_leads_elsewhere_is_read_as_what_it_should_be(
    folder: Path, tmp_path: Path
) -> None:
    """As in the caches of model hubs; what is no export tells nothing of itself."""
    shutil.move(folder / "model.safetensors", tmp_path / "blob")
    (folder / "model.safetensors").symlink_to(tmp_path / "blob")
    assert load_learner(folder).classes == ("blue", "green", "red")
    (tmp_path / "secret").write_text("password = 12345")
    for name in ("model.safetensors", "model.json"):
        (folder / name).unlink()
        (folder / name).symlink_to(tmp_path / "secret")
        assert "12345" not in told(lambda: load_learner(folder))


# ---------------------------------------------------------------- bombs


def asks_for_4_gb(folder: Path) -> None:
    edit(folder, model={"model": "mlp", "sizes": [30_000, 33_000]}, classes=[], inputs=None)


def has_many_outputs(folder: Path) -> None:
    spec = {"model": "xresnet", "depth": 50, "n_classes": 100_000, "in_channels": 100_000}
    edit(folder, model=spec, classes=[], inputs=None)


def is_a_large_timm_model(folder: Path) -> None:
    spec = {"model": "cnn", "backbone": "resnet152", "n_classes": 3, "head": "fastai"}
    edit(folder, model={**spec, "dropout": 0.5})


def card_of_1_tb(folder: Path) -> None:
    with (folder / "model.json").open("r+b") as file:
        file.truncate(1 << 40)


def weights_of_1_tb(folder: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(1 << 40)


def header_of_1_gb(folder: Path) -> None:
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", 1 << 30))
        file.truncate(2 << 30)


def header_of_many_parts(folder: Path) -> None:
    text = b"[" + b"[],[[0]]," * (7 * MIB // 9) + b"0]"
    put_weights(folder, struct.pack("<Q", len(text)) + text)


def header_of_many_tensors(folder: Path) -> None:
    entry = {"dtype": "F32", "shape": [], "data_offsets": [0, 0]}
    put_header(folder, {str(n): entry for n in range(110_000)})


def shape_of_1_tb(folder: Path) -> None:
    entry = {"dtype": "F32", "shape": [1 << 20, 1 << 18], "data_offsets": [0, 1 << 40]}
    put_header(folder, {"0.weight": entry})


def shape_of_nothing(folder: Path) -> None:
    entry = {"dtype": "F32", "shape": [0, 1 << 60, 1 << 60], "data_offsets": [0, 0]}
    put_header(folder, {"0.weight": entry})


def card_of_lists(folder: Path) -> None:
    part = b"[" * 13 + b"0" + b"]" * 13 + b","
    (folder / "model.json").write_bytes(b"[" + part * (MAX_BYTES // len(part) - 1) + b"0]")


def card_of_one_deep_list(folder: Path) -> None:
    (folder / "model.json").write_bytes(b"[" * MAX_BYTES)


def card_of_many_classes(folder: Path) -> None:
    edit(folder, classes=["é"] * 1_150_000)


def card_of_many_values(folder: Path) -> None:
    edit(folder, later=[0] * 1_300_000)


def card_of_short_texts(folder: Path) -> None:
    """The most memory that was found: short texts in a list, and letters of four bytes."""
    texts = [f"{n:x}" for n in range(1_150_000)]
    wide = "\U0001f600"
    document = {**json.loads((folder / "model.json").read_text()), "sha256": 0, "later": texts}
    rest = MAX_BYTES - len(json.dumps(document, separators=(",", ":"))) - 50
    document["last"] = wide + "x" * rest
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    (folder / "model.json").write_bytes(text.encode())


def card_of_a_long_number(folder: Path) -> None:
    (folder / "model.json").write_bytes(b'{"format": ' + b"1" * (MAX_BYTES - 100) + b"}")


def card_of_quotes(folder: Path) -> None:
    (folder / "model.json").write_bytes(b'"' + b'\\"' * (MAX_BYTES // 2 - 10))


def card_of_a_long_name(folder: Path) -> None:
    edit(folder, model={"model": "mlp", "s" * (MAX_BYTES - MIB): 1, "sizes": [3, 3]})


BOMBS: dict[Callable[[Path], None], str] = {
    asks_for_4_gb: "does not fit this model: ",
    has_many_outputs: "does not fit this model: ",
    is_a_large_timm_model: "does not fit this model: ",
    card_of_1_tb: "it has 1,099,511,627,776 bytes, more than 16,777,216. ",
    weights_of_1_tb: "cannot be used: its tensors take 564 bytes, but 1,099,511,",
    header_of_1_gb: "cannot be used: its header has 1,073,741,824 bytes, more than 8,388,608. ",
    header_of_many_parts: "cannot be used: it has more than 300,000 lists and objects. ",
    header_of_many_tensors: "cannot be used: it has ",
    shape_of_1_tb: "cannot be used: field '0.weight.data_offsets' must be ",
    shape_of_nothing: "cannot be used: field '0.weight.shape' must be one of 0 bytes ",
    card_of_lists: "it has more than 10,000 lists and objects. ",
    card_of_one_deep_list: "it is nested deeper than 16 lists and objects. ",
    card_of_many_classes: "field 'classes' must be a list of at most 100,000 strings ",
    card_of_many_values: "it has more than 1,200,000 values, or commas in its texts. ",
    card_of_short_texts: "field 'sha256' must be ",
    card_of_a_long_number: "it has a number of 16,777,116 digits. ",
    card_of_quotes: "it is not JSON (Unterminated string ",
    card_of_a_long_name: "has the unknown field 'sssss",
}


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.__name__)
def test_a_bomb_does_not_go_off(bomb: Callable[[Path], None], folder: Path, tmp_path: Path) -> None:
    try:
        bomb(folder)
    except OSError as error:  # a disk without holes in its files
        pytest.skip(str(error))
    with untouched(tmp_path):
        message = told(lambda: load_learner(folder))
    assert BOMBS[bomb] in message
    assert len(message) < 600


IMPORTS = """
import sys, torch
from learnkit import load_learner
assert "torchvision" not in sys.modules and "timm" not in sys.modules
try:
    load_learner(sys.argv[1])
except Exception as error:
    assert "does not fit this model" in str(error), error
import torchvision.models, timm
assert str(torch.zeros(1).device) == "cpu"
made = [value for module in list(sys.modules.values())
        if (getattr(module, "__name__", "") or "").startswith(("torchvision", "timm"))
        for value in vars(module).values() if isinstance(value, torch.Tensor)]
assert all(value.device.type == "cpu" for value in made)
"""


@pytest.mark.parametrize("backbone", ["resnet18", "timm/test_resnet", "efficientnet_lite0"])
def test_no_library_is_imported_while_tensors_have_no_numbers(folder: Path, backbone: str) -> None:
    """torch 2.6 does not survive it: its own modules compute with tensors when imported."""
    spec = {"model": "cnn", "backbone": backbone, "n_classes": 3, "head": "plain", "dropout": 0.0}
    edit(folder, model=spec)
    subprocess.run([sys.executable, "-W", "ignore", "-c", IMPORTS, folder], check=True)


LIMITED = """
import json, resource, sys
from learnkit import load_learner
from learnkit.errors import ExportError

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

load_learner(sys.argv[1])
grown = {}
for folder in sys.argv[2:]:
    before = peak()
    try:
        load_learner(folder)
    except ExportError:
        grown[folder] = peak() - before
print(json.dumps(grown))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs ru_maxrss in kB")
def test_bombs_take_no_memory(folder: Path, tmp_path: Path) -> None:
    """In one process, after a good export was loaded: less than 100 MiB more for the largest."""
    folders = []
    for bomb in BOMBS:
        folders.append(tmp_path / bomb.__name__)
        shutil.copytree(folder, folders[-1])
        bomb(folders[-1])
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, folder, *folders],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    grown = json.loads(done.stdout)
    assert len(grown) == len(BOMBS)
    assert sum(grown.values()) < 100 << 10, grown


# ---------------------------------------------------------------- damage


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_every_byte_of_an_export_may_be_wrong(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        (folder / name).write_bytes(damaged)
        try:
            read_export(folder)
        except ExportError:
            continue
        assert name == "model.json", f"byte {place} of the weights is changed and they are loaded"


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_an_export_that_is_cut_off_anywhere_is_refused(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    for place in range(0, len(whole), len(whole) // 50):
        (folder / name).write_bytes(whole[:place])
        told(lambda: read_export(folder))
