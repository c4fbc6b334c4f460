"""The fast body is used when it is right, and only then."""

import pickle
import threading
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from learnkit.models import fast_body as module
from learnkit.models.backbone import Backbone, BackboneSource
from learnkit.models.fast_body import FastBody, fast_body, has_fast_body
from learnkit.models.head import ConcatPool
from learnkit.models.transfer import CnnModel, build_cnn

PASSES: list[tuple[int, ...]] = []


class Leaf(nn.Conv2d):
    """A convolution that counts; a subclass is never folded, and never traced into."""

    __module__ = "torch.nn.learnkit_tests"  # what torch.fx takes as a whole

    def forward(self, input: Tensor) -> Tensor:
        PASSES.append(tuple(input.shape))
        return super().forward(input)


@dataclass(frozen=True)
class CountedSource(BackboneSource):
    def build(self, weights: str | None) -> nn.Module:
        return nn.Sequential(
            Leaf(3, 4, 3, stride=2, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 6, 3, bias=False),
            nn.BatchNorm2d(6),
        )


COUNTED = Backbone("counted", CountedSource())


@pytest.fixture(autouse=True)
def passes() -> list[tuple[int, ...]]:
    """The shapes of all batches that went through a body."""
    PASSES.clear()
    return PASSES


@pytest.fixture
def model() -> CnnModel:
    """In eval mode, its body frozen and with statistics of its own."""
    made = build_cnn(COUNTED, 3, weights=None)
    drawn = torch.Generator().manual_seed(0)
    for norm in (made.body[1], made.body[4]):
        norm.running_mean.normal_(0, 0.1, generator=drawn)
        norm.running_var.uniform_(0.5, 1.5, generator=drawn)
    made.body.requires_grad_(False)
    return made.eval()


@pytest.fixture
def x() -> Tensor:
    return torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def places(*indices: int) -> Any:
    return np.array(indices, dtype=np.int64)


def twin(fast: FastBody) -> nn.Module | None:
    return fast._twin


def norms(body: nn.Module | None) -> int:
    return sum(isinstance(m, nn.BatchNorm2d) for m in body.modules()) if body is not None else -1


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


OWNER = object()


# ---------------------------------------------------------------- when it is used


def test_a_frozen_body_is_run_folded_and_gives_the_same(model: CnnModel, x: Tensor) -> None:
    expected = model(x).detach()
    fast = FastBody()
    with fast_body(model, fast, training=True):
        found = model(x)
        assert twin(fast) is not None
        # the first convolution is of a kind that is left alone
        assert norms(twin(fast)) == norms(model.body) - 1
    close(found.detach(), expected)
    assert model.fast is None


def test_the_head_gets_its_gradients(model: CnnModel, x: Tensor) -> None:
    model(x).sum().backward()
    expected = [p.grad.clone() for p in model.head.parameters() if p.grad is not None]
    model.zero_grad()
    with fast_body(model, FastBody(), training=True):
        model(x).sum().backward()
    found = [p.grad for p in model.head.parameters() if p.grad is not None]
    assert len(found) == len(expected) == 6
    for one, other in zip(found, expected, strict=True):
        close(one, other)
    assert all(p.grad is None for p in model.body.parameters())


def test_an_unfrozen_body_is_never_run_in_another_way_in_a_fit(model: CnnModel, x: Tensor) -> None:
    model.body[0].weight.requires_grad_(True)
    fast = FastBody()
    with fast_body(model, fast, training=True):
        model(x).sum().backward()
        assert model.body[0].weight.grad is not None
        with torch.no_grad():
            model(x)  # as in validation
    assert twin(fast) is None


def test_predictions_of_an_unfrozen_body_are_fast_only_without_a_graph(
    model: CnnModel, x: Tensor
) -> None:
    model.body.requires_grad_(True)
    fast = FastBody()
    with fast_body(model, fast, training=False):
        model(x).sum().backward()
        assert model.body[3].weight.grad is not None
        assert twin(fast) is None
        with torch.no_grad():
            expected = model.head(model.body(x))
            close(model(x), expected)
    assert twin(fast) is not None


