"""Greedy soups whose right mixture is known, from every kind of file that learnkit writes."""

import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from learnkit import models
from learnkit.callbacks.saves.save_best import SaveBest
from learnkit.data.bunch import DataBunch
from learnkit.errors import CheckpointError, MonitorError
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.models import saved
from learnkit.models.greedy_soup import soup
from learnkit.models.saved import read_saved, saved_weights
from learnkit.models.weights import StateDict

pytestmark = pytest.mark.usefixtures("no_checks", "no_flushing")


def written(folder: Path, **values: float | list[float]) -> dict[str, Path]:
    """Write one file for each value: a tensor ``w``, and a counter of how many came before."""
    paths = {}
    for n, (name, value) in enumerate(values.items()):
        paths[name] = folder / f"{name}.safetensors"
        tensors = {"w": torch.tensor(value).reshape(-1), "steps": torch.tensor(n)}
        save_file(tensors, paths[name])
    return paths


def near(target: float) -> Any:
    return lambda state: -abs(float(state["w"].mean()) - target)


# --- the recipe ---------------------------------------------------------------------------------


def test_one_goes_in_when_the_mean_is_at_least_as_good(tmp_path: Path) -> None:
    """Target 1. Alone 0.9 is best; with 1.3 the mean is 1.1, as good; with 0.6 it is 0.933, better;
    with 4.0 it would be 1.7."""
    paths = written(tmp_path, a=4.0, b=0.9, c=0.6, d=1.3)
    asked: list[float] = []

    def score(state: StateDict) -> float:
        asked.append(round(float(state["w"]), 4))
        return round(near(1.0)(state), 4)

    found = soup(list(paths.values()), score=score)
    assert asked == [4.0, 0.9, 0.6, 1.3, 1.1, 0.9333, 1.7]
    assert found.used == (paths["b"], paths["d"], paths["c"])
    assert [each.soup_score for each in found.ingredients] == [-0.1, -0.1, -0.0667, -0.7]
    torch.testing.assert_close(found.weights["w"], torch.tensor([2.8 / 3]))
    assert (found.score, found.best.score) == (-0.0667, -0.1)


def test_lower_can_be_better(tmp_path: Path) -> None:
    paths = written(tmp_path, a=0.5, b=1.6, c=9.0)
    found = soup(tmp_path, score=lambda s: -near(1.0)(s), higher_is_better=False)
    assert found.used == (paths["a"], paths["b"])
    assert found.score == pytest.approx(0.05)


def test_a_soup_of_one_is_that_one_to_the_bit(tmp_path: Path) -> None:
    paths = written(tmp_path, a=[0.1, 1 / 3], b=[50.0, 2.0])
    found = soup([paths["b"], paths["a"]], score=lambda s: -float(s["w"].max()))
    assert torch.equal(found.weights["w"], torch.tensor([0.1, 1 / 3]))
    assert found.used == (paths["a"],)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_never_worse_than_the_best_alone(tmp_path: Path, seed: int) -> None:
    drawn = torch.Generator().manual_seed(seed)
    values = torch.randn(6, 3, generator=drawn).tolist()
    written(tmp_path, **{f"w{i}": value for i, value in enumerate(values)})
    target = torch.randn(3, generator=drawn)
    found = soup(tmp_path, score=lambda s: -float((s["w"] - target).square().sum()))
    assert found.score >= max(each.score for each in found.ingredients)
    assert found.score == -float((found.weights["w"] - target).square().sum())


def test_counters_are_the_bests_floats_are_averaged_and_types_stay(tmp_path: Path) -> None:
    paths = []
    for n, scale in enumerate((1.0, 3.0)):
        tensors = {
            "half": torch.full((2,), scale, dtype=torch.float16),
            "double": torch.full((2,), scale / 3, dtype=torch.float64),
            "bf": torch.tensor(scale, dtype=torch.bfloat16),
            "norm.running_var": torch.full((2,), scale),
            "norm.num_batches_tracked": torch.tensor(10 + n),
            "mask": torch.tensor([True, bool(n)]),
        }
        paths.append(tmp_path / f"{n}.safetensors")
        save_file(tensors, paths[-1])
    found = soup(paths, score=lambda s: float(s["half"].sum()) if s["half"][0] != 2 else 99.0)
    weights = found.weights
    assert len(found.used) == 2
    assert {name: value.dtype for name, value in weights.items()} == {
        "half": torch.float16,
        "double": torch.float64,
        "bf": torch.bfloat16,
        "norm.running_var": torch.float32,
        "norm.num_batches_tracked": torch.int64,
        "mask": torch.bool,
    }
    assert weights["half"].tolist() == weights["norm.running_var"].tolist() == [2.0, 2.0]
    assert (int(weights["norm.num_batches_tracked"]), weights["mask"].tolist()) == (11, [True] * 2)


