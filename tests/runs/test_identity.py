"""What a fit depends on: the same words in every process, and other words for anything else."""

import functools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from learnkit.callback import Callback
from learnkit.callbacks import CSVLog, GradientClip, ProgressBar
from learnkit.data.augment import RandomErasing
from learnkit.data.bunch import DataBunch
from learnkit.optim import adamw, sgd
from learnkit.plan import FitPlan
from learnkit.runs.identity import (
    callbacks_identity,
    data_identity,
    described,
    differences,
    few,
    fingerprint,
    machine_identity,
    model_identity,
    optimizer_identity,
    plan_identity,
)
from learnkit.schedule import constant, cosine, linear
from learnkit.types import Batch, Loaded

X, Y = torch.arange(20.0).reshape(10, 2), torch.tensor([0, 1] * 5)


def bunch(x: Tensor = X, y: Tensor = Y, **options: Any) -> DataBunch:
    return DataBunch.from_arrays(x, y, batch_size=options.pop("batch_size", 4), **options)


# ---------------------------------------------------------------- data


def halved(x: Tensor) -> Tensor:
    return x / 2


def test_the_same_data_has_the_same_identity() -> None:
    found = data_identity(bunch())
    assert found == data_identity(bunch(X.clone(), Y.clone()))
    assert json.loads(json.dumps(found)) == found
    assert found["data.classes"] == ["0", "1"]
    assert found["data.tfms"] == []


@pytest.mark.parametrize(
    "other",
    [
        lambda: bunch(X + 1),
        lambda: bunch(y=1 - Y),
        lambda: bunch(seed=1),
        lambda: bunch(batch_size=3),
        lambda: bunch(valid_pct=0.3),
        lambda: bunch(classes=["a", "b"]),
        lambda: bunch(tfms=[halved]),
        lambda: bunch(X[:9], Y[:9]),
    ],
)
def test_other_data_has_another_one(other: Callable[[], DataBunch]) -> None:
    assert data_identity(bunch()) != data_identity(other())


def test_data_without_validation_says_so() -> None:
    alone = DataBunch.from_dls(bunch().train_dl)
    assert data_identity(alone)["data.valid.kind"] is None


def test_a_loader_of_the_users_is_known_by_its_sizes() -> None:
    class Mine:
        batch_size, n_samples = np.int64(4), np.int64(10)

        def __len__(self) -> int:
            return 3

        def __iter__(self) -> Iterator[Batch]:
            return iter(())

        def batches(self, epoch: int, *, start: int = 0) -> Iterator[Loaded]:
            return iter(())

        def describe(self, index: int) -> str:
            return ""

    found = data_identity(DataBunch.from_dls(Mine()))  # type: ignore[arg-type]
    train = {k: v for k, v in found.items() if k.startswith("data.train")}
    assert json.loads(json.dumps(train)) == {
        "data.train.kind": f"{Mine.__qualname__}",
        "data.train.samples": 10,
        "data.train.batches": 3,
        "data.train.batch_size": 4,
    }


# ---------------------------------------------------------------- model, plan, optimizer


def frozen() -> nn.Module:
    model = nn.Linear(2, 3)
    model.bias.requires_grad_(False)
    return model


def test_a_model_is_known_by_its_tensors_and_which_of_them_train_and_not_by_its_weights() -> None:
    assert model_identity(nn.Linear(2, 3)) == model_identity(nn.Linear(2, 3))
    others = [nn.Linear(3, 2), nn.Linear(2, 3, bias=False), nn.Linear(2, 3).double(), frozen()]
    found = [model_identity(nn.Linear(2, 3)), *map(model_identity, others)]
    assert len({json.dumps(one) for one in found}) == 5


def plan(**options: Any) -> FitPlan:
    return FitPlan(**{"epochs": 3, "lr": 0.1, "weight_decay": 0.01, **options})


def test_a_plan_is_known_by_its_settings_and_the_course_of_its_schedule() -> None:
    same = [plan(schedule=cosine()), plan(schedule=cosine(), schedule_name="another name")]
    assert plan_identity(same[0], [0.1]) == plan_identity(same[1], [0.1])
    others = [
        (plan(), [0.1]),
        (plan(), [0.2]),
        (plan(), [0.1, 0.1]),
        (plan(epochs=4), [0.1]),
        (plan(weight_decay=0.02), [0.1]),
        (plan(schedule=cosine()), [0.1]),
        (plan(schedule=linear()), [0.1]),
        (plan(momentum=constant()), [0.1]),
        (plan(accumulate=2), [0.1]),
    ]
    assert len({json.dumps(plan_identity(*other)) for other in others}) == len(others)


