"""Exports: two plain files, read by any process, that can make no code run."""

import json
import os
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
from learnkit.data.image_inputs import ImageInputs
from learnkit.data.sequence.prompts import PromptInputs
from learnkit.data.sequence.vocabulary import Vocabulary
from learnkit.errors import ExportError
from learnkit.export import ModelCard, read_export, write_export
from learnkit.inference import load_learner
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.models.spec_kinds import KIND_NAMES
from learnkit.tasks.language import LanguageModel
from learnkit.tasks.no_loss import NoLoss

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


class Empty(Mine):
    """Has a length, and it is 0, as an ensemble to which nothing was added."""

    def __len__(self) -> int:
        return 0


def test_a_model_that_counts_as_false_is_a_model(exported: tuple[Learner, Path]) -> None:
    assert load_learner(exported[1], builder=Empty, device="cpu").classes == ("cat", "dog")


def test_a_builder_of_another_model_is_refused(exported: tuple[Learner, Path]) -> None:
    _, folder = exported
    assert told(lambda: load_learner(folder, builder=lambda: nn.Linear(4, 2))) == (
        f"{folder / 'model.safetensors'} does not fit this model: weight is missing; "
        "bias is missing; linear.bias is not in the model; and 1 more. "
        "Build the model with the same architecture and the same classes."
    )


# ---------------------------------------------------------------- what cannot be read

CHANGED = (
    "It was not written by learnkit, or was changed: get the export again from where it was made."
)


def test_a_card_with_a_wrong_field_is_refused(folder: Path) -> None:
    edit(folder, lambda card: card.update(activation="__import__('os')"))
    assert told(lambda: load_learner(folder)) == (
        f"{folder / 'model.json'}: field 'activation' must be one of exp, identity, sigmoid, "
        f"softmax; found \"__import__('os')\". {CHANGED}"
    )


def test_a_model_that_learnkit_does_not_have_is_refused(folder: Path) -> None:
    edit(folder, lambda card: card["model"].update(model="convnett"))
    assert told(lambda: load_learner(folder)) == (
        f"{folder / 'model.json'}: The model description names the model 'convnett', which "
        f"learnkit does not have. Did you mean 'convnet'? Known: {', '.join(KIND_NAMES)}. "
        f"The file may be of a newer release. {CHANGED}"
    )


def test_more_classes_than_outputs_are_refused(folder: Path) -> None:
    edit(folder, lambda card: card["classes"].append("white"))
    assert told(lambda: load_learner(folder)) == (
        f"{folder / 'model.json'}: the model has 3 outputs, but 4 classes are named. {CHANGED}"
    )


@pytest.mark.parametrize(
    "model", [models.cnn(3, channels=[4], in_channels=1), models.mlp(3 * 24 * 31, 3)]
)
def test_a_model_that_does_not_take_photos_is_refused(tmp_path: Path, model: Any) -> None:
    folder = write_export(tmp_path / "m", model, make_card(spec=model.spec))
    assert told(lambda: load_learner(folder)) == (
        f"{folder / 'model.json'}: the model does not take photos of 24 x 32 pixels. {CHANGED}"
    )


def test_a_perceptron_may_take_photos(tmp_path: Path) -> None:
    model = models.mlp(3 * 24 * 32, 3)
    folder = write_export(tmp_path / "m", model, make_card(spec=model.spec))
    photo = torch.zeros(3, 30, 30, dtype=torch.uint8)
    assert load_learner(folder).predict(photo).label in ("blue", "green", "red")


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
    assert told(lambda: load_learner(folder)) == (
        f"{path} cannot be used: its SHA-256 is not the one in the card, so it is damaged or "
        "another file. Copy the export again."
    )


def test_weights_of_another_model_are_told_apart(folder: Path, tmp_path: Path) -> None:
    other = models.cnn(3, channels=[5])
    write_export(tmp_path / "other", other, make_card(spec=other.spec))
    (tmp_path / "other/model.safetensors").replace(folder / "model.safetensors")
    assert told(lambda: load_learner(folder)) == (
        f"{folder / 'model.safetensors'} does not fit this model: 0.weight has shape "
        "(5, 3, 3, 3), expected (4, 3, 3, 3); 1.weight has shape (5,), expected (4,); "
        "1.bias has shape (5,), expected (4,); and 3 more. "
        "Build the model with the same architecture and the same classes."
    )


def test_a_folder_of_save_is_told_apart(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "s", {}, {})
    assert told(lambda: read_export(tmp_path / "s")) == (
        f"{tmp_path / 's'} was written by learn.save(), to go on training: learn.load() takes it. "
        "To predict, give a folder that learn.export() wrote."
    )