def test_equal_weights_are_tried_once(tmp_path: Path) -> None:
    paths = written(tmp_path, a=0.5)
    copy = tmp_path / "b.safetensors"
    copy.write_bytes(paths["a"].read_bytes())
    found = soup(tmp_path, score=near(1.0))
    assert found.used == (paths["a"],)
    assert found.ingredients[1].same_as == paths["a"]
    assert str(found).splitlines()[2].endswith("-0.5  the same weights as a.safetensors")


def test_nan_never_goes_in(tmp_path: Path) -> None:
    paths = written(tmp_path, a=float("nan"), b=1.0)
    found = soup(tmp_path, score=near(1.0))
    assert (found.used, found.ingredients[1].soup_score) == ((paths["b"],), None)
    with pytest.raises(CheckpointError) as error:
        soup(paths["a"], score=near(1.0))
    assert str(error.value) == "soup: the score of all 1 checkpoints is NaN."


def test_a_mean_that_scores_nan_does_not_stay(tmp_path: Path) -> None:
    paths = written(tmp_path, a=1.0, b=2.0)
    scores = iter([0.5, 0.4, float("nan")])
    assert soup(tmp_path, score=lambda state: next(scores)).used == (paths["a"],)


def test_the_result_prints_as_a_table_and_is_escaped(tmp_path: Path) -> None:
    paths = written(tmp_path, **{"a": 0.5, "b<i>": 1.5, "c": 9.0})
    found = soup(tmp_path, score=near(1.0))
    wide = len(str(paths["b<i>"]))
    assert str(found).splitlines() == [
        f"{'weights':<{wide}}  alone  in the soup",
        f"{str(paths['a'])!s:<{wide}}   -0.5  -0.5, went in",
        f"{str(paths['b<i>'])!s:<{wide}}   -0.5  -0, went in",
        f"{str(paths['c'])!s:<{wide}}     -8  -2.66667, left out",
        "2 of 3 went in: -0, best alone -0.5.",
    ]
    assert repr(found) == "Soup(2 of 3, score -0)"
    assert "b&lt;i&gt;.safetensors" in found._repr_html_()
    assert "<i>" not in found._repr_html_()


# --- what cannot be mixed -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tensors", "problem"),
    [
        (
            {"w": torch.zeros(2), "steps": torch.tensor(0)},
            "its tensor w has shape (2,), expected (1,)",
        ),
        ({"v": torch.zeros(1), "steps": torch.tensor(0)}, "it lacks the tensor w"),
        (
            {"w": torch.zeros(1), "steps": torch.tensor(0), "v": torch.zeros(1)},
            "it has the tensor v, which is not expected",
        ),
        (
            {"w": torch.zeros(1, dtype=torch.int64), "steps": torch.tensor(0)},
            "its tensor w is int64, expected float32",
        ),
        (
            {"w": torch.zeros(1), "steps": torch.tensor(0.0)},
            "its tensor steps is float32, expected int64",
        ),
    ],
)
def test_another_architecture_names_file_and_tensor(
    tmp_path: Path, tensors: dict[str, Tensor], problem: str
) -> None:
    paths = written(tmp_path, a=1.0)
    other = tmp_path / "other.safetensors"
    save_file(tensors, other)
    with pytest.raises(CheckpointError) as error:
        soup([paths["a"], other], score=near(1.0))
    assert str(error.value) == (
        f"{other} cannot go into this soup: {problem}. A soup takes weights of one architecture "
        "with the same classes."
    )


def test_floats_of_other_widths_go_together(tmp_path: Path) -> None:
    paths = written(tmp_path, a=1.0)
    half = tmp_path / "half.safetensors"
    save_file({"w": torch.tensor([3.0]).bfloat16(), "steps": torch.tensor(9)}, half)
    found = soup([paths["a"], half], score=near(2.0))
    assert found.weights["w"].tolist() == [2.0]