def test_numbers_of_any_kind_are_plain_ones() -> None:
    given = plan(weight_decay=np.float32(0.5), schedule=lambda at: torch.tensor(at))
    found = plan_identity(given, [np.float64(0.25)])
    assert json.loads(json.dumps(found)) == found
    assert (found["schedule.lr"], found["schedule.weight_decay"]) == ([0.25], 0.5)


def optimizer(factory: Any) -> torch.optim.Optimizer:
    made: torch.optim.Optimizer = factory([{"params": [nn.Parameter(torch.ones(2, 2))]}])
    return made


def test_an_optimizer_is_known_by_its_kind_and_settings_but_not_by_its_rates() -> None:
    assert optimizer_identity(optimizer(sgd)) == {
        "settings.optimizer": "SGD(dampening=0, foreach=None, fused=None, maximize=False, "
        "momentum=0.9, nesterov=False)"
    }
    quick = functools.partial(torch.optim.SGD, lr=9.0, momentum=0.9, weight_decay=0.5)
    assert optimizer_identity(optimizer(quick)) == optimizer_identity(optimizer(sgd))
    found = {
        str(optimizer_identity(optimizer(factory)))
        for factory in (sgd, adamw, torch.optim.AdamW, torch.optim.Adam)
    }
    assert len(found) == 4


@pytest.mark.parametrize("factory", [torch.optim.LBFGS, torch.optim.SGD, torch.optim.Adagrad])
def test_an_optimizer_that_has_taken_a_state_back_is_the_same_one(factory: Any) -> None:
    made = optimizer(factory)
    before = optimizer_identity(made)
    made.load_state_dict(made.state_dict())
    assert optimizer_identity(made) == before


def test_callbacks_are_known_by_name_but_for_those_that_look_on(tmp_path: Any) -> None:
    class Mine(Callback):
        @property
        def name(self) -> str:
            return "mine"

    given = [ProgressBar(), GradientClip(1.0), CSVLog(tmp_path / "x"), Mine(), GradientClip(2.0)]
    assert callbacks_identity(given) == {
        "settings.callbacks": ["GradientClip", "mine", "GradientClip"]
    }


def test_the_machine_is_known_by_what_may_change_the_last_bits() -> None:
    found = machine_identity()
    assert found["torch"] == torch.__version__
    assert found["threads"] == torch.get_num_threads()
    assert isinstance(found["cpu"], str)


# ---------------------------------------------------------------- words


@dataclass(frozen=True)
class Pair:
    one: object
    other: object = None


class Scaled(nn.Module):
    def __init__(self, scale: float, table: Tensor | None = None) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("table", table)
        self.inner = nn.CrossEntropyLoss(label_smoothing=scale)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None"),
        (True, "True"),
        (0.1, "0.1"),
        ("a b", "'a b'"),
        ((1, [2, None]), "[1, [2, None]]"),
        (functional.mse_loss, "mse_loss"),
        (halved, "halved"),
        (functools.partial(halved, 2, other=0.5), "halved(2, other=0.5)"),
        (nn.Linear, "Linear"),
        (Pair(1, Pair("x")), "Pair(one=1, other=Pair(one='x', other=None))"),
        (object(), "object"),
        (nn.MSELoss(), "MSELoss()[reduction='mean']"),
        (nn.Tanh(), "Tanh()"),
    ],
)
def test_a_setting_has_words_of_its_own(value: object, words: str) -> None:
    assert described(value) == words


def test_a_module_tells_its_settings_and_those_of_what_is_in_it() -> None:
    table = torch.tensor([1.0, 2.0])
    found = described(Scaled(0.1, table))
    assert re.sub(r"[0-9a-f]{16}", "HASH", found) == (
        "Scaled( (inner): CrossEntropyLoss() )[scale=0.1, table=Tensor((2,), HASH), "
        "inner.ignore_index=-100, inner.label_smoothing=0.1, inner.reduction='mean']"
    )
    assert described(Scaled(0.1, table.clone())) == found
    others = [Scaled(0.2, table), Scaled(0.1, table + 1), Scaled(0.1, table[:1]), Scaled(0.1)]
    assert len({found, *map(described, others)}) == 5