# ---------------------------------------------------------------- types of numbers


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_halved_weights_are_widened_without_a_change(tmp_path: Path, half: torch.dtype) -> None:
    model = models.cnn(3, channels=[4]).to(half)
    loaded, _ = read_export(write_export(tmp_path / "m", model, make_card()))
    expected = {k: v.float() if v.dtype == half else v for k, v in model.state_dict().items()}
    torch.testing.assert_close(loaded.state_dict(), expected, rtol=0, atol=0)


@pytest.mark.parametrize("other", [torch.float64, torch.int32, torch.bool])
def test_weights_of_a_type_that_the_model_does_not_hold_are_refused(
    tmp_path: Path, other: torch.dtype
) -> None:
    model = models.mlp(3, 3)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
        parameter.data = parameter.data.to(other)
    card = make_card(spec=model.spec, inputs=None)
    folder = write_export(tmp_path / "m", model, card)
    assert told(lambda: read_export(folder)) == (
        f"{folder / 'model.safetensors'} does not fit this model: 1.bias is {other}, expected "
        f"torch.float32; 1.weight is {other}, expected torch.float32. Export it again from a model "
        "of these types, or pass a builder= that makes one of the file's."
    )


def test_a_builder_may_make_a_model_of_other_types(tmp_path: Path) -> None:
    model = nn.Linear(2, 2).double()
    folder = write_export(tmp_path / "m", model, make_card(spec=None))
    loaded, _ = read_export(folder, lambda: nn.Linear(2, 2).double())
    torch.testing.assert_close(loaded.state_dict(), model.state_dict())


def test_weights_that_are_no_numbers_are_loaded_as_they_are(tmp_path: Path) -> None:
    model = models.mlp(3, 3)
    torch.nn.init.constant_(model[1].bias, float("nan"))
    card = make_card(spec=model.spec, inputs=None)
    loaded, _ = read_export(write_export(tmp_path / "m", model, card))
    assert loaded.state_dict()["1.bias"].isnan().all()


# ---------------------------------------------------------------- what is not even written


def test_a_card_that_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    card = make_card(classes=("x" * 1001,) * 3)
    assert told(lambda: write_export(tmp_path / "m", models.cnn(3, channels=[4]), card)) == (
        "This model's card could not be read again, so nothing was written: field 'classes' must "
        "be a list of at most 100,000 strings of at most 1,000 letters; found "
        f"['{'x' * 55}.... Change that, or keep the model by learn.save()."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_could_not_be_rebuilt_is_not_written(tmp_path: Path) -> None:
    model = models.mlp(1, *[1] * 64)
    card = make_card(spec=model.spec, classes=())
    assert told(lambda: write_export(tmp_path / "m", model, card)) == (
        "In the model description mlp.sizes must be a list of 1 to 64 whole numbers from 1 to "
        "100000; found [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,...."
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("builder", "found"),
    [(lambda: None, "NoneType"), (lambda: nn.LazyLinear(2), "lazy layers")],
)
@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_a_builder_that_gives_no_model_is_told(
    exported: tuple[Learner, Path], builder: Callable[[], Any], found: str
) -> None:
    _, folder = exported
    assert told(lambda: load_learner(folder, builder=builder)) == (
        f"builder must return a module, all of whose parameters have their shapes; found {found}."
    )


# ---------------------------------------------------------------- tokens


def test_a_token_that_the_model_does_not_know_is_refused(tmp_path: Path) -> None:
    vocabulary = Vocabulary.of(["abc"])
    card = make_card(
        spec=models.char_rnn(5, embedding=2, hidden=2).spec,
        classes=vocabulary.tokens,
        inputs=PromptInputs(vocabulary, seq_len=4),
        task=LanguageModel(NoLoss("softmax"), vocabulary.tokens),
    )
    folder = write_export(tmp_path / "lm", models.char_rnn(5, embedding=2, hidden=2), card)
    load_learner(folder).predict("a")
    edit(folder, lambda document: document["inputs"]["tokens"].append("Q"))
    assert told(lambda: load_learner(folder)) == (
        f"{folder / 'model.json'}: texts have 6 different tokens, but the model knows 5. It was "
        "not written by learnkit, or was changed: get the export again from where it was made."
    )


def test_texts_of_a_model_that_takes_no_tokens_are_refused(folder: Path) -> None:
    pytest.importorskip("tokenizers", reason="needs the extra text")
    words = {"kind": "text", "tokenizer": "words", "vocab": [], "max_len": 4}
    facts = dict.fromkeys(("lower", "capitals", "digits", "repeats"), True)
    edit(folder, lambda document: document.update(inputs={**words, **facts}))
    assert told(lambda: load_learner(folder)).startswith(
        f"{folder / 'model.json'}: texts become token numbers, but the model convnet takes none. "
    )