def test_paths_that_hold_no_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as error:
        soup(tmp_path, score=near(1.0))
    assert str(error.value) == (
        f"{tmp_path} holds no weights. Give a .safetensors or .pth file, a folder that learn.save "
        "or learn.export wrote, or the checkpoint folder of a fit."
    )
    with pytest.raises(CheckpointError) as error:
        soup(tmp_path / "x", score=near(1.0))
    assert str(error.value) == (
        f"{tmp_path / 'x'} does not exist. Give a file of weights, or a folder."
    )
    with pytest.raises(CheckpointError) as error:
        soup([], score=near(1.0))
    assert str(error.value) == "no weights were given; name files, or folders that hold some."


def test_score_must_be_a_function_that_returns_a_number(tmp_path: Path) -> None:
    path = written(tmp_path, a=1.0)["a"]
    with pytest.raises(TypeError) as error:
        soup(path, score="accuracy")  # type: ignore[arg-type]
    assert str(error.value) == ("soup: score takes weights and returns a number; found 'accuracy'.")
    with pytest.raises(TypeError) as error:
        soup(path, score=lambda state: None)  # type: ignore[arg-type, return-value]
    assert str(error.value) == f"soup: score must return a number; for {path} found None."


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Bad:
        def __reduce__(self) -> Any:
            return exec, ("raise SystemExit",)

    torch.save({"w": torch.zeros(1), "bad": Bad()}, tmp_path / "bad.pth")
    with pytest.raises(CheckpointError, match=r"bad\.pth"):
        soup(tmp_path / "bad.pth", score=near(1.0))


# --- with a learner -----------------------------------------------------------------------------

DRAWN = torch.Generator().manual_seed(0)
X = torch.randn(90, 4, generator=DRAWN)
Y = ((X[:, 0] * X[:, 1]) > 0).long()


def learner(folder: Path, **options: Any) -> Any:
    data = DataBunch.from_arrays(X[:60], Y[:60], valid=(X[60:], Y[60:]), batch_size=10)
    model = options.pop("model", None)
    if model is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    return Learner(
        data, model, metrics=accuracy, device="cpu", precision="fp32", path=folder, **options
    )


def weights_of(learn: Any) -> StateDict:
    return {name: value.clone() for name, value in learn.model.state_dict().items()}


@pytest.fixture
def trained(tmp_path: Path) -> Any:
    learn = learner(tmp_path)
    best = SaveBest(tmp_path / "b.safetensors")
    learn.fit(3, 0.05, progress=False, checkpoint="runs", callbacks=best)
    return learn


def test_every_kind_of_file_is_read(trained: Any, tmp_path: Path) -> None:
    trained.save("saved")
    trained.export("export")
    torch.save(trained.model.state_dict(), tmp_path / "w.pth")
    places = ["saved", "export", "w.pth", "b.safetensors", "runs"]
    paths = saved_weights(places, tmp_path)
    assert [path.name for path in paths[:4]] == places[:4]
    assert [path.name for path in paths[4:]] == sorted(
        path.name for path in (tmp_path / "runs").glob("step-*")
    )
    for path in paths[:3]:
        torch.testing.assert_close(read_saved(path), weights_of(trained), rtol=0, atol=0)
    found = trained.soup(places)
    assert len(found.ingredients) == len(paths) > 6


@pytest.mark.parametrize("name", ["saved", "export"])
def test_a_changed_byte_is_noticed(trained: Any, tmp_path: Path, name: str) -> None:
    trained.save("saved")
    trained.export("export")
    file = tmp_path / name / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(CheckpointError) as error:
        trained.soup(name)
    assert str(error.value) == (
        f"{file} cannot be used: its SHA-256 is not the one in the card, so it is damaged or "
        "another file."
    )
    json, why = (
        ("snapshot.json", 'it has no object "files"')
        if name == "saved"
        else ("model.json", "it has no 'sha256'")
    )
    (tmp_path / name / json).write_text("{}")
    with pytest.raises(CheckpointError) as error:
        trained.soup(name)
    assert str(error.value) == f"{file} cannot be used: {json} beside it is damaged: {why}."


