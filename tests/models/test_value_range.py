"""Values that a model keeps in a range."""

import pytest
import torch

from learnkit import models
from learnkit.models.spec import build_from_spec
from learnkit.models.transfer import build_cnn
from learnkit.models.value_range import ValueRange, check_range


def test_a_sigmoid_is_stretched_over_the_range():
    # by hand: 1 / (1 + exp(-1)) = 0.7311, of a range of 4 from -1
    y = ValueRange(-1.0, 3.0)(torch.tensor([0.0, 1.0, -100.0, 100.0]))
    torch.testing.assert_close(y, torch.tensor([1.0, 1.9242, -1.0, 3.0]), atol=1e-4, rtol=0)


def test_half_precision_is_left_for_the_range():
    assert ValueRange(0.0, 1.0)(torch.zeros(2, dtype=torch.bfloat16)).dtype == torch.float32
    assert repr(ValueRange(-1.0, 2.5)) == "ValueRange(-1, 2.5)"


@pytest.mark.parametrize("wrong", [(1, 0), (0, 0), (0, float("nan")), (0,), "01", 5, (False, True)])
def test_what_is_no_range_is_refused(wrong):
    with pytest.raises(ValueError, match=r"^y_range must be \(lowest, highest\), two numbers"):
        check_range(wrong)


def test_a_head_gets_its_range_and_the_description_keeps_it():
    model = build_cnn(models.resnet18, 2, weights=None, y_range=(0, 5))
    assert model.spec["y_range"] == [0.0, 5.0]
    again = build_from_spec(model.spec)
    assert repr(again.head[-1]) == "ValueRange(0, 5)"
    assert again.spec == model.spec
    y = model.eval()(torch.randn(2, 3, 32, 32)).detach()
    assert float(y.min()) > 0
    assert float(y.max()) < 5


def test_a_model_without_a_range_is_described_as_in_older_releases():
    spec = build_cnn(models.resnet18, 2, weights=None).spec
    assert "y_range" not in spec
    assert not isinstance(build_from_spec(spec).head[-1], ValueRange)


def test_a_head_of_your_own_gets_the_range_behind_it():
    own = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(512, 1))
    model = build_cnn(models.resnet18, 1, weights=None, head=own, y_range=(0, 1))
    assert [type(layer).__name__ for layer in model.head] == ["Flatten", "Linear", "ValueRange"]
