"""compile=: one shape, one line, one warning, and the same numbers as without."""

import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from learnkit import models
from learnkit.compiled import CompiledTask, check_compile
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner
from learnkit.precision import Plain
from learnkit.tasks import Supervised
from learnkit.types import Batch

FP32 = Plain("fp32", "cpu")


def arrays(n: int, seed: int) -> tuple[Any, Any]:
    x = np.random.default_rng(seed).normal(size=(n, 4)).astype(np.float32)
    return x, (x.sum(1) > 0).astype(np.int64)


@pytest.fixture
def data() -> DataBunch:
    """Batches of 8, the last one of 4; 18 samples of validation in batches of 8, 8 and 2."""
    return DataBunch.from_arrays(*arrays(28, 0), valid=arrays(18, 1), batch_size=8)


def dropping() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 2)
        )


def make(data: DataBunch, **options: Any) -> Learner:
    return Learner(data, dropping(), device="cpu", **options)


def task(size: int = 8) -> CompiledTask:
    return CompiledTask(Supervised(functional.cross_entropy, ("no", "yes")), "default", size)


def batch(n: int = 8) -> Batch:
    x, y = arrays(n, 2)
    return Batch(torch.from_numpy(x), torch.from_numpy(y))


class Wrapped(nn.Module):
    """What the fake compiler makes: it runs the model and notes with what."""

    def __init__(self, model: nn.Module, seen: list[tuple[int, bool, bool]]) -> None:
        super().__init__()
        self.inner, self.seen = [model], seen  # in a list, so that it is no module of this one

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append((len(x), self.inner[0].training, torch.is_grad_enabled()))
        return self.inner[0](x)


class Compiler:
    """Stands in for torch.compile."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.models: list[nn.Module] = []
        self.seen: list[tuple[int, bool, bool]] = []

    def __call__(self, model: nn.Module, **options: Any) -> nn.Module:
        self.calls.append(options)
        self.models.append(model)
        return Wrapped(model, self.seen)


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Compiler:
    made = Compiler()
    monkeypatch.setattr(torch, "compile", made)
    return made


class Broken(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("no C++ compiler\nand many more lines")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A torch.compile that fails as late as the real one."""
    monkeypatch.setattr(torch, "compile", lambda model, **options: Broken())


def numbers(history: Any) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


# ---------------------------------------------------------------- the argument


@pytest.mark.parametrize(
    ("wanted", "mode"),
    [
        (True, "default"),
        (False, None),
        (None, None),
        ("default", "default"),
        ("reduce-overhead", "reduce-overhead"),
        ("max-autotune", "max-autotune"),
    ],
)
def test_compile_is_a_bool_or_a_mode(wanted: Any, mode: str | None) -> None:
    assert check_compile(wanted) == mode


def test_another_word_names_the_nearest(data: DataBunch) -> None:
    wrong: Any = "max-autotun"
    with pytest.raises(ValueError) as caught:
        make(data, compile=wrong)
    assert str(caught.value) == (
        "compile must be True, False or one of default, reduce-overhead, max-autotune; "
        "got 'max-autotun'. Did you mean 'max-autotune'?"
    )
    with pytest.raises(ValueError) as caught:
        check_compile(1)
    assert str(caught.value) == (
        "compile must be True, False or one of default, reduce-overhead, max-autotune; got 1."
    )


# ---------------------------------------------------------------- while it works


def test_only_full_batches_go_through_the_compiled_model(
    data: DataBunch, compiler: Compiler
) -> None:
    learn = make(data, compile="max-autotune")
    learn.fit(1, progress=False)
    assert compiler.calls == [{"dynamic": False, "mode": "max-autotune"}]
    warm_up = [(8, True, True), (8, False, False)]
    epoch = [(8, True, True)] * 3 + [(8, False, False)] * 2
    assert compiler.seen == [*warm_up, *epoch]


