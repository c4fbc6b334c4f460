"""Averages beside a model: what is averaged, and whose values the model holds when."""

import torch
from torch import nn

from learnkit.averages import Averages


def half_way(averages: list[torch.Tensor], values: list[torch.Tensor]) -> None:
    torch._foreach_lerp_(averages, values, 0.5)


def begun(model: nn.Module) -> Averages:
    averages = Averages()
    averages.begin(model)
    averages.watch(model)
    return averages


def fill(model: nn.Module, value: float) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)


def value_of(model: nn.Module) -> float:
    return float(next(model.parameters()).detach().mean())


def test_the_averages_take_the_models_place_and_leave_it_again() -> None:
    model = nn.Linear(2, 1)
    fill(model, 1.0)
    averages = begun(model)
    fill(model, 3.0)
    averages.move(half_way)
    averages.put_in()
    assert (value_of(model), averages.inside) == (2.0, True)
    averages.put_in()  # it is in it
    averages.put_back()
    assert (value_of(model), averages.inside) == (3.0, False)
    averages.put_back()  # it is out of it
    assert value_of(model) == 3.0


def test_what_does_not_train_is_never_written_to() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    model[0].weight.requires_grad_(False)
    model[1].eval()
    averages = begun(model)
    averages.move(half_way)
    before = {n: t._version for n, t in model.state_dict(keep_vars=True).items()}
    averages.put_in()
    averages.put_back()
    after = {n: t._version for n, t in model.state_dict(keep_vars=True).items()}
    moved = {name for name in before if before[name] != after[name]}
    assert moved == {"0.bias", "1.weight", "1.bias"}


def test_statistics_of_layers_that_train_are_averaged_and_their_counter_is_not() -> None:
    model = nn.BatchNorm1d(2)
    averages = begun(model)
    assert set(averages.state_dict()["average"]) == {
        "weight",
        "bias",
        "running_mean",
        "running_var",
    }


def test_what_begins_to_train_later_joins_with_the_value_it_had() -> None:
    model = nn.Linear(1, 1)
    fill(model, 1.0)
    model.weight.requires_grad_(False)
    averages = begun(model)
    averages.move(half_way)
    model.weight.requires_grad_(True)
    averages.watch(model)
    fill(model, 2.0)
    averages.move(half_way)
    saved = averages.state_dict()["average"]
    assert (float(saved["weight"]), float(saved["bias"])) == (1.5, 1.5)


def test_two_averages_of_one_model_each_put_its_own_values_back() -> None:
    for order in (1, -1):
        model = nn.Linear(2, 1)
        fill(model, 1.0)
        both = [begun(model), begun(model)]
        fill(model, 3.0)
        both[0].move(half_way)
        for averages in both:
            averages.keep()
        for averages in both:
            averages.put_in()
        for averages in both[::order]:
            averages.put_back()
        assert value_of(model) == 3.0


def test_the_state_goes_on_elsewhere_with_either_values_in_the_model() -> None:
    for inside in (False, True):
        model, other = nn.Linear(2, 1), nn.Linear(2, 1)
        fill(model, 1.0)
        averages = begun(model)
        fill(model, 3.0)
        averages.move(half_way)
        averages.keep()
        if inside:
            averages.put_in()
        other.load_state_dict(model.state_dict())
        resumed = Averages()
        resumed.begin(other)
        resumed.load_state_dict(averages.state_dict())
        assert resumed.inside is inside
        resumed.put_in()
        assert value_of(other) == 2.0
        resumed.put_back()
        assert value_of(other) == 3.0


def test_an_interrupt_while_the_averages_go_in_is_undone() -> None:
    model = nn.Linear(2, 1)
    fill(model, 1.0)
    averages = begun(model)
    fill(model, 3.0)
    averages.move(half_way)
    copy = averages._copy

    def interrupted(values: dict[str, torch.Tensor]) -> None:
        copy({"weight": values["weight"]})
        averages._copy = copy  # type: ignore[method-assign]
        raise KeyboardInterrupt

    averages._copy = interrupted  # type: ignore[method-assign]
    try:
        averages.put_in()
    except KeyboardInterrupt:
        averages.put_back()
    assert value_of(model) == 3.0


def test_the_memory_order_of_a_parameter_is_that_of_its_loaded_average() -> None:
    model = nn.Conv2d(2, 3, 3).to(memory_format=torch.channels_last)
    averages = begun(model)
    saved = averages.state_dict()
    rows = {name: value.contiguous() for name, value in saved["average"].items()}
    averages.load_state_dict({**saved, "average": rows})
    loaded = averages.state_dict()["average"]["weight"]
    assert loaded.stride() == model.weight.stride()
    torch.testing.assert_close(loaded, model.weight.detach(), rtol=0, atol=0)


def test_whoever_comes_second_averages_and_puts_back_the_models_own_values() -> None:
    model = nn.Linear(2, 1)
    fill(model, 1.0)
    first, second = begun(model), begun(model)
    fill(model, 3.0)
    first.move(half_way)
    first.put_in()
    second.move(half_way)  # of 3, not of the first one's 2
    second.put_in()
    assert value_of(model) == 2.0
    fill(model, 9.0)  # as if somebody worked on it
    for averages in (first, second):
        averages.put_back()
        assert value_of(model) == 3.0


def test_what_is_let_go_of_is_beside_nobody() -> None:
    model = nn.Linear(2, 1)
    first, second = begun(model), begun(model)
    second.release()
    first.put_in()
    assert second.state_dict() == {"average": {}, "raw": {}, "inside": False}


def test_a_layer_put_in_eval_mode_before_the_first_batch_is_not_averaged() -> None:
    model = nn.BatchNorm1d(2)
    averages = begun(model)
    model.eval()
    averages.settle(model)
    assert averages.names == {"weight", "bias"}


def test_a_layer_put_in_eval_mode_later_keeps_its_average() -> None:
    model = nn.BatchNorm1d(2)
    averages = begun(model)
    averages.settle(model)
    model.eval()
    averages.watch(model)
    averages.settle(model)
    assert averages.names == {"weight", "bias", "running_mean", "running_var"}


def test_what_a_norm_has_counted_is_put_back_with_its_statistics() -> None:
    model = nn.BatchNorm1d(2)
    model(torch.ones(3, 2))
    averages = begun(model)
    averages.put_in()
    model.reset_running_stats()
    averages.put_back()
    assert int(model.num_batches_tracked) == 1  # type: ignore[arg-type]
