import pytest
import torch
from torch import nn

from learnkit import models


@pytest.mark.parametrize(
    ("build", "n_parameters"),
    [
        (models.xresnet18, 11_708_744),
        (models.xresnet34, 21_816_904),
        (models.xresnet50, 25_576_264),
    ],
)
def test_each_has_as_many_parameters_as_fastais(build, n_parameters):
    """Counted on fastai 2.8's xresnet18(), xresnet34() and xresnet50() with 1000 classes."""
    with torch.device("meta"):
        model = build(1000)
    assert sum(p.numel() for p in model.parameters()) == n_parameters


def test_photos_of_any_size_give_logits_and_the_seed_decides():
    model = models.xresnet18(3, seed=1).eval()
    with torch.no_grad():
        assert model(torch.rand(2, 3, 65, 33)).shape == (2, 3)
    again = models.xresnet18(3, seed=1)
    torch.testing.assert_close(model.state_dict(), again.state_dict(), rtol=0, atol=0)
    assert model.spec == {"model": "xresnet", "depth": 18, "n_classes": 3, "in_channels": 3}


def test_each_block_starts_as_its_shortcut():
    """The last norm of every block is zero (arXiv 1812.01187, section 3.1)."""
    model = models.xresnet18(3)
    zero = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and not m.weight.any()]
    assert len(zero) == 8
    block = model[10][1].eval()
    x = torch.rand(1, 64, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(block(x), x)
