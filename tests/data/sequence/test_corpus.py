import pytest

from learnkit.data.sequence.corpus import hold_out, read_texts
from learnkit.errors import DataError


def test_a_text_a_file_and_a_list_are_read(tmp_path):
    path = tmp_path / "input.txt"
    path.write_text("ä b\nc", encoding="utf-8")
    assert read_texts(path, lines=False) == ["ä b\nc"]
    assert read_texts(str(path), lines=False) == ["ä b\nc"]
    assert read_texts("no such file", lines=False) == ["no such file"]
    assert read_texts(["a", "", "b"], lines=False) == ["a", "b"]
    assert read_texts("x" * 100_000, lines=False) == ["x" * 100_000]
    assert read_texts("a\0b", lines=False) == ["a\0b"]


def test_each_line_may_be_a_text():
    assert read_texts("emma\n\nava\n", lines=True) == ["emma", "ava"]


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(DataError) as error:
        read_texts(tmp_path / "none.txt", lines=False)
    assert str(error.value) == f"cannot read {tmp_path / 'none.txt'}: No such file or directory."
    path = tmp_path / "latin.txt"
    path.write_bytes(b"caf\xe9")
    with pytest.raises(DataError) as error:
        read_texts(path, lines=False)
    assert str(error.value) == (
        f"{path} is no UTF-8 text: its byte 3 is 0xe9. Save it as UTF-8, or read it yourself and "
        "give the str."
    )
    with pytest.raises(DataError) as error:
        read_texts("", lines=False)
    assert str(error.value) == "the text is empty: there is nothing to learn from."
    with pytest.raises(DataError) as error:
        read_texts(["a", 7], lines=False)
    assert str(error.value) == "text 1 must be a str; found int."


def test_of_one_text_the_last_part_is_held_out():
    assert hold_out(["abcdefghij"], 0.25, 0) == (
        ["abcdefg"],
        ["hij"],
        "the last 25% of the text held out",
    )


def test_of_several_texts_some_are_drawn():
    texts = [str(i) for i in range(20)]
    train, held, words = hold_out(texts, 0.2, 5)
    assert (len(train), len(held)) == (16, 4)
    assert sorted(train + held) == sorted(texts)
    assert held != texts[-4:]
    assert words == "0.2 of the samples held out at random, by seed 5"


def test_a_share_that_leaves_nothing_is_refused():
    with pytest.raises(DataError) as error:
        hold_out(["abc"], 1.0, 0)
    assert str(error.value) == "valid_pct must be above 0 and below 1: found 1.0."
    with pytest.raises(DataError) as error:
        hold_out(["a"], 0.5, 0)
    assert str(error.value) == "a text of 1 letters cannot be divided: give a longer one."


@pytest.mark.parametrize(
    "path", ["data/corpus.txt", "works.md", "/data/shakespeare/all", "my works.txt", r"d:\works"]
)
def test_a_path_that_does_not_exist_is_not_learned_letter_by_letter(path):
    with pytest.raises(DataError) as error:
        read_texts(path, lines=False)
    assert str(error.value) == (
        f"file {path!r} does not exist. If this is the text itself, give it in a list: [text]."
    )
    assert read_texts([path], lines=False) == [path]


def test_the_nearest_file_and_a_folder_are_told(tmp_path):
    (tmp_path / "corpus.txt").write_text("a")
    with pytest.raises(DataError, match=r"corpsu.txt' does not exist. Did you mean 'corpus.txt'"):
        read_texts(str(tmp_path / "corpsu.txt"), lines=False)
    (tmp_path / "works").mkdir()
    with pytest.raises(DataError, match=r"works' is no file\. If"):
        read_texts(str(tmp_path / "works"), lines=False)


@pytest.mark.parametrize("text", ["to be or not to be.", "etc. and/or so", "e.g", "x" * 999 + "."])
def test_a_sentence_is_no_path(text):
    assert read_texts(text, lines=False) == [text]


def test_texts_that_are_equal_stay_on_one_side():
    texts = ["to be or not", "that is it", "hello"] * 60
    train, held, _ = hold_out(texts, 0.2, 42)
    assert not set(train) & set(held)
    assert (len(train), len(held)) == (120, 60)
    with pytest.raises(DataError) as error:
        hold_out(["hello"] * 9, 0.2, 42)
    assert str(error.value) == (
        "all 9 texts are equal, so none can be held out: give others, or valid=."
    )