def test_the_numbers_are_those_of_the_model_as_it_is(data: DataBunch, compiler: Compiler) -> None:
    rows = numbers(make(data, compile=True).fit(2, progress=False))
    expected = numbers(make(data).fit(2, progress=False))
    assert rows == expected
    assert len(compiler.seen) > 2


def test_a_line_says_how_long_it_took(
    data: DataBunch, compiler: Compiler, capsys: pytest.CaptureFixture[str]
) -> None:
    make(data, compile=True).fit(1)
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert "train, 18 valid samples in batches of 8" in first
    words = second.split()
    assert (words[:2], words[3:]) == (["compiled", "in"], ["s"])
    assert float(words[2]) >= 0


def test_a_set_smaller_than_a_batch_is_not_compiled(
    compiler: Compiler, capsys: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "There are fewer training samples", UserWarning)
        data = DataBunch.from_arrays(*arrays(20, 0), valid=arrays(8, 1), batch_size=64)
        make(data, compile=True).fit(1)
    assert capsys.readouterr().out.splitlines()[1] == "not compiled: no batch has 64 samples"
    assert compiler.seen == []


def test_two_fits_compile_once_and_warm_up_each_time(data: DataBunch, compiler: Compiler) -> None:
    learn = make(data, compile=True)
    learn.fit(1, progress=False)
    one = len(compiler.seen)
    learn.fit(1, progress=False)
    assert len(compiler.calls) == 1
    assert len(compiler.seen) == 2 * one


def test_another_model_is_compiled_anew(data: DataBunch, compiler: Compiler) -> None:
    learn = make(data, compile=True)
    learn.fit(1, progress=False)
    learn.model, learn._optimizer = dropping(), None
    before = [p.clone() for p in learn.model.parameters()]
    learn.fit(1, progress=False)
    assert compiler.models[1] is learn.model
    assert not torch.equal(before[0], next(learn.model.parameters()))


def test_before_the_first_fit_nothing_is_compiled(data: DataBunch, compiler: Compiler) -> None:
    learn = make(data, compile=True)
    learn.validate()
    learn.lr_find(steps=4, progress=False)
    assert compiler.calls == []


# ---------------------------------------------------------------- what it leaves as it was


