"""Factors and biases of users and items."""

import pytest
import torch

from learnkit.errors import ModelError
from learnkit.models.collab import collab
from learnkit.models.spec import build_from_spec

X = torch.tensor([[1, 2], [3, 1], [0, 0]])


def test_a_rating_is_the_dot_product_and_the_biases():
    model = collab(4, 3, n_factors=2)
    with torch.no_grad():
        model.user_factors.weight[1] = torch.tensor([1.0, 2.0])
        model.item_factors.weight[2] = torch.tensor([3.0, 4.0])
        model.user_bias.weight[1], model.item_bias.weight[2] = 0.5, 0.25
        model.bias.fill_(3.0)
    assert model(X[:1]).item() == 1 * 3 + 2 * 4 + 0.5 + 0.25 + 3


def test_who_is_not_known_has_neither_taste_nor_bias():
    model = collab(4, 3, y_range=(0, 10))
    assert model(X)[2] == 5
    torch.testing.assert_close(model(torch.tensor([[4, -1]])), model(X[2:]))


def test_ratings_stay_in_their_range():
    model = collab(4, 3, y_range=(1, 5))
    with torch.no_grad():
        model.user_bias.weight.fill_(1e4)
    assert model(X).tolist() == [5.0, 5.0, 5.0]


def test_layers_can_take_the_place_of_the_product():
    model = collab(4, 3, n_factors=5, layers=(8, 4), dropout=0.5)
    assert [type(layer).__name__ for layer in model.layers] == (
        ["Linear", "ReLU", "Dropout"] * 2 + ["Linear"]
    )
    assert model.layers[0].in_features == 10
    assert model(X).shape == (3,)


def test_other_columns_are_an_error():
    with pytest.raises(ModelError) as caught:
        collab(4, 3)(torch.zeros(2, 3))
    assert str(caught.value) == (
        "this model takes the codes of a user and an item, (B, 2); x has shape (2, 3). Make its "
        "data by CollabDataBunch."
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_factors": 0}, "n_factors must be at least 1; found 0."),
        ({"layers": (0,)}, "layers must be at least 1; found 0."),
        ({"dropout": 1}, "dropout must be a fraction in [0, 1); found 1."),
        ({"y_range": (1, 1)}, "y_range must be (lowest, highest); found (1, 1)."),
    ],
)
def test_what_cannot_be_built_is_an_error(options, message):
    with pytest.raises(ValueError, match=r".") as caught:
        collab(4, 3, **options)
    assert str(caught.value) == message


@pytest.mark.parametrize("layers", [(), (6,)])
def test_a_model_is_rebuilt_from_its_description(layers):
    model = collab(4, 3, n_factors=2, layers=layers, y_range=(0, 5.5)).eval()
    again = build_from_spec(model.spec)
    again.load_state_dict(model.state_dict())
    assert again.spec == model.spec
    torch.testing.assert_close(again.eval()(X), model(X), rtol=0, atol=0)
