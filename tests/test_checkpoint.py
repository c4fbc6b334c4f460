"""Checkpoints: what goes in comes out, and a damaged or half-written one never passes for whole."""

import hashlib
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from learnkit.checkpoint import (
    load_into,
    load_tensors,
    read_snapshot,
    save_tensors,
    write_snapshot,
)
from learnkit.errors import CheckpointError
from learnkit.packing import pack, unpack

PARTS = {"model": {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2)}}
DOCUMENT = {"epochs": 3, "rows": [{"loss": 0.25}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_snapshot(tmp_path / "saved", PARTS, DOCUMENT)


def message(call: Callable[[], object]) -> str:
    with pytest.raises(CheckpointError) as caught:
        call()
    return str(caught.value)


# ---------------------------------------------------------------- pack and unpack

tensors = st.sampled_from(
    [
        torch.tensor(1.5),
        torch.zeros(0),
        torch.arange(4),
        torch.tensor([[True, False]]),
        torch.ones(2, 3, dtype=torch.bfloat16),
        torch.zeros(3, dtype=torch.float64),
    ]
)
keys = st.one_of(st.text(max_size=4), st.integers(), st.none(), st.booleans())
plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)
)
states = st.recursive(
    plain | tensors,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(keys, inner, max_size=3),
    ),
    max_leaves=8,
)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


@settings(deadline=None, max_examples=100)
@given(states)
def test_unpack_undoes_pack_through_json(state: Any) -> None:
    kept: dict[str, Tensor] = {}
    text = json.dumps(pack(state, kept))
    assert same(unpack(json.loads(text), kept), state)


@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(states)
def test_any_state_survives_the_disk(tmp_path: Path, state: Any) -> None:
    kept: dict[str, Tensor] = {}
    document = {"state": pack(state, kept)}
    snapshot = read_snapshot(write_snapshot(tmp_path / "s", {"state": kept}, document))
    assert same(unpack(snapshot.document["state"], snapshot.parts["state"]), state)


def test_places_that_spell_the_same_name_keep_their_own_tensors() -> None:
    state = {"a.b": torch.tensor(1), "a": {"b": torch.tensor(2)}, 0: torch.tensor(3), "0": None}
    kept: dict[str, Tensor] = {}
    packed = pack(state, kept)
    assert len(kept) == 3
    assert same(unpack(packed, kept), state)


def test_nan_and_infinity_survive() -> None:
    document = {"rows": pack([math.inf, -math.inf, math.nan], {})}
    back = unpack(json.loads(json.dumps(document))["rows"], {})
    assert back[:2] == [math.inf, -math.inf]
    assert math.isnan(back[2])


MAY_HOLD = (
    "a state may hold None, bool, int, float, str, Tensor, and lists, tuples and dicts of them, "
    "with keys that are str, int, float, bool or None."
)


@pytest.mark.parametrize(
    ("state", "start"),
    [
        (
            {"best": {"where": Path("x")}},
            f"cannot save .best.where: it is a {type(Path()).__name__}",
        ),
        ([{1, 2}], "cannot save .0: it is a set"),
        (object(), "cannot save the state: it is a object"),
        ({"by_pair": {(1, 2): 3}}, "cannot save .by_pair: it is a dict"),
    ],
)
def test_what_cannot_be_saved_is_named_by_its_place(state: Any, start: str) -> None:
    assert message(lambda: pack(state, {})) == f"{start}; {MAY_HOLD}"


# ---------------------------------------------------------------- tensors


def test_tensors_come_back_with_dtype_shape_and_value(tmp_path: Path) -> None:
    given = {
        "half": torch.randn(3).half(),
        "bf16": torch.randn(2, 2).bfloat16(),
        "flags": torch.tensor([True, False]),
        "count": torch.tensor(7),
        "none": torch.zeros(0, 4),
        "none_too": torch.zeros(4, 0),
    }
    save_tensors(tmp_path / "t.safetensors", given)
    assert same({k: load_tensors(tmp_path / "t.safetensors")[k] for k in given}, given)