class Noting(nn.Module):
    """A model that counts, draws and has statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(4), nn.Linear(4, 2)
        self.frozen = nn.Sequential(nn.BatchNorm1d(4)).eval().requires_grad_(False)
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        return self.linear(functional.dropout(self.frozen(self.norm(x))))


@pytest.mark.usefixtures("compiler")
def test_a_warm_up_leaves_the_model_as_it_was() -> None:
    model = Noting()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    words = task().warm_up(model, batch(), FP32)
    assert words.startswith("compiled in ")
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert (
        [module.training for module in model.modules()] == modes == [True, True, True, False, False]
    )
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.usefixtures("broken")
def test_a_warm_up_that_fails_does_so_too() -> None:
    model, given = Noting(), task()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.warns(UserWarning, match="^torch.compile failed") as warned:
        assert given.warm_up(model, batch(), FP32) == "not compiled"
    assert len(warned) == 1
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert model.training
    assert not model.frozen.training
    assert given.warm_up(model, batch(), FP32) == "not compiled"
    assert given.forward(model, batch()).shape == (8, 2)


@pytest.mark.usefixtures("compiler")
def test_a_fit_leaves_the_callers_generators_alone(data: DataBunch) -> None:
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    make(data, compile=True).fit(1, progress=False)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_all_else_is_the_tasks_own() -> None:
    own = Supervised(functional.cross_entropy, ("no", "yes"))
    given = CompiledTask(own, "default", 8)
    preds, sample = torch.randn(8, 2), batch()
    assert given.compare(preds, sample) == own.compare(preds, sample)
    assert given.turn(3) is given
    assert torch.equal(given.loss(preds, sample), own.loss(preds, sample))
    given.check(preds, sample)


# ---------------------------------------------------------------- when it fails


@pytest.mark.usefixtures("broken")
def test_one_warning_says_why_and_the_fit_goes_on(
    data: DataBunch, capsys: pytest.CaptureFixture[str]
) -> None:
    learn = make(data, compile=True)

    def fitted(one: Learner, *, progress: bool) -> list[dict[str, float]]:
        return [row for n in (2, 1) for row in numbers(one.fit(n, progress=progress))]

    with pytest.warns(UserWarning, match="^torch.compile failed") as warned:
        rows = fitted(learn, progress=True)
    assert [str(warning.message) for warning in warned] == [
        "torch.compile failed, so the fit goes on without it: no C++ compiler"
    ]
    assert capsys.readouterr().out.splitlines().count("not compiled") == 2
    assert rows == fitted(make(data), progress=False)


@pytest.mark.usefixtures("broken")
def test_where_nothing_was_warmed_up_nothing_can_fail(data: DataBunch) -> None:
    learn = make(data, compile=True)
    assert learn.validate() == make(data).validate()
    assert len(learn.lr_find(steps=12, progress=False).lrs) == 12


def test_an_error_without_words_is_named_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(model: nn.Module, **options: Any) -> nn.Module:
        raise NotImplementedError

    monkeypatch.setattr(torch, "compile", fails)
    with pytest.warns(UserWarning, match="^torch.compile failed") as warned:
        task().warm_up(Noting(), batch(), FP32)
    assert str(warned[0].message) == (
        "torch.compile failed, so the fit goes on without it: NotImplementedError"
    )


# ---------------------------------------------------------------- the real one


@pytest.mark.slow
@pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="needs a C++ compiler"
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_torchs_own_compiler_trains_as_well(
    data: DataBunch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # 150 MB of headers and libraries

    def fitted(**options: Any) -> list[dict[str, float]]:
        learn = Learner(data, models.mlp(4, 8, 2), device="cpu", **options)
        return numbers(learn.fit(2, 0.01, progress=False))

    for row, other in zip(fitted(compile=True), fitted(), strict=True):
        assert row == pytest.approx(other, rel=1e-4, abs=1e-5)


class Halves(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Linear(4, 2)


class ByHalves(Supervised):
    """Calls a part of the model."""

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        part: Any = model.part
        out: Tensor = part(batch.x)
        return out


def test_a_task_that_does_not_call_the_model_is_told_so(
    data: DataBunch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With torch's own `compile`, which compiles nothing before the first call."""
    by_halves = ByHalves(functional.cross_entropy, ("no", "yes"))
    Learner(data, Halves(), device="cpu", compile=True, task=by_halves).fit(1)
    assert capsys.readouterr().out.splitlines()[1] == (
        "not compiled: this task calls parts of the model, not the model itself"
    )


def test_texts_of_another_length_are_computed_by_the_model_as_it_is(compiler: Compiler) -> None:
    model = nn.Sequential(nn.AdaptiveAvgPool1d(4), dropping())
    compiled = task()
    first, longer = torch.zeros(8, 6), torch.zeros(8, 7)
    compiled.warm_up(model, Batch(first, torch.zeros(8, dtype=torch.int64)), FP32)
    compiler.seen.clear()
    for x in (longer, first):
        compiled.forward(model, Batch(x, torch.zeros(8)))
    assert len(compiler.seen) == 1


def test_pictures_of_another_size_are_compiled_too(compiler: Compiler) -> None:
    """As those of ProgressiveResizing, which have few sizes."""
    model = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), dropping())
    compiled = task()
    pictures = Batch(torch.zeros(8, 1, 6, 6), torch.zeros(8, dtype=torch.int64))
    compiled.warm_up(model, pictures, FP32)
    compiler.seen.clear()
    compiled.forward(model, Batch(torch.zeros(8, 1, 4, 4), pictures.y))
    assert len(compiler.seen) == 1
