import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from learnkit.models.freeze import set_requires_grad, train_mode


def small() -> tuple[nn.Sequential, list[list[nn.Parameter]]]:
    """Three groups: convolution with norm, convolution with dropout, linear."""
    first = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    second = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4, affine=False), nn.Dropout(0.5))
    third = nn.Sequential(nn.Dropout(0.1), nn.Linear(4, 2))
    model = nn.Sequential(first, second, third)
    return model, [list(part.parameters()) for part in model]


def trains(group: list[nn.Parameter]) -> list[bool]:
    return [p.requires_grad for p in group]


def test_groups_before_upto_are_frozen_but_for_their_norms_when_those_always_train():
    model, groups = small()
    set_requires_grad(groups, model, 2, train_bn=True)
    # convolution weight, bias; norm weight, bias
    assert trains(groups[0]) == [False, False, True, True]
    assert trains(groups[1]) == [False, False]
    assert trains(groups[2]) == [True, True]


@pytest.mark.parametrize("train_bn", [None, False])
def test_otherwise_norms_are_frozen_with_their_group(train_bn):
    model, groups = small()
    set_requires_grad(groups, model, 2, train_bn=train_bn)
    assert trains(groups[0]) == [False] * 4


def test_an_unfrozen_group_trains_its_norms_unless_they_never_train():
    model, groups = small()
    set_requires_grad(groups, model, 0)
    assert trains(groups[0]) == [True] * 4
    set_requires_grad(groups, model, 0, train_bn=False)
    # convolution weight, bias; norm weight, bias
    assert trains(groups[0]) == [True, True, False, False]
    train_mode(model)
    assert [m.training for m in model[0]] == [True, False, True]


def test_norms_of_the_last_group_and_layer_norms_train_even_so():
    body, head = nn.LayerNorm(4), nn.BatchNorm1d(4)
    model = nn.Sequential(body, head)
    set_requires_grad([list(m.parameters()) for m in model], model, 0, train_bn=False)
    assert [p.requires_grad for p in model.parameters()] == [True] * 4


@pytest.mark.parametrize(("upto", "same"), [(-1, 2), (-2, 1), (-3, 0)])
def test_a_negative_upto_counts_from_the_end(upto, same):
    one, groups = small()
    set_requires_grad(groups, one, upto)
    other, other_groups = small()
    set_requires_grad(other_groups, other, same)
    assert list(map(trains, groups)) == list(map(trains, other_groups))


@given(st.lists(st.integers(-3, 3), min_size=1), st.booleans())
def test_only_the_last_call_counts(calls, train_bn):
    model, groups = small()
    for upto in calls:
        set_requires_grad(groups, model, upto, train_bn=not train_bn)
    set_requires_grad(groups, model, calls[-1], train_bn=train_bn)
    fresh, fresh_groups = small()
    set_requires_grad(fresh_groups, fresh, calls[-1], train_bn=train_bn)
    assert list(map(trains, groups)) == list(map(trains, fresh_groups))


@pytest.mark.parametrize("upto", [-4, 4])
def test_a_group_that_does_not_exist_is_refused(upto):
    model, groups = small()
    with pytest.raises(ValueError) as caught:
        set_requires_grad(groups, model, upto)
    assert str(caught.value) == (
        "The model has 3 layer groups, so a group to freeze up to is between -3 and 3; "
        f"found {upto}."
    )


def test_frozen_modules_run_in_eval_mode_and_parameterless_ones_follow_them():
    model, groups = small()
    set_requires_grad(groups, model, 2, train_bn=False)
    model.eval()
    train_mode(model)
    assert model.training
    assert [m.training for m in model[0].modules()] == [False] * 4
    assert [m.training for m in model[1].modules()] == [False] * 4
    assert [m.training for m in model[2].modules()] == [True] * 3


def test_a_trainable_norm_in_a_frozen_group_updates_its_statistics():
    model, groups = small()
    set_requires_grad(groups, model, 2, train_bn=True)
    train_mode(model)
    assert [m.training for m in model[0].modules()] == [True, False, True, True]
    # The second part's only norm has no parameters, so it follows the frozen part.
    assert [m.training for m in model[1].modules()] == [False] * 4
    before = model[0][1].running_mean.clone()
    model[0](torch.rand(2, 3, 8, 8))
    assert not torch.equal(model[0][1].running_mean, before)


def test_a_model_without_parameters_trains():
    model = nn.Sequential(nn.Dropout(0.5))
    model.eval()
    train_mode(model)
    assert all(m.training for m in model.modules())