def test_tensors_that_share_storage_are_written_out_each(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    tied = {"whole": whole, "again": whole, "part": whole[2:4], "turned": whole.view(2, 3).t()}
    save_tensors(tmp_path / "t.safetensors", tied)
    assert same({k: load_tensors(tmp_path / "t.safetensors")[k] for k in tied}, tied)


def test_channels_last_and_other_strides_come_back_equal(tmp_path: Path) -> None:
    x = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    given = {"x": x, "every_second": torch.arange(8.0)[::2], "wide": torch.ones(1).expand(3)}
    save_tensors(tmp_path / "t.safetensors", given)
    assert same({k: load_tensors(tmp_path / "t.safetensors")[k] for k in given}, given)


def test_a_file_that_holds_no_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    path.write_bytes(b"not tensors at all")
    assert message(lambda: load_tensors(path)).startswith(f"{path} is not a safetensors file: ")


# ---------------------------------------------------------------- snapshots


def test_a_snapshot_comes_back_as_it_was_given(folder: Path) -> None:
    snapshot = read_snapshot(folder)
    assert snapshot.document == DOCUMENT
    assert same({k: snapshot.parts["model"][k] for k in PARTS["model"]}, PARTS["model"])


def test_a_snapshot_is_json_and_safetensors_and_nothing_else(folder: Path) -> None:
    assert sorted(p.name for p in folder.iterdir()) == ["model.safetensors", "snapshot.json"]
    head = json.loads((folder / "snapshot.json").read_text())
    assert head["format"] == 1
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert head["files"] == {"model.safetensors": digest}


def test_writing_again_replaces_the_old_one_and_leaves_nothing_beside(folder: Path) -> None:
    write_snapshot(folder, PARTS, {"epochs": 4})
    assert read_snapshot(folder).document == {"epochs": 4}
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_a_missing_snapshot_is_named(tmp_path: Path) -> None:
    expected = (
        f"cannot read {tmp_path / 'gone' / 'snapshot.json'}: No such file or directory. "
        "Give the folder that `save` or `export` wrote."
    )
    assert message(lambda: read_snapshot(tmp_path / "gone")) == expected


def test_a_missing_part_is_named(folder: Path) -> None:
    part = folder / "model.safetensors"
    part.unlink()
    expected = (
        f"cannot read {part}: No such file or directory. "
        "Give the folder that `save` or `export` wrote."
    )
    assert message(lambda: read_snapshot(folder)) == expected


def test_a_torn_part_is_named(folder: Path) -> None:
    part = folder / "model.safetensors"
    part.write_bytes(part.read_bytes()[:-3])
    expected = (
        f"{part} is damaged: its SHA-256 is not the one in snapshot.json. Load an older checkpoint."
    )
    assert message(lambda: read_snapshot(folder)) == expected


def test_a_torn_document_is_named(folder: Path) -> None:
    path = folder / "snapshot.json"
    path.write_bytes(path.read_bytes()[:40])
    told = message(lambda: read_snapshot(folder))
    assert told.startswith(f"{path} is damaged (JSONDecodeError: ")
    assert told.endswith("). Load an older checkpoint.")


def test_a_changed_number_in_the_document_is_noticed(folder: Path) -> None:
    path = folder / "snapshot.json"
    path.write_text(path.read_text().replace("0.25", "0.35"))
    expected = (
        f"{path} is damaged: its SHA-256 is not the one it was written with. "
        "Load an older checkpoint."
    )
    assert message(lambda: read_snapshot(folder)) == expected


def test_a_newer_format_says_which(folder: Path) -> None:
    path = folder / "snapshot.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    expected = (
        f"{folder} has format 2; this learnkit reads format 1. "
        "Load it with the version of learnkit that wrote it."
    )
    assert message(lambda: read_snapshot(folder)) == expected


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), document=st.booleans())
def test_one_flipped_bit_is_an_error_or_changes_nothing(
    folder: Path, place: float, bit: int, document: bool
) -> None:
    path = folder / ("snapshot.json" if document else "model.safetensors")
    whole = path.read_bytes()
    torn = bytearray(whole)
    torn[int(place * len(torn))] ^= 1 << bit
    path.write_bytes(torn)
    try:
        assert read_snapshot(folder).document == DOCUMENT
    except CheckpointError:
        pass
    finally:
        path.write_bytes(whole)


