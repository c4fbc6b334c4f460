"""renew_statistics: torch's update_bn for chosen norms, with everything else as it was."""

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from learnkit.models.norm_statistics import renew_statistics

DRAWN = torch.Generator().manual_seed(0)
BATCHES = [torch.randn(n, 4, generator=DRAWN) for n in (6, 6, 3)]


def net() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3), nn.BatchNorm1d(3, momentum=0.3)]
    return nn.Sequential(*layers)


def test_all_norms_get_what_torchs_update_bn_gives_them() -> None:
    one, other = net(), net()
    renew_statistics(one, [one[1], one[3]], BATCHES)  # type: ignore[list-item]
    update_bn(BATCHES, other)
    for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_other_norms_modes_and_momenta_stay() -> None:
    model = net().eval()
    model[2].train()
    kept = model[1].running_mean.clone()
    renew_statistics(model, [model[3]], BATCHES)  # type: ignore[list-item]
    assert torch.equal(model[1].running_mean, kept)
    assert [module.training for module in model] == [False, False, True, False]
    assert model[3].momentum == 0.3


def test_after_an_error_modes_and_momenta_are_back() -> None:
    model = net().eval()

    def batches() -> Tensor:
        yield BATCHES[0]
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        renew_statistics(model, [model[3]], batches())  # type: ignore[list-item]
    assert (model[3].momentum, model[3].training) == (0.3, False)
