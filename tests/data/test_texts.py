import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.texts import Texts, encode_text

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=8)  # lone surrogates too


@given(st.lists(ANY_TEXT))
def test_every_text_comes_back(texts: list[str]) -> None:
    held = Texts.of(texts)
    assert list(held) == texts
    assert [held[i] for i in range(len(held))] == texts
    assert list(Texts.from_arrays(*held.to_arrays())) == texts


@given(ANY_TEXT, ANY_TEXT)
def test_the_bytes_sort_as_the_texts_do(a: str, b: str) -> None:
    assert (encode_text(a) < encode_text(b)) == (a < b)


@given(st.lists(ANY_TEXT, min_size=1), st.data())
def test_a_choice_holds_the_chosen_and_is_stored_without_the_others(
    texts: list[str], data: st.DataObject
) -> None:
    places = data.draw(st.lists(st.integers(0, len(texts) - 1)))
    chosen = Texts.of(texts).take(np.array(places, dtype=np.int64))
    assert list(chosen) == [texts[i] for i in places]
    blob, _ = chosen.to_arrays()
    assert blob.tobytes() == b"".join(encode_text(texts[i]) for i in places)
    assert list(Texts.from_arrays(*chosen.to_arrays())) == list(chosen)


BYTES = np.zeros(3, dtype=np.uint8)


@pytest.mark.parametrize(
    ("blob", "offsets"),
    [
        (BYTES, np.array([], dtype=np.uint32)),
        (BYTES, np.array([0, 2], dtype=np.uint32)),
        (BYTES, np.array([1, 3], dtype=np.uint32)),
        (BYTES, np.array([0, 4, 3], dtype=np.uint32)),
        (BYTES, np.array([0, 2, 1, 3], dtype=np.uint32)),
        (BYTES, np.array([0, 3], dtype=np.int64)),
        (BYTES, np.array([[0, 3]], dtype=np.uint32)),
        (BYTES.astype(np.int8), np.array([0, 3], dtype=np.uint32)),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(blob: np.ndarray, offsets: np.ndarray) -> None:
    with pytest.raises(ValueError) as caught:
        Texts.from_arrays(blob, offsets)
    assert str(caught.value) == "these arrays hold no texts"
