"""A model that begins from one with other classes answers as that one did, for those they share."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from learnkit import models
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import CheckpointError, ExportError, ModelError
from learnkit.learner import Learner
from learnkit.models.backbone import Backbone, BackboneSource
from learnkit.models.transfer import build_cnn
from learnkit.models.warm_start import WarmStart, last_layer, warm_start

pytestmark = pytest.mark.usefixtures("no_checks", "no_flushing")

OLD, NEW = ("cat", "dog", "owl", "rat"), ("ant", "rat", "cat", "bee", "dog")


@dataclass(frozen=True)
class TinySource(BackboneSource):
    def build(self, weights: str | None) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU())


TINY = Backbone("tiny", TinySource())


def photo_model(classes: tuple[str, ...], head: Any, seed: int) -> nn.Module:
    model = build_cnn(TINY, len(classes), weights=None, head=head, seed=seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(
                parameter.shape, generator=torch.Generator().manual_seed(seed)
            )
    return model.eval()


def learner(classes: tuple[str, ...], model: nn.Module, folder: Path, width: int = 6) -> Any:
    drawn = torch.Generator().manual_seed(0)
    y = [i % len(classes) for i in range(30)]
    data = DataBunch.from_arrays(
        torch.randn(30, width, generator=drawn), y, classes=classes, batch_size=8
    )
    return Learner(data, model, device="cpu", precision="fp32", path=folder)


@pytest.mark.parametrize("head", ["plain", "fastai"])
def test_classes_that_both_know_have_the_old_logits(head: str) -> None:
    old, new = photo_model(OLD, head, 1), photo_model(NEW, head, 2)
    fresh = new.head[-1].weight.detach().clone()
    report = warm_start(new, old.state_dict(), old=OLD, new=NEW)
    x = torch.rand(7, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = [model.head[:-1](model.body(x)) for model in (old, new)]
        before, after = old(x), new(x)
        assert torch.equal(*features)
        for name in ("rat", "cat", "dog"):
            rows = [old.head[-1].weight[OLD.index(name)], new.head[-1].weight[NEW.index(name)]]
            assert torch.equal(*rows)
            assert torch.equal(features[0] @ rows[0], features[1] @ rows[1])
            # a matrix product of another width may add in another order
            torch.testing.assert_close(
                after[:, NEW.index(name)], before[:, OLD.index(name)], rtol=1e-6, atol=1e-6
            )
    assert report == WarmStart(("rat", "cat", "dog"), ("ant", "bee"), ("owl",))
    own, theirs = new.state_dict(), old.state_dict()
    for name in own.keys() - {f"head.{len(new.head) - 1}.{part}" for part in ("weight", "bias")}:
        assert torch.equal(own[name], theirs[name])
    rows, lengths = new.head[-1].weight.detach(), new.head[-1].weight.detach().norm(dim=1)
    directions = nn.functional.cosine_similarity(rows, fresh)
    torch.testing.assert_close(directions[[0, 3]], torch.ones(2))
    torch.testing.assert_close(lengths[[0, 3]], lengths[[1, 2, 4]].mean().expand(2))


def test_new_classes_have_the_mean_bias_of_the_kept_ones() -> None:
    old, new = photo_model(OLD, "plain", 1), photo_model(NEW, "plain", 2)
    warm_start(new, old.state_dict(), old=OLD, new=NEW)
    bias = new.head[-1].bias.detach()
    assert torch.equal(bias[[1, 2, 4]], old.head[-1].bias.detach()[[3, 0, 1]])
    torch.testing.assert_close(bias[[0, 3]], bias[[1, 2, 4]].mean().expand(2))


def test_another_order_of_the_same_classes_is_followed() -> None:
    old, new = photo_model(OLD, "plain", 1), photo_model(OLD, "plain", 2)
    report = warm_start(new, old.state_dict(), old=OLD, new=OLD[::-1])
    assert torch.equal(new.head[-1].weight, old.head[-1].weight.flip(0))
    assert (report.kept, report.new, report.dropped) == (OLD[::-1], (), ())


def test_without_a_class_in_common_the_body_is_taken_and_that_is_said() -> None:
    old, new = photo_model(OLD, "plain", 1), photo_model(("Cat", "emu"), "plain", 2)
    fresh = new.head[-1].weight.detach().clone()
    report = warm_start(new, old.state_dict(), old=OLD, new=("Cat", "emu"))
    assert torch.equal(new.head[-1].weight, fresh)
    assert torch.equal(new.body[0].weight, old.body[0].weight)
    assert str(report).splitlines() == [
        "kept        0",
        "new         2  Cat, emu",
        "dropped     4  cat, dog, owl, rat",
        "No class of the old model is here: only the body was taken.",
        "'Cat' counts as new; is it the old 'cat'?",
    ]


def test_the_last_layer_is_the_heads_and_may_be_a_convolution() -> None:
    assert last_layer(photo_model(OLD, "fastai", 0), 4).startswith("head.")
    dense = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 4, 1))
    other = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 5, 1))
    assert last_layer(dense, 4) == "2"
    warm_start(other, dense.state_dict(), old=OLD, new=NEW)
    assert torch.equal(other[2].weight[2], dense[2].weight[0])
    assert last_layer(nn.Linear(3, 4), 4) == ""
    with pytest.raises(ModelError) as error:
        last_layer(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), 4)
    assert str(error.value) == (
        "warm_start needs a last layer with a row for each of the 4 classes; the last with "
        "weights is BatchNorm1d '1'."
    )


def test_another_architecture_is_refused_by_tensor_and_nothing_changes() -> None:
    old, new = photo_model(OLD, "plain", 1), photo_model(NEW, "plain", 2)
    before = {name: value.clone() for name, value in new.state_dict().items()}
    tensors = old.state_dict()
    tensors["body.0.weight"] = torch.zeros(8, 3, 5, 5)
    tensors["extra"] = tensors.pop("body.0.bias")
    with pytest.raises(CheckpointError) as error:
        warm_start(new, tensors, old=OLD, new=NEW, source="x")
    assert str(error.value) == (
        "x is of another architecture: body.0.bias is missing; extra is not in this model; "
        "body.0.weight has shape (8, 3, 5, 5), expected (8, 3, 3, 3). Make the learner with the "
        "backbone and the head that the old model had."
    )
    torch.testing.assert_close(new.state_dict(), before, rtol=0, atol=0)


def test_another_width_of_the_head_is_said_first() -> None:
    old, new = models.mlp(6, 4, 4), models.mlp(6, 5, 5)
    with pytest.raises(CheckpointError) as error:
        warm_start(new, old.state_dict(), old=OLD, new=NEW, source="x")
    assert str(error.value).startswith(
        "x is of another architecture: its head ends in 4 features, this one in 5; "
    )


def test_names_must_be_there_and_different() -> None:
    model = models.mlp(6, 4)
    with pytest.raises(ModelError) as error:
        warm_start(model, model.state_dict(), old=(), new=OLD, source="x")
    assert str(error.value) == "warm_start goes by class names, and x has no classes."
    with pytest.raises(ModelError) as error:
        warm_start(model, model.state_dict(), old=OLD, new=("a", "a", "b", "c"))
    assert str(error.value) == (
        "warm_start goes by class names, and this learner names a class twice."
    )


# --- from an export -----------------------------------------------------------------------------


def test_a_learner_starts_from_an_export(tmp_path: Path) -> None:
    old = learner(OLD, models.mlp(6, 5, 4, seed=1), tmp_path)
    old.export("old")
    new = learner(NEW, models.mlp(6, 5, 5, seed=2), tmp_path)
    report = new.warm_start("old")
    x = torch.randn(9, 6, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before, after = old.model(x), new.model(x)
    for name in report.kept:
        assert torch.equal(after[:, NEW.index(name)], before[:, OLD.index(name)])
    assert new.fit(1, progress=False).column("train_loss")


def test_a_model_of_ones_own_needs_no_builder(tmp_path: Path) -> None:
    old = learner(OLD, nn.Sequential(nn.Linear(6, 4)), tmp_path)
    old.export("old")
    new = learner(NEW, nn.Sequential(nn.Linear(6, 5)), tmp_path)
    assert new.warm_start(tmp_path / "old").kept == ("rat", "cat", "dog")
    assert torch.equal(new.model[0].weight[2], old.model[0].weight[0])


def test_another_description_is_told_in_its_own_words(tmp_path: Path) -> None:
    learner(OLD, models.mlp(6, 5, 4), tmp_path).export("old")
    new = learner(NEW, models.cnn(5), tmp_path)
    with pytest.raises(CheckpointError) as error:
        new.warm_start("old")
    assert str(error.value) == (
        f"{tmp_path / 'old'} is of another architecture: it has channels None, in_channels None, "
        "model mlp; this learner has channels [16, 32, 64, 128], in_channels 3, model convnet. "
        "Make the learner with the backbone and the head that the old model had."
    )


def test_missing_and_damaged_exports_are_named(tmp_path: Path) -> None:
    new = learner(NEW, models.mlp(6, 5), tmp_path)
    with pytest.raises(ExportError) as error:
        new.warm_start("none")
    assert str(error.value) == (
        f"cannot read {tmp_path / 'none' / 'model.json'}: No such file or directory. Give the "
        "folder that learn.export() wrote."
    )
    learner(OLD, models.mlp(6, 4), tmp_path).export("old")
    file = tmp_path / "old" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(ExportError) as error:
        new.warm_start("old")
    assert str(error.value) == (
        f"{file} cannot be used: its SHA-256 is not the one in the card, so it is damaged or "
        "another file."
    )
    card = tmp_path / "old" / "model.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "classes": 3}))
    with pytest.raises(ExportError, match="classes"):
        new.warm_start("old")


def test_photos_prepared_otherwise_are_told(tmp_path: Path, photo_folder: Path) -> None:
    from learnkit.data.batch import Normalize

    def make(size: int, mean: float) -> Any:
        data = ImageDataBunch.from_folder(photo_folder, size=size, batch_size=6)
        return Learner(
            data,
            models.cnn(3, channels=(4,)),
            device="cpu",
            path=tmp_path,
            normalize=Normalize((mean,) * 3, (0.5,) * 3),
        )

    make(32, 0.5).export("old")
    assert make(32, 0.5).warm_start("old").notes == ()
    assert make(24, 0.4).warm_start("old").notes == (
        "Photos were normalised by another mean and std for the old model.",
        "The old model was trained on 32 x 32 pixels; this data has 24 x 24.",
    )