def test_a_document_cannot_name_files_outside_its_folder(folder: Path, tmp_path: Path) -> None:
    save_tensors(tmp_path / "secret.safetensors", {"x": torch.ones(1)})
    path = folder / "snapshot.json"
    path.write_text(path.read_text().replace("model.safetensors", "../secret.safetensors"))
    expected = (
        f"cannot read {folder / 'secret.safetensors'}: No such file or directory. "
        "Give the folder that `save` or `export` wrote."
    )
    assert message(lambda: read_snapshot(folder)) == expected


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_no_checkpoint_is_never_replaced(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "thesis"
    mine = place / "chapter.tex" if kind == "folder" else place
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("years of work")
    expected = (
        f"{place} exists and holds other things than a checkpoint; nothing was written. "
        "Give a new folder, or remove that one first."
    )
    assert message(lambda: write_snapshot(place, PARTS, DOCUMENT)) == expected
    assert mine.read_text() == "years of work"


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    place = tmp_path / "new"
    place.mkdir()
    write_snapshot(place, PARTS, DOCUMENT)
    assert read_snapshot(place).document == DOCUMENT


def test_the_current_folder_is_a_folder_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.txt").touch()
    monkeypatch.chdir(tmp_path)
    expected = (
        ". exists and holds other things than a checkpoint; nothing was written. "
        "Give a new folder, or remove that one first."
    )
    assert message(lambda: write_snapshot(Path(), PARTS, DOCUMENT)) == expected


# ---------------------------------------------------------------- crashes


class Killed(BaseException):
    """Stands for the process's end: no handler of the code under test may catch it."""


@pytest.mark.parametrize("survives", range(1, 3))
def test_a_kill_between_the_renames_leaves_a_whole_checkpoint(
    folder: Path, monkeypatch: pytest.MonkeyPatch, survives: int
) -> None:
    """After the first rename only the old one is whole under a name; after the second, the new."""
    done, rename = [0], Path.rename

    def killed(self: Path, target: Path) -> Path:
        moved = rename(self, target)
        done[0] += 1
        if done[0] == survives:
            raise Killed
        return moved

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(Killed):
            write_snapshot(folder, PARTS, {"epochs": 4})
    assert read_snapshot(folder).document == (DOCUMENT if survives == 1 else {"epochs": 4})
    write_snapshot(folder, PARTS, {"epochs": 5})
    assert read_snapshot(folder).document == {"epochs": 5}
    assert not (folder.parent / f".{folder.name}.previous").exists()


# ---------------------------------------------------------------- loading into a model


def test_tensors_that_fit_are_copied_in(tmp_path: Path) -> None:
    one, other = nn.Linear(2, 3), nn.Linear(2, 3)
    load_into(other, one.state_dict(), source=tmp_path)
    assert torch.equal(one.weight, other.weight)


def test_tensors_that_do_not_fit_are_named_with_their_shapes(tmp_path: Path) -> None:
    model = nn.Linear(2, 3)
    before = model.weight.clone()
    saved = {"weight": torch.zeros(5, 2), "extra": torch.zeros(1), "more": torch.zeros(1)}
    expected = (
        f"{tmp_path} does not fit this model: bias is missing; extra is not in the model; "
        "more is not in the model; and 1 more. "
        "Build the model with the same architecture and the same classes."
    )
    assert message(lambda: load_into(model, saved, source=tmp_path)) == expected
    shapes = {"weight": torch.zeros(5, 2), "bias": torch.zeros(3)}
    expected = (
        f"{tmp_path} does not fit this model: weight has shape (5, 2), expected (3, 2). "
        "Build the model with the same architecture and the same classes."
    )
    assert message(lambda: load_into(model, shapes, source=tmp_path)) == expected
    assert torch.equal(model.weight, before)


def test_no_pickle_is_read(folder: Path) -> None:
    torch.save({"weight": torch.ones(1)}, folder / "model.safetensors")
    part = folder / "model.safetensors"
    told = message(lambda: load_tensors(part))
    assert told.startswith(f"{part} is not a safetensors file: ")


def test_a_folder_copied_elsewhere_still_loads(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    assert read_snapshot(tmp_path / "copy").document == DOCUMENT
