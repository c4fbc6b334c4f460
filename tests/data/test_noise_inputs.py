"""Noise in place of pictures: what is taken, and what is not."""

from typing import Any

import numpy as np
import pytest
import torch

from learnkit.data.inputs import inputs_from
from learnkit.data.noise_inputs import NoiseInputs
from learnkit.errors import DataError
from learnkit.json_fields import Fields


def test_vectors_in_any_form_become_batches_in_their_order() -> None:
    items = [torch.tensor([1.0, 2.0]), np.array([3, 4]), [5.0, 6.0]]
    loader = NoiseInputs(2).loader(items, batch_size=2)
    batches = list(loader.batches(0))
    x = torch.cat([loaded.batch.x for loaded in batches])
    assert x.dtype == torch.float32
    assert x.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert [loaded.indices.tolist() for loaded in batches] == [[0, 1], [2]]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            torch.zeros(3),
            "item 1 must be noise, 2 numbers, such as torch.randn(2); found (3,).",
        ),
        (
            [float("nan"), 1.0],
            "item 1 must be noise, 2 numbers, such as torch.randn(2); found NaN or infinity.",
        ),
        ("photo.jpg", "item 1 must be noise, 2 numbers; found str."),
    ],
    ids=str,
)
def test_what_is_no_noise_is_named(item: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        NoiseInputs(2).loader([torch.zeros(2), item], batch_size=4)
    assert str(caught.value) == message


def test_an_export_keeps_the_length_and_bounds_it() -> None:
    inputs = NoiseInputs(7)
    assert inputs_from("noise", Fields(inputs.to_json())) == inputs
    assert inputs.words(torch.zeros(7)) == "noise 7"
    with pytest.raises(ValueError, match="field 'n_latent' must be a whole number"):
        inputs_from("noise", Fields({"n_latent": 10**9}))


def test_noise_that_is_trained_is_taken_and_no_noise_is_told() -> None:
    with pytest.raises(DataError, match="is empty: there is no sample to load"):
        NoiseInputs(2).loader([], batch_size=4)
    trained = torch.ones(2, requires_grad=True)
    batch = next(NoiseInputs(2).loader([trained], batch_size=4).batches(0)).batch
    assert not batch.x.requires_grad
    with pytest.raises(DataError, match="item 0 must be noise, 2 numbers; found list"):
        NoiseInputs(2).loader([[10**400, 1]], batch_size=4)
