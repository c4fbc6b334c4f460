import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.data.coded_labels import Labels

LABELS = st.lists(st.sampled_from(["b", "a", "10", "9", "", "\xe9"]))


@given(LABELS)
def test_labels_are_the_sequence_of_their_texts(given: list[str]) -> None:
    labels = Labels.of(given)
    assert list(labels) == given
    assert labels == given
    assert labels == tuple(given)
    assert [labels[i] for i in range(-len(given), len(given))] == given + given
    assert sorted(labels.texts) == sorted(set(given))
    assert labels.codes.dtype == np.int32
    assert Labels.of(labels) is labels
    assert pickle.loads(pickle.dumps(labels)) == labels


@given(LABELS.filter(bool), st.data())
def test_a_choice_has_only_texts_that_occur(given: list[str], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(given) - 1)))
    chosen = Labels.of(given).take(np.array(places, dtype=np.int64))
    assert chosen == [given[i] for i in places]
    assert sorted(chosen.texts) == sorted(set(chosen))
    assert Labels.of(given)[1:] == given[1:]


def test_labels_differ_from_others_and_from_what_are_no_labels() -> None:
    labels = Labels.of(["a", "b"])
    assert labels != ["a"]
    assert labels != ["b", "a"]
    assert labels != "ab"
    assert labels != 5
    assert repr(Labels.of("abab")) == "Labels(4 of 2 different)"
    with pytest.raises(TypeError):
        hash(labels)
