from types import SimpleNamespace

import pytest
import torch
from torch import nn

from learnkit.errors import ModelError
from learnkit.models.named_inputs import by_name


class Giving(nn.Module):
    def __init__(self, give) -> None:
        super().__init__()
        self.give = give

    def forward(self, ids):
        return self.give(ids)


@pytest.mark.parametrize(
    "give",
    [
        lambda x: x,
        lambda x: {"logits": x},
        lambda x: SimpleNamespace(logits=x),
        lambda x: (x, "hidden states"),
    ],
    ids=["tensor", "dict", "object", "tuple"],
)
def test_logits_are_taken_from_whatever_the_model_returns(give):
    x = torch.ones(2, 3)
    assert torch.equal(by_name(Giving(give))({"ids": x}), x)
    assert torch.equal(by_name(Giving(give))(x), x)


def test_an_input_that_the_model_does_not_take_is_named():
    with pytest.raises(ModelError) as caught:
        by_name(Giving(lambda x: x))({"ids": torch.ones(1), "mask": torch.ones(1)})
    assert str(caught.value) == (
        "Giving does not take the inputs ids, mask: Giving.forward() got an unexpected keyword "
        "argument 'mask'. Name those that it takes in x_keys= of DataBunch.from_dls."
    )


def test_no_logits_are_an_error():
    with pytest.raises(ModelError) as caught:
        by_name(Giving(lambda x: {"loss": x}))({"ids": torch.ones(1)})
    assert str(caught.value) == (
        "The model returned dict without logits: expected a tensor, or an object with logits."
    )


def test_a_type_error_inside_the_model_comes_out_as_it_is():
    with pytest.raises(TypeError, match="unsupported operand"):
        by_name(Giving(lambda x: x + "a"))({"ids": 1})
