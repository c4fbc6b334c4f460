"""Exports: two plain files, read by any process, that can make no code run."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from learnkit import models
from learnkit.checkpoint import write_snapshot
from learnkit.data.batch import Normalize
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import ExportError
from learnkit.export import ImageInputs, ModelCard, read_export, write_export
from learnkit.inference import load_learner
from learnkit.learner import Learner
from learnkit.metrics import accuracy

INPUTS = ImageInputs(size=(24, 32), resize="crop", mean=(0.5,) * 3, std=(0.25,) * 3)


def make_card(**changes: Any) -> ModelCard:
    fields: dict[str, Any] = {
        "spec": {"model": "convnet", "n_classes": 3, "channels": [4], "in_channels": 3},
        "classes": ("blue", "green", "red"),
        "inputs": INPUTS,
        "activation": "softmax",
    }
    return ModelCard(**{**fields, **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_export(tmp_path / "model", models.cnn(3, channels=[4]), make_card())


def told(call: Callable[[], object]) -> str:
    with pytest.raises(ExportError) as caught:
        call()
    return str(caught.value)


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "model.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


# ---------------------------------------------------------------- what is written


def test_an_export_is_weights_and_a_card_and_nothing_else(folder: Path) -> None:
    assert sorted(p.name for p in folder.iterdir()) == ["model.json", "model.safetensors"]
    card = json.loads((folder / "model.json").read_text())
    assert card.keys() == {
        "format",
        "kind",
        "model",
        "classes",
        "inputs",
        "activation",
        "metrics",
        "versions",
        "sha256",
    }
    assert card["inputs"] == {
        "size": [24, 32],
        "resize": "crop",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.25, 0.25, 0.25],
    }
    assert card["versions"].keys() == {"learnkit", "torch", "python"}


def test_what_was_written_is_read_back(folder: Path) -> None:
    model, card = read_export(folder)
    expected = models.cnn(3, channels=[4])
    torch.testing.assert_close(model.state_dict(), expected.state_dict())
    assert not model.training
    assert (card.spec, card.classes, card.inputs) == (
        expected.spec,
        ("blue", "green", "red"),
        INPUTS,
    )


def test_a_card_is_json_for_everybody(tmp_path: Path) -> None:
    """NaN is no JSON: a number that was never reached is left out."""
    card = make_card(metrics={"accuracy": 0.5, "valid_loss": float("nan")})
    folder = write_export(tmp_path / "m", models.cnn(3, channels=[4]), card)

    def refuse(word: str) -> None:
        raise AssertionError(word)

    text = (folder / "model.json").read_text()
    assert json.loads(text, parse_constant=refuse)["metrics"] == {"accuracy": 0.5}


def test_an_older_export_is_replaced_whole(folder: Path) -> None:
    write_export(folder, models.cnn(3, channels=[4], seed=5), make_card(classes=("a", "b", "c")))
    assert read_export(folder)[1].classes == ("a", "b", "c")
    assert [p.name for p in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_no_export_is_never_replaced(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "photos"
    mine = place / "cat.jpg" if kind == "folder" else place
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    assert told(lambda: write_export(place, nn.Linear(1, 1), make_card())) == (
        f"{place} exists and holds other things than an export; nothing was written. "
        "Give a new folder, or remove that one first."
    )
    assert mine.read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file in the way")
    target = tmp_path / "runs" / "model"
    assert told(lambda: write_export(target, nn.Linear(1, 1), make_card())) == (
        f"cannot write {target}: {target.parent} is a file, not a folder. "
        "Give a folder that you may write to."
    )


def test_an_export_cut_off_between_its_renames_is_found(folder: Path) -> None:
    folder.rename(folder.with_name(".model.previous"))
    assert read_export(folder)[1].classes == ("blue", "green", "red")


# ---------------------------------------------------------------- another process

SCRIPT = """
import json, sys
from learnkit import load_learner
predictor = load_learner(sys.argv[1])
answers = [predictor.predict(path).probabilities.tolist() for path in sys.argv[2:]]
print(json.dumps(answers))
"""


def test_a_new_process_gives_the_same_probabilities(photo_folder: Path, tmp_path: Path) -> None:
    data = ImageDataBunch.from_folder(photo_folder, size=(24, 28), batch_size=6)
    learn = Learner(
        data,
        models.cnn(3, channels=[8, 16]),
        metrics=accuracy,
        normalize=Normalize((0.4,) * 3, (0.2,) * 3),
        device="cpu",
        path=tmp_path,
    )
    learn.fit(1, progress=False)
    assert learn.export("out") == tmp_path / "out"
    valid = sorted((photo_folder / "valid").rglob("*.jpg"))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "out"), *map(str, valid)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    answers = torch.tensor(json.loads(done.stdout))
    torch.testing.assert_close(answers, learn.get_preds().preds, rtol=0, atol=1e-6)
    predicted = torch.stack([learn.predict(path).probabilities for path in valid])
    torch.testing.assert_close(answers, predicted, rtol=0, atol=1e-6)
    card = json.loads((tmp_path / "out" / "model.json").read_text())
    assert card["metrics"]["accuracy"] == learn.history[-1]["accuracy"]


# ---------------------------------------------------------------- models of one's own


class Mine(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.linear(x)
        return out


@pytest.fixture
def exported(tmp_path: Path) -> tuple[Learner, Path]:
    data = DataBunch.from_arrays(torch.randn(12, 4), ["cat", "dog"] * 6, batch_size=6)
    learn = Learner(data, Mine(), device="cpu")
    return learn, learn.export(tmp_path / "mine")


def test_a_model_of_ones_own_needs_its_builder(exported: tuple[Learner, Path]) -> None:
    learn, folder = exported
    assert told(lambda: load_learner(folder)) == (
        f"{folder} holds a model that learnkit did not build, and loading never runs code "
        "from a file. Pass its builder: load_learner(path, builder=MyModel)."
    )
    row = torch.randn(4)
    loaded = load_learner(folder, builder=Mine, device="cpu")
    torch.testing.assert_close(loaded.predict(row).probabilities, learn.predict(row).probabilities)
    assert loaded.classes == ("cat", "dog")


def test_a_builder_of_another_model_is_refused(exported: tuple[Learner, Path]) -> None:
    _, folder = exported
    assert told(lambda: load_learner(folder, builder=lambda: nn.Linear(4, 2))) == (
        f"{folder / 'model.safetensors'} does not fit this model: weight is missing; "
        "bias is missing; linear.bias is not in the model; and 1 more. "
        "Build the model with the same architecture and the same classes."
    )


# ---------------------------------------------------------------- damaged and hostile files

CHANGED = "The file was not written by learnkit, or was changed."
RESIZES = "crop, pad, squish"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"format": "1"}, "field 'format' must be a JSON whole number; found '1'."),
        ({"format": True}, "field 'format' must be a JSON whole number; found True."),
        ({"format": None}, "field 'format' must be a JSON whole number; found None."),
        ({"model": "os.system"}, "field 'model' must be a JSON object; found 'os.system'."),
        ({"classes": "cat"}, "field 'classes' must be a JSON list; found 'cat'."),
        ({"classes": ["cat", 1]}, "field 'classes' must be a list of strings; found ['cat', 1]."),
        (
            {"activation": "__import__('os')"},
            "field 'activation' must be one of exp, identity, sigmoid, softmax; "
            "found \"__import__('os')\".",
        ),
        ({"metrics": []}, "field 'metrics' must be a JSON object; found []."),
        ({"versions": 3}, "field 'versions' must be a JSON object; found 3."),
        ({"sha256": 0}, "field 'sha256' must be a JSON string; found 0."),
        ({"inputs": [1]}, "field 'inputs' must be a JSON object; found [1]."),
    ],
)
def test_a_card_with_a_wrong_field_is_refused(
    folder: Path, change: dict[str, Any], expected: str
) -> None:
    edit(folder, lambda card: card.update(change))
    assert told(lambda: load_learner(folder)) == f"{folder / 'model.json'}: {expected} {CHANGED}"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"size": [10**9, 1]},
            "field 'inputs.size' must be a list of numbers between 1 and 16384; "
            "found [1000000000, 1].",
        ),
        (
            {"size": [0, 8]},
            "field 'inputs.size' must be a list of numbers between 1 and 16384; found [0, 8].",
        ),
        (
            {"size": [float("nan"), 8]},
            "field 'inputs.size' must be a list of numbers between 1 and 16384; found [nan, 8].",
        ),
        (
            {"size": [8, 8.5]},
            "field 'inputs.size' must be two whole numbers, height and width; found [8, 8.5].",
        ),
        (
            {"size": [8]},
            "field 'inputs.size' must be two whole numbers, height and width; found [8].",
        ),
        (
            {"resize": "rm -rf"},
            f"field 'inputs.resize' must be one of {RESIZES}; found 'rm -rf'.",
        ),
        (
            {"mean": [0.5]},
            "field 'inputs.mean' must be three numbers, as for std, or none; found [0.5].",
        ),
        (
            {"mean": [True, True, True]},
            "field 'inputs.mean' must be a list of numbers between -1000 and 1000; "
            "found [True, True, True].",
        ),
        (
            {"std": [0.0, 1.0, 1.0]},
            "field 'inputs.std' must be a list of numbers between 1e-06 and 1000; "
            "found [0.0, 1.0, 1.0].",
        ),
    ],
)
def test_a_card_with_impossible_inputs_is_refused(
    folder: Path, change: dict[str, Any], expected: str
) -> None:
    edit(folder, lambda card: card["inputs"].update(change))
    assert told(lambda: load_learner(folder)) == f"{folder / 'model.json'}: {expected} {CHANGED}"


def test_a_lacking_field_is_named(folder: Path) -> None:
    edit(folder, lambda card: card.pop("classes"))
    assert told(lambda: load_learner(folder)) == (
        f"{folder / 'model.json'}: field 'classes' must be a JSON list; found 'nothing'. {CHANGED}"
    )


def test_a_newer_format_says_which(folder: Path) -> None:
    edit(folder, lambda card: card.update(format=2))
    assert told(lambda: load_learner(folder)) == (
        f"{folder / 'model.json'} has format 2; this learnkit reads format 1. "
        "Load it with the version of learnkit that wrote it."
    )


@pytest.mark.parametrize("text", ["[]", "3", '"model"', "null"])
def test_a_card_that_is_no_object_is_refused(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text)
    found = type(json.loads(text)).__name__
    expected = f"{folder / 'model.json'} must hold a JSON object; found {found}."
    assert told(lambda: load_learner(folder)) == expected


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"format": 1' + b"0" * 5000 + b"}"]
)
def test_a_card_that_is_no_json_is_refused(folder: Path, data: bytes) -> None:
    (folder / "model.json").write_bytes(data)
    message = told(lambda: load_learner(folder))
    assert message.startswith(f"{folder / 'model.json'} is not JSON: ")


def test_a_card_without_end_is_not_read(folder: Path) -> None:
    with (folder / "model.json").open("r+b") as file:
        file.truncate(65 * 2**20)
    expected = f"{folder / 'model.json'} is larger than 64 MiB; refused."
    assert told(lambda: load_learner(folder)) == expected


def test_a_model_that_learnkit_does_not_have_is_refused(folder: Path) -> None:
    edit(folder, lambda card: card["model"].update(model="torch.load"))
    message = told(lambda: load_learner(folder))
    assert message.startswith("The model description names the model 'torch.load', which learnkit")


def test_a_model_of_impossible_size_is_refused_before_it_is_built(folder: Path) -> None:
    edit(folder, lambda card: card["model"].update(channels=[100_000] * 64))
    message = told(lambda: load_learner(folder))
    assert message.startswith("The model description asks for ")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert told(lambda: load_learner(tmp_path / "gone")) == (
        f"cannot read {tmp_path / 'gone' / 'model.json'}: No such file or directory. "
        "Give the folder that learn.export() wrote."
    )


def test_missing_weights_are_named(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert told(lambda: load_learner(folder)) == (
        f"cannot read {folder / 'model.safetensors'}: No such file or directory. "
        "Copy the whole folder that learn.export() wrote."
    )


def test_damaged_weights_are_named(folder: Path) -> None:
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    expected = (
        f"{path} is damaged: its SHA-256 is not the one in model.json. Copy the export again."
    )
    assert told(lambda: load_learner(folder)) == expected


class Exploding:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("touch exploded",))


def test_a_pickle_in_the_place_of_the_weights_does_not_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import hashlib

    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(Exploding())
    (folder / "model.safetensors").write_bytes(data)
    edit(folder, lambda card: card.update(sha256=hashlib.sha256(data).hexdigest()))
    message = told(lambda: load_learner(folder))
    assert message.startswith(f"{folder / 'model.safetensors'} is not a safetensors file: ")
    assert not (tmp_path / "exploded").exists()


def test_a_folder_of_save_is_told_apart(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "s", {}, {})
    assert told(lambda: read_export(tmp_path / "s")) == (
        f"{tmp_path / 's'} was written by learn.save(), to go on training: learn.load() takes it. "
        "To predict, give a folder that learn.export() wrote."
    )
