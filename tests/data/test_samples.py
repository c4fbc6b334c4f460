import numpy as np

from learnkit.data.samples import Samples, divided


def test_indices_are_put_in_order():
    train, valid = divided(Samples(5), ([4, 0], np.array([3, 1])))
    assert (train.tolist(), valid.tolist()) == ([0, 4], [1, 3])
    assert train.dtype == valid.dtype == np.int64


def test_some_samples_are_taken_with_all_that_is_known_of_them():
    some = Samples(3, ["a", "b", "c"], ["1", "2", "3"], {"n": [7, 8, 9]}).take(np.array([2, 0]))
    assert (some.n, some.labels, some.names) == (2, ["c", "a"], ["3", "1"])
    assert some.column("n") == [9, 7]
