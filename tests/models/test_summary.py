import torch
from torch import nn

from learnkit.models.summary import LayerRow, summary


def small() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


def test_each_layer_is_a_row_with_its_shape_and_parameters():
    model = small()
    model[1].requires_grad_(False)
    found = summary(model, torch.rand(4, 3, 2, 2))
    assert found.rows == (
        LayerRow("0", "Flatten", (4, 12), 0, False),
        LayerRow("1", "Linear", (4, 3), 39, False),
        LayerRow("2", "BatchNorm1d", (4, 3), 6, True),
        LayerRow("3", "Linear", (4, 2), 8, True),
    )
    assert (found.n_parameters, found.n_trainable) == (53, 14)


def test_the_table_reads_well():
    model = small()
    model[1].requires_grad_(False)
    assert str(summary(model, torch.rand(4, 3, 2, 2))) == (
        "layer  kind         output shape  parameters  trains\n"
        "-----  -----------  ------------  ----------  ------\n"
        "0      Flatten      4 x 12        0\n"
        "1      Linear       4 x 3         39          no\n"
        "2      BatchNorm1d  4 x 3         6           yes\n"
        "3      Linear       4 x 2         8           yes\n"
        "\n"
        "53 parameters: 14 train, 39 frozen"
    )


def test_the_model_is_as_before_afterwards():
    model = small().train()
    model[3].eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    summary(model, torch.rand(4, 12))
    torch.testing.assert_close(model.state_dict(), before)
    assert [m.training for m in model] == [True, True, True, False]
    assert not any(m._forward_hooks for m in model.modules())