def test_of_a_snapshot_only_the_sums_are_built(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained.save("saved")
    place = tmp_path / "saved"
    text = (place / "snapshot.json").read_text()
    sums = text[text.index('"files"') : text.index("}") + 1]
    deep = "[" * 50_000 + "NaN" + "]" * 50_000
    (place / "snapshot.json").write_text(f'{{"x": "files", "y": [{{"files": 1}}, {deep}], {sums}}}')
    torch.testing.assert_close(read_saved(place), weights_of(trained), rtol=0, atol=0)
    monkeypatch.setattr(saved, "_MAX_TOKENS", 1_000)
    with pytest.raises(CheckpointError) as error:
        read_saved(place)
    assert str(error.value) == (
        f"{place / 'model.safetensors'} cannot be used: snapshot.json beside it is damaged: its "
        'first 1,000 strings and brackets have no "files".'
    )
    monkeypatch.setattr(saved, "_MAX_SNAPSHOT", 1_000)
    with pytest.raises(CheckpointError, match=r"it has [0-9,]+ bytes, more than 1,000"):
        read_saved(place)


@pytest.mark.parametrize("monitor", ["valid_loss", "accuracy"])
def test_the_soup_is_left_in_the_model_and_no_worse_than_the_best(
    trained: Any, monitor: str
) -> None:
    found = trained.soup("runs", monitor=monitor)
    torch.testing.assert_close(weights_of(trained), found.weights, rtol=0, atol=0)
    assert trained.validate()[monitor] == found.score
    sign = 1 if monitor == "accuracy" else -1
    assert sign * found.score >= max(sign * each.score for each in found.ingredients)
    for each in found.ingredients:
        trained.model.load_state_dict(read_saved(each.path))
        assert trained.validate()[monitor] == each.score


def test_an_error_or_ctrl_c_leaves_the_model_as_it_was(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = weights_of(trained)
    trained.model.train()
    for error in (RuntimeError, KeyboardInterrupt):
        calls = iter(range(100))

        def fail(*args: Any, error: Any = error, calls: Any = calls, **options: Any) -> Any:
            if next(calls) == 2:
                raise error
            return {"valid_loss": 1.0}

        monkeypatch.setattr("learnkit.learner_more.evaluate", fail)
        with pytest.raises(error):
            trained.soup("runs")
        torch.testing.assert_close(weights_of(trained), before, rtol=0, atol=0)
        assert trained.model.training


def test_ctrl_c_while_the_soup_is_put_in_leaves_whole_weights(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = trained.model[0]._load_from_state_dict
    armed: list[str] = []
    monkeypatch.setattr(
        "learnkit.models.greedy_soup._Mix.mean",
        lambda self: {name: value + 1 for name, value in self.first.items()},
    )
    monkeypatch.setattr("learnkit.kept_model.kept_model", _armed(armed))

    def interrupted(*args: Any) -> None:
        load(*args)
        if armed:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(trained.model[0], "_load_from_state_dict", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained.soup("b.safetensors")
    expected = {k: v + 1 for k, v in read_saved(trained.path / "b.safetensors").items()}
    torch.testing.assert_close(weights_of(trained), expected, rtol=0, atol=0)


def _armed(armed: list[str]) -> Any:
    """Put the model back, and say that what is loaded next is the soup."""
    from contextlib import contextmanager

    from learnkit.kept_model import kept_model

    @contextmanager
    def kept(model: nn.Module) -> Any:
        with kept_model(model):
            yield
        armed.append("now")

    return kept


@pytest.mark.usefixtures("trained")
def test_a_model_of_another_shape_is_refused_and_kept(tmp_path: Path) -> None:
    other = learner(tmp_path, model=models.mlp(4, 2))
    before = weights_of(other)
    with pytest.raises(CheckpointError) as error:
        other.soup("b.safetensors")
    assert str(error.value) == (
        f"{tmp_path / 'b.safetensors'} cannot go into this soup: its tensor 1.weight has "
        "shape (8,), expected (2, 4). A soup takes weights of one architecture with the same "
        "classes."
    )
    torch.testing.assert_close(weights_of(other), before, rtol=0, atol=0)


def test_only_what_validation_computes_can_be_watched(trained: Any) -> None:
    with pytest.raises(MonitorError) as error:
        trained.soup("runs", monitor="train_loss")
    assert str(error.value) == (
        "soup(monitor='train_loss'): this fit computes valid_loss, accuracy. "
        "Did you mean 'valid_loss'?"
    )
