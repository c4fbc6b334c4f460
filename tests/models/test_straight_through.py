import torch
from torch import nn

from learnkit import models
from learnkit.models.packings import binary_of
from learnkit.models.straight_through import (
    BinaryWeight,
    be_binary,
    finite,
    is_binary,
    plain_state,
    weighted_layers,
    weights_of,
)


def test_forward_gives_two_values_and_backward_passes_straight_through():
    w = torch.tensor([[0.5, -0.25, 2.0, -3.0]], requires_grad=True)
    out = BinaryWeight()(w)
    torch.testing.assert_close(out, binary_of(w))
    (out * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert w.grad.tolist() == [[1, 2, 0, 0]]  # none beyond -1 and 1


def test_a_layer_is_made_binary_once_and_its_numbers_stay_behind():
    layer = nn.Linear(4, 2)
    before = layer.weight.detach().clone()
    be_binary(layer)
    be_binary(layer)
    assert is_binary(layer)
    assert len(layer.parametrizations.weight) == 1
    assert torch.equal(layer.parametrizations.weight.original, before)
    assert len(layer.weight[0].abs().unique()) == 1


def test_the_plain_tensors_of_a_changed_model_are_found_by_their_own_names():
    model = models.mlp(4, 3, 2)
    plain = {name: value.clone() for name, value in model.state_dict().items()}
    be_binary(model[1])
    nn.utils.prune.l1_unstructured(model[3], "weight", 3)
    found = plain_state(model, list(plain))
    assert torch.equal(found["1.weight"], plain["1.weight"])
    assert int((found["3.weight"] == 0).sum()) == 3
    assert weights_of(model) == {"1.weight"}
    assert list(weighted_layers(model)) == ["1", "3"]


def test_what_is_not_finite_is_named():
    assert finite({"a": torch.ones(2), "b": torch.tensor([float("nan")])}) == ["b"]
