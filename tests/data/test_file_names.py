import hashlib
import os
import pickle
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.file_names import FileNames, NamesBuilder

ODD = [
    "a b/c d.jpg",
    "\xe9t\xe9/\u65e5\u672c.jpg",
    "x\ny/1\n.jpg",
    os.fsdecode(b"\xff/\xfe.jpg"),
    "",
]
TEXT = st.text(st.sampled_from("ab/. \n\xe9\u65e5\U0001f600\udcff"), max_size=6)
NAMES = st.lists(TEXT)


def indices(*places: int) -> np.ndarray:
    return np.array(places, dtype=np.int64)


@pytest.mark.parametrize("name", ODD)
def test_any_name_comes_back(name: str) -> None:
    assert FileNames.of([name])[0] == name
    assert list(FileNames.of([name])) == [name]


@given(NAMES)
def test_names_are_the_sequence_of_their_texts(given: list[str]) -> None:
    names = FileNames.of(given)
    assert list(names) == given
    assert [names[i] for i in range(-len(given), len(given))] == given + given
    assert names == given
    assert given == names
    assert names == tuple(given)
    assert FileNames.of(iter(given)) == names
    assert FileNames.of(names) is names
    assert sorted(names) == sorted(given)


@given(NAMES, st.slices(6))
def test_a_slice_is_that_of_the_list(given: list[str], part: slice) -> None:
    assert FileNames.of(given)[part] == given[part]


@given(NAMES.filter(bool), st.data())
def test_a_choice_keeps_the_order_of_its_indices(given: list[str], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(given) - 1)))
    chosen = FileNames.of(given).take(indices(*places))
    assert chosen == [given[i] for i in places]
    assert chosen[::-1] == [given[i] for i in reversed(places)]


@given(NAMES, st.sampled_from(["", "a/", "/b/\xe9/"]))
def test_a_prefix_is_before_each_name(given: list[str], prefix: str) -> None:
    names = FileNames.of(given).with_prefix(prefix)
    assert names == [prefix + name for name in given]
    assert names.digest() == FileNames.of([prefix + name for name in given]).digest()


def test_a_prefix_is_a_folder() -> None:
    with pytest.raises(ValueError) as caught:
        FileNames.of(["1.jpg"]).with_prefix("a")
    assert str(caught.value) == "a folder ends with '/': found 'a'"


@given(NAMES, NAMES)
def test_equal_lists_and_only_those_have_equal_digests(a: list[str], b: list[str]) -> None:
    assert (FileNames.of(a).digest() == FileNames.of(b).digest()) == (a == b)
    assert (FileNames.of(a) == FileNames.of(b)) == (a == b)


def test_a_digest_depends_on_the_order_and_not_on_how_the_names_came_together() -> None:
    names = FileNames.of(["a/1.jpg", "b/1.jpg", "b/2.jpg"])
    same = FileNames.of(["b/2.jpg", "b/1.jpg", "a/1.jpg"]).take(indices(2, 1, 0))
    assert names.digest() == same.digest() == names[:].digest()
    assert names.digest() != names[::-1].digest()
    assert FileNames.of(["ab", "c"]).digest() != FileNames.of(["a", "bc"]).digest()


def test_the_digest_is_the_same_on_every_machine() -> None:
    hashed = struct.pack("<2q", 7, 6) + b"a/1.jpg\xc3\xa9.jpg"
    names = FileNames.of(["a/1.jpg", "\xe9.jpg"])
    assert names.digest() == hashlib.sha256(hashed).hexdigest()


@given(NAMES)
def test_folders_are_what_is_before_the_last_slash(given: list[str]) -> None:
    codes, folders = FileNames.of(given).folders()
    assert [folders[code] for code in codes] == [n[: n.rfind("/") + 1] for n in given]
    assert len(set(folders)) == len(folders)


def test_folders_are_those_of_the_names_there_are() -> None:
    names = FileNames.of(["a/1.jpg", "b/1.jpg", "c/1.jpg", "2.jpg"]).take(indices(3, 1, 1))
    codes, folders = names.folders()
    assert sorted(folders) == ["", "b/"]
    assert [folders[code] for code in codes] == ["", "b/", "b/"]


@given(NAMES)
def test_arrays_and_pickles_bring_the_names_back(given: list[str]) -> None:
    for names in (FileNames.of(given), FileNames.of(given)[::-2]):
        assert FileNames.from_arrays(names.to_arrays()) == names
        assert pickle.loads(pickle.dumps(names)) == names


def test_arrays_hold_nothing_of_names_that_were_left_out() -> None:
    arrays = FileNames.of(["secret/1.jpg", "a/2.jpg"])[1:].to_arrays()
    assert not any(b"secret" in array.tobytes() for array in arrays)


def test_arrays_that_do_not_fit_together_are_refused() -> None:
    text, offsets, codes, *folders = FileNames.of(["a/1.jpg", "b/1.jpg"]).to_arrays()
    wrong = [
        (),
        (text, offsets, codes),
        (text, offsets, codes[:1], *folders),
        (text, offsets, codes.astype(np.int64), *folders),
        (text, offsets, codes + np.uint32(1), *folders),
        (text[1:], offsets, codes, *folders),
    ]
    for arrays in wrong:
        with pytest.raises(ValueError):
            FileNames.from_arrays(arrays)


def test_names_differ_from_others_and_from_what_are_no_names() -> None:
    names = FileNames.of(["a", "b"])
    assert names != ["a"]
    assert names != ["b", "a"]
    assert names != "ab"
    assert names != 5
    with pytest.raises(TypeError):
        hash(names)


def test_a_place_beyond_the_end_is_an_error() -> None:
    for index in (2, -3):
        with pytest.raises(IndexError):
            FileNames.of(["a", "b"])[index]


def test_names_show_a_few_of_themselves() -> None:
    assert repr(FileNames.of([])) == "FileNames(0)"
    assert repr(FileNames.of(["a/1.jpg", "b"])) == "FileNames(2: 'a/1.jpg', 'b')"
    assert repr(FileNames.of("abc")) == "FileNames(3: 'a', 'b', ...)"


def test_a_builder_adds_folder_by_folder() -> None:
    builder = NamesBuilder()
    builder.add("a/", ["1.jpg", "2.jpg"])
    builder.add("", ["3.jpg"])
    builder.add("a/", ["4.jpg"])
    assert builder.build() == ["a/1.jpg", "a/2.jpg", "3.jpg", "a/4.jpg"]


def test_a_hundred_thousand_names_are_a_few_megabytes_also_when_split() -> None:
    tracemalloc.start()
    try:
        names = FileNames.of(
            f"train/n{i // 1300:08d}/n{i // 1300:08d}_{i}.JPEG" for i in range(100_000)
        )
        assert tracemalloc.get_traced_memory()[0] < 3.5e6
        sides = [names.with_prefix("photos/")[::2], names.with_prefix("photos/")[1::2]]
        assert [len(side) for side in sides] == [50_000, 50_000]
        assert tracemalloc.get_traced_memory()[0] < 6e6
    finally:
        tracemalloc.stop()


def test_names_join_to_paths() -> None:
    assert [Path("photos") / name for name in FileNames.of(["a/1.jpg"])] == [Path("photos/a/1.jpg")]
