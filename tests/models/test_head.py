import pytest
import torch
from torch import nn

from learnkit.models.head import ConcatPool, MeanPool, fastai_head, plain_head


def test_the_default_head_has_the_layers_of_fastais_create_head():
    """Read off fastai 2.8's create_head(512, 5), whose Flatten is part of our pooling."""
    head = fastai_head(512, 5)
    assert [str(layer) for layer in head] == [
        "ConcatPool()",
        str(nn.BatchNorm1d(1024)),
        "Dropout(p=0.25, inplace=False)",
        "Linear(in_features=1024, out_features=512, bias=False)",
        "ReLU(inplace=True)",
        str(nn.BatchNorm1d(512)),
        "Dropout(p=0.5, inplace=False)",
        "Linear(in_features=512, out_features=5, bias=False)",
    ]


def test_the_linear_layers_start_with_he_s_variance_and_the_norms_as_fastais():
    torch.manual_seed(0)
    head = fastai_head(512, 100)
    assert head[3].weight.std().item() == pytest.approx((2 / 1024) ** 0.5, rel=0.02)
    assert head[7].weight.std().item() == pytest.approx((2 / 512) ** 0.5, rel=0.02)
    for norm in (head[1], head[5]):
        torch.testing.assert_close(norm.weight.detach(), torch.ones_like(norm.weight))
        torch.testing.assert_close(norm.bias.detach(), torch.full_like(norm.bias, 1e-3))


def test_concat_pool_gives_the_maximum_then_the_mean():
    x = torch.tensor([[[[1.0, 5.0], [3.0, 3.0]], [[0.0, 0.0], [0.0, 4.0]]]])
    torch.testing.assert_close(ConcatPool()(x), torch.tensor([[5.0, 4.0, 3.0, 1.0]]))
    torch.testing.assert_close(MeanPool()(x), torch.tensor([[3.0, 1.0]]))


def test_hidden_layers_and_dropout_can_be_chosen():
    head = fastai_head(8, 3, hidden=(7, 6), dropout=0.4, concat_pool=False)
    assert [layer.p for layer in head if isinstance(layer, nn.Dropout)] == [0.2, 0.2, 0.4]
    widths = [(n.in_features, n.out_features) for n in head if isinstance(n, nn.Linear)]
    assert widths == [(8, 7), (7, 6), (6, 3)]
    assert not any(isinstance(n, nn.Dropout) for n in fastai_head(8, 3, dropout=0.0))


def test_the_plain_head_is_mean_dropout_linear():
    head = plain_head(8, 3, dropout=0.1)
    assert [type(layer) for layer in head] == [MeanPool, nn.Dropout, nn.Linear]
    torch.testing.assert_close(head[-1].bias.detach(), torch.zeros(3))
    assert head(torch.rand(2, 8, 4, 4)).shape == (2, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_classes": 0}, "n_classes must be at least 1; found 0."),
        ({"n_features": -1}, "n_features must be at least 1; found -1."),
        ({"hidden": (4, 0)}, "hidden must hold widths of at least 1; found (4, 0)."),
        ({"dropout": 1.0}, "dropout must be a fraction in [0, 1); found 1.0."),
    ],
)
def test_impossible_numbers_are_refused(options, message):
    with pytest.raises(ValueError) as caught:
        fastai_head(**{"n_features": 8, "n_classes": 2, **options})
    assert str(caught.value) == message


def test_a_misspelt_keyword_names_the_nearest():
    with pytest.raises(TypeError) as caught:
        fastai_head(8, 2, drop_out=0.1)
    assert str(caught.value) == (
        "fastai_head() has no argument 'drop_out'. Did you mean 'dropout'?"
    )
