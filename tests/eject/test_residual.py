import torch

from learnkit import models
from learnkit.eject.model_code import built, model_code


def test_a_perceptron_with_ways_round_is_written_with_the_class_that_it_needs():
    model = models.mlp(6, 3, depth=3, width=5, residual=True, norm="batch", dropout=0.1)
    code = model_code(model)
    assert code.classes.startswith("class Residual(nn.Sequential):")
    again = built(code)
    again.load_state_dict(model.state_dict())
    x = torch.rand(4, 6)
    assert torch.equal(again.eval()(x), model.eval()(x))


def test_one_without_them_needs_no_class():
    assert model_code(models.mlp(6, 5, 3, norm="layer")).classes == ""
