"""Embeddings and layers for tables."""

import pytest
import torch

from learnkit.errors import ModelError
from learnkit.models.spec import build_from_spec
from learnkit.models.tabular import embedding_size, tabular


def x_of(n=4):
    codes = torch.tensor([[1, 2], [3, 0], [4, 1], [2, 2]])[:n]
    return torch.cat([codes.float(), torch.linspace(-1, 1, 3 * n).reshape(n, 3)], dim=1)


@pytest.mark.parametrize(("n", "width"), [(1, 2), (3, 3), (16, 8), (1000, 77), (10**6, 600)])
def test_embeddings_have_the_width_of_fastais_rule(n, width):
    assert embedding_size(n) == width  # min(600, round(1.6 * n ** 0.56))


def test_the_layout_is_that_of_fastai():
    model = tabular([5, 3], 3, 2, layers=(8, 6), dropout=[0.1, 0.2], embedding_dropout=0.3)
    names = [type(layer).__name__ for layer in model.layers]
    assert names == ["Linear", "ReLU", "BatchNorm1d", "Dropout"] * 2 + ["Linear"]
    assert [layer.p for layer in model.layers if hasattr(layer, "p")] == [0.1, 0.2]
    assert model.layers[0].in_features == embedding_size(5) + embedding_size(3) + 3
    assert model(x_of()).shape == (4, 2)


def test_a_model_of_one_kind_of_columns_works():
    assert tabular([5, 3], 0, 2)(x_of()[:, :2]).shape == (4, 2)
    assert tabular([], 3, 2, pieces=[2, 2, 2])(x_of()[:, 2:]).shape == (4, 2)
    assert tabular([], 3, 1, layers=())(x_of()[:, 2:]).shape == (4, 1)


def test_code_0_begins_at_zero_and_the_rest_small():
    weight = tabular([50], 0, 2).embeddings[0].weight
    assert weight[0].abs().max() == 0
    assert 0 < weight[1:].abs().max() <= 0.02


def test_a_code_out_of_range_counts_as_unknown():
    model = tabular([5, 3], 3, 2).eval()
    x = x_of()
    unknown, beyond = x.clone(), x.clone()
    unknown[:, 0], beyond[:, 0] = 0, torch.tensor([5.0, -1, 1e9, float("nan")])
    torch.testing.assert_close(model(beyond), model(unknown), rtol=0, atol=0)


def test_outputs_stay_in_their_range():
    model = tabular([], 3, 1, y_range=(2, 5)).eval()
    found = model(torch.randn(50, 3) * 1e4)
    assert ((found >= 2) & (found <= 5)).all()


def test_outputs_are_stretched_by_the_scale():
    model = tabular([], 3, 2).eval()
    plain = model(x_of()[:, 2:])
    model.scale.copy_(torch.tensor([[10.0, 20.0], [2.0, 3.0]]))
    expected = plain * torch.tensor([2.0, 3.0]) + torch.tensor([10.0, 20.0])
    torch.testing.assert_close(model(x_of()[:, 2:]), expected)


def test_the_seed_decides_the_weights_whatever_the_generator_holds():
    states = []
    for seed in (1, 1, 2):
        torch.rand(seed)
        states.append(tabular([5], 1, 2, seed=seed).layers[0].weight)
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_other_columns_are_an_error():
    with pytest.raises(ModelError) as caught:
        tabular([5], 2, 2)(torch.zeros(4, 4))
    assert str(caught.value) == (
        "this model takes 1 columns of codes and 2 of numbers; x has shape (4, 4). Make the model "
        "and the data of one table."
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"category_sizes": [0]}, "category_sizes must be at least 1; found 0."),
        ({"n_outputs": 0}, "n_outputs must be at least 1; found 0."),
        ({"layers": (5, 0)}, "layers must be at least 1; found (5, 0)."),
        (
            {"embedding_sizes": [2]},
            "embedding_sizes needs a width for each of the 2 columns of categories; found 1.",
        ),
        (
            {"category_sizes": [], "n_numbers": 0},
            "tabular() needs a column of categories or numbers; found none.",
        ),
        ({"pieces": [2]}, "pieces needs a number for each of the 3 columns of numbers; found 1."),
        (
            {"dropout": [0.1]},
            "dropout needs one fraction, or one for each of the 2 layers; found 1.",
        ),
        ({"dropout": 1.0}, "dropout must be a fraction in [0, 1); found 1.0."),
        ({"embedding_dropout": -1}, "dropout must be a fraction in [0, 1); found -1."),
        ({"y_range": (5, 1)}, "y_range must be (lowest, highest); found (5, 1)."),
        ({"y_range": 5}, "y_range must be (lowest, highest); found 5."),
    ],
)
def test_what_cannot_be_built_is_an_error(options, message):
    given = {"category_sizes": [5, 3], "n_numbers": 3, "n_outputs": 2, **options}
    with pytest.raises(ValueError, match=r".") as caught:
        tabular(**given)
    assert str(caught.value) == message


def test_a_model_is_rebuilt_from_its_description():
    model = tabular([5, 3], 3, 2, pieces=[2, 3, 1], dropout=0.1, y_range=(0, 1)).eval()
    model.pieces.set_edges([torch.arange(n + 1.0) for n in (2, 3, 1)])
    again = build_from_spec(model.spec)
    again.load_state_dict(model.state_dict())
    assert again.spec == model.spec
    torch.testing.assert_close(again.eval()(x_of()), model(x_of()), rtol=0, atol=0)