def test_a_gradient_of_the_photos_is_a_gradient_of_the_photos(model: CnnModel, x: Tensor) -> None:
    x.requires_grad_(True)
    with fast_body(model, FastBody(), training=False):
        model(x).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_a_module_in_training_mode_keeps_its_statistics_moving(model: CnnModel, x: Tensor) -> None:
    fast = FastBody()
    before = model.body[1].running_mean.clone()
    model.body[1].train()
    with fast_body(model, fast, training=True):
        model(x)
    assert twin(fast) is None
    assert not torch.equal(model.body[1].running_mean, before)


HOOKS: dict[str, Callable[[nn.Module, Callable[..., None]], Any]] = {
    "forward": lambda m, f: m.register_forward_hook(f),
    "forward, with keywords": lambda m, f: m.register_forward_hook(f, with_kwargs=True),
    "before forward": lambda m, f: m.register_forward_pre_hook(f),
    "backward": lambda m, f: m.register_full_backward_hook(f),
    "before backward": lambda m, f: m.register_full_backward_pre_hook(f),
}
PLACES: dict[str, Callable[[CnnModel], nn.Module]] = {
    "the body": lambda model: model.body,
    "a layer of the body": lambda model: model.body[3],
    "the head": lambda model: model.head,
    "the pooling": lambda model: model.head[0],
    "a layer of the head": lambda model: model.head[-1],
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", HOOKS)
def test_every_hook_is_called_for_every_batch(
    model: CnnModel, x: Tensor, place: str, kind: str
) -> None:
    calls: list[str] = []

    def hook(*args: Any) -> None:
        calls.append(place)

    fast = FastBody()
    gradient = "backward" in kind and place != "a layer of the head"
    with fast_body(model, fast, training=False):
        fast.announce(x, OWNER, 4, places(0, 1, 2, 3))
        model(x)
        handle = HOOKS[kind](PLACES[place](model), hook)
        for _ in range(2):
            fast.announce(x, OWNER, 4, places(0, 1, 2, 3))
            model(x.clone().requires_grad_() if gradient else x).sum().backward()
        assert len(calls) == 2
        handle.remove()
        model(x).sum().backward()
    assert len(calls) == 2


def test_a_hook_that_changes_what_passes_does_so(model: CnnModel, x: Tensor) -> None:
    expected = model.head(model.body(x) * 2).detach()
    model.body.register_forward_hook(lambda module, given, maps: maps * 2)
    with fast_body(model, FastBody(), training=True):
        close(model(x).detach(), expected)


def test_a_layer_whose_forward_was_replaced_is_asked(model: CnnModel, x: Tensor) -> None:
    layer: Any = model.body[3]
    own = layer.forward
    layer.forward = lambda maps: own(maps) * 3
    expected = model(x).detach()
    fast = FastBody()
    with fast_body(model, fast, training=True):
        assert torch.equal(model(x).detach(), expected)
    assert twin(fast) is None


def test_a_model_without_a_body_of_its_own_is_left_alone(x: Tensor) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    assert not has_fast_body(model)
    with fast_body(model, FastBody(), training=True):
        model(x)


def test_no_fast_body_is_the_plain_one(model: CnnModel, x: Tensor) -> None:
    expected = model(x).detach()
    with fast_body(model, None, training=True):
        assert model.fast is None
        assert torch.equal(model(x).detach(), expected)


# ---------------------------------------------------------------- weights that move


def test_loaded_weights_are_used_at_once(model: CnnModel, x: Tensor) -> None:
    fast = FastBody()
    with fast_body(model, fast, training=True):
        fast.announce(x, OWNER, 4, places(0, 1, 2, 3))
        model(x)
        state = {name: value + 0.1 for name, value in model.state_dict().items()}
        model.load_state_dict(state)
        fast.announce(x, OWNER, 4, places(0, 1, 2, 3))
        found = model(x).detach()
    close(found, model(x).detach())


def moved_by_fused(model: CnnModel, x: Tensor) -> list[int]:
    """Take one step of a fused optimizer in all weights, as a user's own loop does."""
    model.requires_grad_(True)
    versions = [p._version for p in model.parameters()]
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
    model.head(model.body(x)).sum().backward()
    optimizer.step()
    model.zero_grad()
    return [p._version - before for p, before in zip(model.parameters(), versions, strict=True)]


def test_a_fused_optimizer_is_noticed_between_two_predictions_of_an_unfrozen_model(
    model: CnnModel, x: Tensor
) -> None:
    model.requires_grad_(True)
    fast = FastBody()
    with torch.no_grad():
        with fast_body(model, fast, training=False):
            before = model(x)
        with torch.enable_grad():
            counted = moved_by_fused(model, x)
        with fast_body(model, fast, training=False):
            after = model(x)
        close(after, model(x))
    assert set(counted) == {0}, "torch counts what a fused optimizer does; drop the detour"
    assert (after - before).abs().max() > 0.1


def test_a_fused_optimizer_is_noticed_when_the_body_is_frozen_after_it(
    model: CnnModel, x: Tensor
) -> None:
    model.requires_grad_(True)
    fast = FastBody()
    with torch.no_grad(), fast_body(model, fast, training=False):
        model(x)
    moved_by_fused(model, x)
    model.body.requires_grad_(False)
    with torch.no_grad(), fast_body(model, fast, training=False):
        found = model(x)
    close(found, model(x).detach())


@pytest.mark.parametrize("given", [True, False])
def test_a_fit_counts_for_everybody_what_its_optimizer_moved(
    model: CnnModel, x: Tensor, given: bool
) -> None:
    """Two learners may share a model, and look at it frozen before and after one of them fits."""
    one, other = FastBody(), FastBody()
    with torch.no_grad(), fast_body(model, one, training=False):
        model(x)
    with fast_body(model, other if given else None, training=True):
        moved_by_fused(model, x)
    model.body.requires_grad_(False)
    with torch.no_grad():
        with fast_body(model, one, training=False):
            found = model(x)
        close(found, model(x))


def test_a_body_that_trains_for_a_while_within_a_fit_is_folded_anew(
    model: CnnModel, x: Tensor
) -> None:
    fast = FastBody()
    with fast_body(model, fast, training=True):
        model(x)
        model.requires_grad_(True)
        model(x)
        moved_by_fused(model, x)
        model.body.requires_grad_(False)
        found = model(x).detach()
    close(found, model(x).detach())


def test_what_is_written_through_data_is_noticed_by_the_next_fit(
    model: CnnModel, x: Tensor
) -> None:
    fast = FastBody()
    with fast_body(model, fast, training=True):
        model(x)
    for parameter in model.body.parameters():
        parameter.data.mul_(1.5)
    with fast_body(model, fast, training=True):
        found = model(x).detach()
    close(found, model(x).detach())


def test_weights_that_lie_elsewhere_are_noticed_at_once(model: CnnModel, x: Tensor) -> None:
    fast = FastBody()
    with torch.no_grad(), fast_body(model, fast, training=False):
        model(x)
        weight: Any = model.body[3].weight
        weight.data = weight.data * 2  # as Module.to() does
        found = model(x)
    close(found, model(x).detach())


def test_unchanged_weights_are_not_folded_again(
    model: CnnModel, x: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[nn.Module] = []
    own = module.folded
    monkeypatch.setattr(
        module, "folded", lambda body, dtype: made.append(own(body, dtype)) or made[-1]
    )
    fast = FastBody()
    with torch.no_grad():
        for training in (True, False, False, True):
            with fast_body(model, fast, training=training):
                model(x)
                model(x)
    assert len(made) == 1


# ---------------------------------------------------------------- features


def test_announced_photos_pass_the_body_once(
    model: CnnModel, x: Tensor, passes: list[tuple[int, ...]]
) -> None:
    fast, found = FastBody(), []
    with fast_body(model, fast, training=True):
        for _ in range(3):
            fast.announce(x, OWNER, 4, places(0, 1, 2, 3))
            found.append(model(x).detach())
    assert passes == [(4, 3, 16, 16)]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_known_photos_may_come_in_another_order_and_in_other_batches(
    model: CnnModel, x: Tensor, passes: list[tuple[int, ...]]
) -> None:
    fast = FastBody()
    with fast_body(model, fast, training=True):
        fast.announce(x, OWNER, 9, places(5, 1, 8, 2))
        expected = model(x).detach()
        part = x[[3, 0]]
        fast.announce(part, OWNER, 9, places(2, 5))
        close(model(part).detach(), expected[[3, 0]])
        assert len(passes) == 1
        fast.announce(x, OWNER, 9, places(5, 1, 8, 3))
        model(x)  # one of them is new
        assert len(passes) == 2


def test_nothing_is_taken_for_the_announced_batch_but_itself(
    model: CnnModel, x: Tensor, passes: list[tuple[int, ...]]
) -> None:
    fast = FastBody()
    with fast_body(model, fast, training=True):
        fast.announce(x, OWNER, 4, places(0, 1, 2, 3))
        first = model(x).detach()
        again = model(x).detach()  # not announced a second time
        assert len(passes) == 2
        assert torch.equal(first, again)
        fast.announce(x, OWNER, 4, places(0, 1, 2, 3))
        close(model(x * 2).detach(), model.head(model.body(x * 2)).detach())
        fast.announce(x, OWNER, 4, places(0, 1, 2, 3))
        x.mul_(2)
        close(model(x).detach(), model.head(model.body(x)).detach())
        # and none of that was remembered
        half = x / 2
        fast.announce(half, OWNER, 4, places(0, 1, 2, 3))
        assert torch.equal(model(half).detach(), first)


def test_two_loaders_are_not_mixed_up(
    model: CnnModel, x: Tensor, passes: list[tuple[int, ...]]
) -> None:
    fast, other = FastBody(), object()
    with fast_body(model, fast, training=True):
        fast.announce(x, OWNER, 4, places(0, 1, 2, 3))
        first = model(x).detach()
        y = -x
        fast.announce(y, other, 4, places(0, 1, 2, 3))
        second = model(y).detach()
        assert len(passes) == 2
        assert not torch.equal(first, second)
        fast.announce(x, OWNER, 4, places(0, 1, 2, 3))
        assert torch.equal(model(x).detach(), first)
        assert len(passes) == 2


def test_features_that_would_take_too_much_memory_are_not_remembered(
    model: CnnModel, x: Tensor, passes: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fast, each = FastBody(), 12 * 4  # maximum and mean of 6 maps, in float32
    for limit, expected in ((10 * each - 1, 2), (10 * each, 1)):
        monkeypatch.setattr(module, "FEATURES_LIMIT", limit)
        passes.clear()
        with fast_body(model, fast, training=True):
            for _ in range(2):
                fast.announce(x, OWNER, 10, places(0, 1, 2, 3))
                model(x)
        assert len(passes) == expected, limit


def test_features_are_let_go_at_the_end(model: CnnModel, x: Tensor) -> None:
    fast = FastBody()
    with fast_body(model, fast, training=True):
        fast.announce(x, OWNER, 4, places(0, 1, 2, 3))
        model(x)
        assert len(fast._tables) == 1
        fast.announce(x, OWNER, 4, places(0, 1, 2, 3))
    assert fast._tables == {}
    assert fast._announced is None


def test_a_head_of_ones_own_gets_the_maps(x: Tensor, passes: list[tuple[int, ...]]) -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool, self.linear = ConcatPool(), nn.Linear(12, 3)

        def forward(self, maps: Tensor) -> Tensor:
            assert maps.shape[1:] == (6, 5, 5)
            maps.relu_()  # what is remembered must not change by that
            return self.linear(self.pool(maps))

    model = build_cnn(COUNTED, 3, weights=None, head=Own()).eval()
    model.body.requires_grad_(False)
    expected = model(x).detach()
    passes.clear()
    fast = FastBody()
    with fast_body(model, fast, training=True):
        for _ in range(3):
            fast.announce(x, OWNER, 4, places(0, 1, 2, 3))
            close(model(x).detach(), expected)
    assert len(passes) == 1


def test_inference_mode_of_the_user_changes_nothing(model: CnnModel, x: Tensor) -> None:
    """A callback may look at the announced batch in it, before the loop goes on."""
    fast = FastBody()
    with fast_body(model, fast, training=True):
        first = x[:2]
        fast.announce(first, OWNER, 4, places(0, 1))
        with torch.inference_mode():
            model(first)
            fast.announce(torch.ones(2, 3, 16, 16), OWNER, 4, places(2, 3))
            model(torch.ones(2, 3, 16, 16))
        fast.announce(x, OWNER, 4, places(0, 1, 2, 3))
        model(x).sum().backward()
    with torch.inference_mode():
        weights = build_cnn(COUNTED, 3, weights=None).eval()
        with fast_body(weights, FastBody(), training=False):
            assert torch.equal(weights(x), weights.head(weights.body(x)))


# ---------------------------------------------------------------- number formats


def test_under_autocast_features_are_close_to_those_of_the_plain_body(
    model: CnnModel, x: Tensor
) -> None:
    fast = FastBody()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        expected = model(x).float()
        with fast_body(model, fast, training=False):
            found = model(x).float()
            seen: Any = twin(fast)
            assert seen.get_submodule("3").weight.dtype == torch.bfloat16
    exact = model(x).detach()
    assert (found - exact).abs().max() <= 1.5 * (expected - exact).abs().max() + 1e-3
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)
    assert model.body[3].weight.dtype == torch.float32


def test_another_number_format_is_folded_anew(model: CnnModel, x: Tensor) -> None:
    fast = FastBody()
    expected = model(x).detach()
    with torch.no_grad(), fast_body(model, fast, training=False):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            model(x)
        close(model(x), expected)


def test_a_model_of_doubles_stays_one(model: CnnModel, x: Tensor) -> None:
    model.double()
    with torch.no_grad(), fast_body(model, FastBody(), training=False):
        assert model(x.double()).dtype == torch.float64


# ---------------------------------------------------------------- the block


def test_the_model_is_put_back_after_an_error(model: CnnModel) -> None:
    fast = FastBody()

    def interrupted() -> None:
        with fast_body(model, fast, training=True):
            assert model.fast is fast
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert model.fast is None
    assert not fast.training


def test_a_block_within_a_block_leaves_all_to_the_outer_one(model: CnnModel, x: Tensor) -> None:
    fast = FastBody()
    with fast_body(model, fast, training=True):
        fast.announce(x, OWNER, 4, places(0, 1, 2, 3))
        model(x)
        for inner in (FastBody(), fast):
            with fast_body(model, inner, training=False):
                assert model.fast is fast
            assert model.fast is fast
            assert fast.training
            assert len(fast._tables) == 1
    assert model.fast is None


def test_the_models_state_says_nothing_of_it(model: CnnModel, x: Tensor) -> None:
    before = list(model.state_dict())
    with fast_body(model, FastBody(), training=True):
        model(x)
        assert list(model.state_dict()) == before
        assert sum(1 for _ in model.modules()) == sum(1 for _ in deepcopy(model).modules())


def test_a_copy_within_the_block_is_a_plain_model(model: CnnModel, x: Tensor) -> None:
    fast = FastBody()
    with fast_body(model, fast, training=True):
        model(x)
        copy = deepcopy(model)
        assert copy.fast is None
        for parameter in copy.parameters():
            parameter.data.mul_(0.5)  # as an average of weights does
        assert torch.equal(copy(x), copy.head(copy.body(x)))
    fresh: Any = deepcopy(fast)
    assert fresh is not fast
    assert twin(fresh) is None
    assert twin(pickle.loads(pickle.dumps(fast))) is None


def test_threads_may_predict_with_one_model(model: CnnModel, x: Tensor) -> None:
    expected = model(x).detach()
    fast, wrong = FastBody(), []
    fast.prepare(model.body, torch.device("cpu"))

    def work() -> None:
        for _ in range(30):
            with torch.no_grad(), fast_body(model, fast, training=False):
                found = model(x)
            if not torch.allclose(found, expected, rtol=1e-5, atol=1e-5):
                wrong.append(found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert model.fast is None


def test_only_a_frozen_body_is_folded_ahead(model: CnnModel) -> None:
    fast = FastBody()
    model.body.requires_grad_(True)
    fast.prepare(model.body, torch.device("cpu"))
    assert twin(fast) is None
    model.body.requires_grad_(False)
    model.body.train()
    fast.prepare(model.body, torch.device("cpu"))
    assert twin(fast) is None