def test_random_changes_with_other_settings_are_others() -> None:
    assert described(RandomErasing()) == described(RandomErasing())
    assert described(RandomErasing(p=0.1)) != described(RandomErasing(p=0.2))


WORDS = """
import torch
from learnkit.data.augment import RandomErasing
from learnkit.runs.identity import described, fingerprint

values = [RandomErasing(), torch.nn.CrossEntropyLoss(torch.ones(2)), object(), print]
tensors = {"w": torch.arange(6.0).reshape(2, 3)}
print([described(value) for value in values], fingerprint({"b": 1, "a": [0.1]}, tensors))
"""


def test_words_are_the_same_in_every_process(capsys: pytest.CaptureFixture[str]) -> None:
    """No address, no order of a set and no hash of Python's own is in them."""
    other = subprocess.run(
        [sys.executable, "-c", WORDS], capture_output=True, text=True, check=True, timeout=120
    )
    exec(WORDS, {})
    assert capsys.readouterr().out == other.stdout
    assert "0x" not in other.stdout


# ---------------------------------------------------------------- differences


def test_a_line_says_what_there_is_in_both() -> None:
    there = {"a": 1, "b": "x", "gone": None, "same": [1]}
    here = {"a": 2, "b": "x", "new": 0.5, "same": [1]}
    assert differences(there, here) == ["a: 1 there, 2 here", "new: None there, 0.5 here"]
    assert differences(here, here) == []


def test_long_values_are_shown_where_they_part() -> None:
    one = "abcdefghij" * 20
    other = one[:150] + "X" + one[151:]
    assert differences({"a": one}, {"a": other}) == [
        "a: ...abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij... there, "
        "...abcdefghijabcdefghijXbcdefghijabcdefghijabcdefghijabcdefghij... here"
    ]
    assert differences({"a": one}, {"a": "Z"}) == [
        "a: abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij... there, Z here"
    ]
    assert differences({"a": one}, {"a": one[:150]}) == [
        "a: ...abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij... there, "
        "...abcdefghijabcdefghij here"
    ]


def test_of_many_differences_eight_are_named() -> None:
    assert few(["a"]) == "a"
    assert few([str(i) for i in range(8)]) == "0; 1; 2; 3; 4; 5; 6; 7"
    assert few([str(i) for i in range(11)]) == "0; 1; 2; 3; 4; 5; 6; 7; and 3 more"


# ---------------------------------------------------------------- fingerprint

TENSORS = {"w": torch.arange(6.0).reshape(2, 3), "n": torch.tensor(3), "none": torch.zeros(0)}


def test_a_fingerprint_is_a_sha256_in_hexadecimal() -> None:
    found = fingerprint({"a": 1}, TENSORS)
    assert re.fullmatch(r"[0-9a-f]{64}", found)
    assert fingerprint({"a": 1}, {k: v.clone() for k, v in reversed(TENSORS.items())}) == found
    turned = {**TENSORS, "w": TENSORS["w"].t().contiguous().t()}  # another order in memory
    assert fingerprint({"a": 1}, turned) == found


@pytest.mark.parametrize(
    ("identity", "tensors"),
    [
        ({"a": 2}, TENSORS),
        ({"b": 1}, TENSORS),
        ({"a": 1}, {**TENSORS, "w": TENSORS["w"] + 1e-6}),
        ({"a": 1}, {**TENSORS, "w": TENSORS["w"].reshape(3, 2)}),
        ({"a": 1}, {**TENSORS, "n": torch.tensor(3, dtype=torch.int32)}),
        ({"a": 1}, {**TENSORS, "none": torch.zeros(0, 2)}),
        ({"a": 1}, {"v": TENSORS["w"], "n": TENSORS["n"], "none": TENSORS["none"]}),
        ({"a": 1}, {"w": TENSORS["w"], "n": TENSORS["n"]}),
    ],
)
def test_anything_else_has_another_one(
    identity: dict[str, Any], tensors: dict[str, Tensor]
) -> None:
    assert fingerprint(identity, tensors) != fingerprint({"a": 1}, TENSORS)


@pytest.mark.parametrize("dtype", [torch.bool, torch.bfloat16, torch.float64, torch.complex64])
def test_tensors_of_any_type_are_taken(dtype: torch.dtype) -> None:
    one = torch.tensor([1, 0, 1]).to(dtype)
    assert fingerprint({}, {"x": one}) == fingerprint({}, {"x": one.clone()})
    assert fingerprint({}, {"x": one}) != fingerprint({}, {"x": one.flip(0)[:2]})
