"""The exact linear model, beside scikit-learn's."""

import math

import pytest
import torch

from learnkit import DataBunch, Learner, models
from learnkit.errors import DataError


def bunch(x, y, batch_size=16):
    return DataBunch.from_arrays(x, y, valid=(x, y), batch_size=batch_size)


@pytest.fixture
def table():
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(50, 4, generator=drawn)
    return x, x @ torch.randn(4, 2, generator=drawn) + 3 + 0.1 * torch.randn(50, 2, generator=drawn)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("l2", [0.0, 7.0])
def test_weights_are_those_of_scikit_learn(table, l2, bias):
    linear_model = pytest.importorskip("sklearn.linear_model", reason="needs the extra dev")
    x, y = table
    theirs = linear_model.Ridge(alpha=l2, fit_intercept=bias).fit(x.double(), y.double())
    layer = models.least_squares(bunch(x, y), l2=l2, bias=bias)[1]
    torch.testing.assert_close(layer.weight.detach(), torch.tensor(theirs.coef_).float())
    if bias:
        torch.testing.assert_close(layer.bias.detach(), torch.tensor(theirs.intercept_).float())
    else:
        assert layer.bias is None


def test_the_gradient_is_nothing_there_and_other_weights_are_worse(table):
    data = bunch(*table)
    model = models.least_squares(data)
    loss = torch.nn.functional.mse_loss(model(table[0]), table[1])
    loss.backward()
    assert max(float(p.grad.abs().max()) for p in model.parameters()) < 1e-6
    with torch.no_grad():
        model[1].weight.add_(0.01)
        assert torch.nn.functional.mse_loss(model(table[0]), table[1]) > loss


def test_of_solutions_that_are_as_good_it_is_the_shortest():
    x = torch.arange(1.0, 5.0)[:, None]
    model = models.least_squares(bunch(x.repeat(1, 2), 3 * x, 4), bias=False)
    torch.testing.assert_close(model[1].weight.detach(), torch.tensor([[1.5, 1.5]]))


def test_it_is_a_model_as_any_other(table):
    data = bunch(*table)
    learn = Learner(data, models.least_squares(data), device="cpu")
    assert learn.validate()["valid_loss"] < 0.02
    assert learn.model.spec == {"model": "mlp", "sizes": [4, 2]}


def test_one_value_a_sample_is_one_output():
    x = torch.arange(8.0)[:, None]
    assert models.least_squares(bunch(x, x[:, 0] * 2, 8))[1].weight.shape == (1, 1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: models.least_squares(bunch(torch.rand(4, 2), [0, 1, 1, 0], 4)),
            DataError,
            "least_squares() fits values, and the targets are int64 of shape (4,). Train "
            "models.linear with cross entropy for classes; task='regression' makes values of a "
            "column of whole numbers.",
        ),
        (
            lambda: models.least_squares(bunch(torch.rand(4, 2), torch.rand(4, 1), 4), l2=math.nan),
            ValueError,
            "least_squares(): l2 must be a number of at least 0; found nan.",
        ),
    ],
)
def test_what_it_cannot_fit_is_refused(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message


def test_an_infinite_number_is_named_by_its_sample():
    x = torch.rand(6, 2)
    data = bunch(x, torch.rand(6, 1), 6)
    x[2, 1] = math.inf  # the bunch holds this very tensor
    with pytest.raises(DataError) as caught:
        models.least_squares(data)
    assert str(caught.value) == (
        "least_squares() needs finite numbers, and x of sample 2 holds NaN or infinity. Fill it "
        "in, or remove the sample."
    )
