"""The list in a quarantine is read with suspicion."""

import json
import os

import pytest

from learnkit.data.doctor.manifest import NAME, Entry, check_inside, read_manifest, write_manifest
from learnkit.errors import DataError
from tests.in_time import in_time

ENTRY = Entry(
    source="train/cat/1.jpg",
    target="files/train/cat/1.jpg",
    why="it is torn",
    kind="unreadable",
    sha256="0" * 64,
    when="2031-05-02T10:00:00+00:00",
)


def change(folder, **values):
    document = json.loads((folder / NAME).read_text())
    document["files"][0] |= values
    (folder / NAME).write_text(json.dumps(document))


@pytest.fixture
def written(tmp_path):
    write_manifest(tmp_path, [ENTRY])
    return tmp_path


def test_what_was_written_is_read(tmp_path):
    odd = Entry(
        source="x\udcff\n.jpg",  # a name that is no UTF-8
        target="files/x",
        why="w",
        kind="leak",
        sha256=None,
        when="t",
        state="left",
        problem="why",
    )
    entries = [ENTRY, odd]
    write_manifest(tmp_path, entries)
    assert read_manifest(tmp_path) == entries


def test_people_and_programs_can_read_it(written):
    document = json.loads((written / NAME).read_text())
    assert document["format"] == 1
    assert document["files"] == [
        {
            "from": "train/cat/1.jpg",
            "to": "files/train/cat/1.jpg",
            "why": "it is torn",
            "kind": "unreadable",
            "sha256": "0" * 64,
            "when": "2031-05-02T10:00:00+00:00",
            "state": "moving",
            "problem": "",
        }
    ]


@pytest.mark.parametrize("key", ["from", "to"])
@pytest.mark.parametrize(
    "place", ["../1.jpg", "/etc/1.jpg", "a/../../1.jpg", "C:/1.jpg", "", ".", "a\0b"]
)
def test_a_place_outside_is_refused(written, key, place):
    change(written, **{key: place})
    with pytest.raises(DataError) as caught:
        read_manifest(written)
    assert str(caught.value) == (
        f"{written / NAME} is damaged (ValueError: {place!r} leads out of the folder)."
    )


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"state": "lost"}, "ValueError: state is 'lost'"),
        ({"sha256": 5}, "ValueError: sha256 is 5"),
        ({"why": None}, "ValueError: why is None"),
        ({"from": ["a"]}, "ValueError: source is ['a']"),
        ({"state": []}, "ValueError: state is []"),
    ],
)
def test_a_value_of_another_kind_is_refused(written, values, reason):
    change(written, **values)
    with pytest.raises(DataError) as caught:
        read_manifest(written)
    assert str(caught.value) == f"{written / NAME} is damaged ({reason})."


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 1, "files": [1]}', b"\xff", b"1"]
)
def test_a_damaged_list_is_named(written, content):
    (written / NAME).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_manifest(written)
    assert str(caught.value).startswith(f"{written / NAME} is damaged (")


def test_every_cut_of_a_list_is_noticed(written):
    data = (written / NAME).read_bytes()
    for length in range(len(data)):
        (written / NAME).write_bytes(data[:length])
        with pytest.raises(DataError):
            read_manifest(written)


def test_a_newer_format_is_refused(written):
    document = json.loads((written / NAME).read_text()) | {"format": 2}
    (written / NAME).write_text(json.dumps(document))
    with pytest.raises(DataError) as caught:
        read_manifest(written)
    assert str(caught.value) == f"{written / NAME} has format 2; this learnkit reads format 1."


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(DataError) as caught:
        read_manifest(tmp_path)
    assert str(caught.value) == f"{tmp_path / NAME} cannot be read: No such file or directory."


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_nothing_waits_for_a_pipe(tmp_path):
    os.mkfifo(tmp_path / NAME)
    with in_time(), pytest.raises(DataError) as caught:
        read_manifest(tmp_path)
    assert str(caught.value) == f"{tmp_path / NAME} cannot be read: it is a pipe, not a file."


def test_a_list_that_cannot_be_written_leaves_the_old_one(written, monkeypatch):
    before = (written / NAME).read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError) as caught:
        write_manifest(written, [])
    assert "No space left on device" in str(caught.value)
    assert (written / NAME).read_bytes() == before


@pytest.mark.parametrize("name", ["train/cat/1.jpg", ".hidden/1.jpg", "a..b/c..jpg", "..a/b"])
def test_a_place_inside_is_accepted(name):
    check_inside(name)
