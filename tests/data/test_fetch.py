import random
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from learnkit.data.fetch import KeyedDataset, collate, kept_globals, seed_globals
from learnkit.errors import DataError


class Listed(torch.utils.data.Dataset[Any]):
    def __init__(self, samples: list[Any]) -> None:
        self.samples = samples

    def __getitem__(self, index: int) -> Any:
        return self.samples[index]


def draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_the_three_global_generators_are_set_and_put_back() -> None:
    with kept_globals():
        seed_globals(1, 2)
        first = draws()
        seed_globals(1, 2)
        assert draws() == first
        seed_globals(1, 3)
        assert all(a != b for a, b in zip(draws(), first, strict=True))


def _disturb_and_fail() -> None:
    seed_globals(7)
    raise ZeroDivisionError


def test_they_are_put_back_also_after_an_error() -> None:
    with kept_globals():
        seed_globals(9)
        with pytest.raises(ZeroDivisionError), kept_globals():
            _disturb_and_fail()
        found = draws()
        seed_globals(9)
        assert draws() == found


def test_pil_images_become_tensors_and_numbers_become_labels() -> None:
    image = Image.new("RGBA", (4, 2), (255, 0, 0, 255))
    with kept_globals():
        keyed = KeyedDataset(Listed([(image, 3), [image, 4]]), seed=0)
        batch = collate([keyed[0, 0], keyed[0, 1]])
    assert (batch.x.shape, batch.x.dtype) == ((2, 3, 2, 4), torch.uint8)
    assert batch.x[0, :, 0, 0].tolist() == [255, 0, 0]
    assert (batch.y.dtype, batch.y.tolist()) == (torch.int64, [3, 4])


def test_float64_becomes_float32() -> None:
    batch = collate([(np.zeros(2), 0.5), (np.ones(2), 1.5)])
    assert (batch.x.dtype, batch.y.dtype) == (torch.float32, torch.float32)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ({"x": 1}, "sample 0 of Listed is a dict. Let the dataset give pairs (x, y)."),
        ((1, 2, 3), "sample 0 of Listed is a tuple of 3. Let the dataset give pairs (x, y)."),
        (
            (1, "cat"),
            "sample 0 of Listed has the label 'cat'. Let the dataset give the number of the class.",
        ),
    ],
)
def test_what_is_no_pair_is_named(sample: object, message: str) -> None:
    with kept_globals(), pytest.raises(DataError) as caught:
        KeyedDataset(Listed([sample]), seed=0)[0, 0]
    assert str(caught.value) == message


def test_a_mistake_in_the_dataset_says_at_which_sample() -> None:
    with kept_globals(), pytest.raises(IndexError) as caught:
        KeyedDataset(Listed([]), seed=0)[0, 7]
    assert caught.value.__notes__ == ["while loading sample 7 of Listed"]


def test_samples_of_different_shapes_are_named_by_their_shapes() -> None:
    with pytest.raises(DataError) as caught:
        collate([(torch.zeros(3, 8, 8), 0), (torch.zeros(3, 9, 8), 1)])
    assert str(caught.value) == (
        "The samples of a batch must have one shape; x has (3, 8, 8) and (3, 9, 8). Resize in the "
        "dataset's transform."
    )
