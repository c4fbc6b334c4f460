"""A word in the place of a callback, a metric or a backbone."""

import json
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from learnkit import callbacks
from learnkit.callbacks.stop.early_stopping import EarlyStopping
from learnkit.checks import as_callbacks
from learnkit.data.bunch import DataBunch
from learnkit.errors import ExportError, MetricError, ModelError
from learnkit.inference import load_learner
from learnkit.models.catalogue import resnet18
from learnkit.models.transfer import build_cnn
from learnkit.named import named_backbone, named_callback
from learnkit.plugins import PluginError
from learnkit.testing import tiny_learner
from learnkit.vision import cnn_learner
from tests.installed import Install, installer

CODE = """
from dataclasses import dataclass
from torch import nn
from learnkit.callback import Callback
from learnkit.models import Backbone, BackboneSource, Inputs

class Shine(Callback):
    looks_on = True
    fits = 0
    def before_fit(self, state):
        Shine.fits += 1

shining = Shine()

def make():
    return Shine()

def wrong():
    return 3

class Needy(Callback):
    def __init__(self, factor):
        pass

def glow(preds, targets):
    return preds.softmax(1).amax(1).mean()

def defaults(preds=None, targets=None):
    return preds.softmax(1).amax(1).mean()

def leaves():
    raise SystemExit(3)

def made_glow():
    from learnkit.metrics import MeanMetric
    return MeanMetric(glow, name="made")

@dataclass(frozen=True)
class Source(BackboneSource):
    def build(self, weights):
        return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3))
    def inputs(self):
        return Inputs(size=16)

tinynet = Backbone("tinynet", Source())
number = 3
"""


@pytest.fixture
def shine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with all kinds of things; the file that tells that it was imported."""
    install: Install = installer(tmp_path, monkeypatch)
    names = {
        "shine": "Shine",
        "shining": "shining",
        "made": "make",
        "wrong": "wrong",
        "needy": "Needy",
        "number": "number",
        "earlystopping": "Shine",
        "leaves": "leaves",
    }
    return install(
        "lk-shine",
        CODE,
        callbacks={name: f"lk_shine:{value}" for name, value in names.items()},
        metrics={name: f"lk_shine:{name}" for name in ("glow", "made_glow", "defaults", "leaves")}
        | {"renamed": "lk_shine:glow"},
        backbones={name: f"lk_shine:{name}" for name in ("tinynet", "number")},
    )


def images(n: int = 8) -> DataBunch:
    x = torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    y = torch.arange(n) % 2
    return DataBunch.from_arrays(x, y, valid=(x[:4] + 0.1, y[:4]), classes=[0, 1], batch_size=4)


def test_a_fit_takes_callbacks_by_their_names(shine: Path) -> None:
    learn = tiny_learner(callbacks="made")
    learn.fit(1, callbacks=["shine", EarlyStopping()], cbs="shining", progress=False)
    import lk_shine  # type: ignore[import-not-found]

    assert lk_shine.Shine.fits == 3


def test_an_object_is_the_same_one_each_time_and_a_class_makes_new_ones(shine: Path) -> None:
    assert named_callback("shining") is named_callback("shining")
    assert named_callback("shine") is not named_callback("shine")


@pytest.mark.parametrize("word", ["EarlyStopping", "early_stopping", "early-stopping"])
def test_learnkits_own_names_come_first(shine: Path, word: str) -> None:
    (found,) = as_callbacks(word)
    assert type(found) is EarlyStopping
    assert not shine.exists()


def test_a_plugin_of_such_a_name_is_reached_by_its_package(shine: Path) -> None:
    assert type(named_callback("lk-shine:earlystopping")).__name__ == "Shine"


def test_a_misspelt_name_fails_at_once_and_imports_nothing(shine: Path) -> None:
    learn = tiny_learner()
    with pytest.raises(PluginError) as caught:
        learn.fit(1, callbacks=["shien"])
    text = str(caught.value)
    assert text.startswith("There is no callback 'shien'. Did you mean 'shine'? Plug-ins: ")
    assert "made, needy, number, shine, shining, wrong" in text
    assert text.endswith(f" learnkit's own: {', '.join(callbacks.__all__)}.")
    assert not shine.exists()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "wrong",
            "The plug-in wrong of lk-shine 1.0 must be a Callback, or a class or a function that "
            "makes one; lk_shine:wrong made int.",
        ),
        (
            "number",
            "The plug-in number of lk-shine 1.0 must be a Callback, or a class or a function that "
            "makes one; lk_shine:number is int.",
        ),
        (
            "needy",
            "needy of lk-shine 1.0 was named by a word, which makes it without arguments, and that "
            "failed: TypeError: Needy.__init__() missing 1 required positional argument: 'factor'. "
            "Import it and pass an object of it instead.",
        ),
        (
            "GradientClip",
            "GradientClip of learnkit was named by a word, which makes it without arguments, and "
            "that failed: ValueError: GradientClip() takes either max_norm or value, found "
            "max_norm=None and value=None. Import it and pass an object of it instead.",
        ),
    ],
)
def test_what_makes_no_callback_is_told(shine: Path, word: str, message: str) -> None:
    with pytest.raises(PluginError) as caught:
        named_callback(word)
    assert str(caught.value) == message


def test_metrics_are_named_too(shine: Path) -> None:
    learn = tiny_learner(metrics=["glow", "accuracy", "made_glow"])
    assert [metric.name for metric in learn.metrics] == ["glow", "accuracy", "made"]
    assert learn.fit(1, progress=False)[0]["glow"] > 0


def test_a_metric_function_has_its_column_from_the_plugins_name(shine: Path) -> None:
    learn = tiny_learner(metrics=["renamed", "lk-shine:glow", "defaults"])
    row = learn.fit(1, progress=False)[0]
    assert row["renamed"] == row["glow"] == row["defaults"] > 0


def test_a_plugin_that_leaves_python_is_told(shine: Path) -> None:
    words = (
        "leaves of lk-shine 1.0 was named by a word, which makes it without arguments, and that "
        "failed: SystemExit: 3. Import it and pass an object of it instead."
    )
    for options in ({"metrics": "leaves"}, {"callbacks": "leaves"}):
        with pytest.raises(PluginError) as caught:
            tiny_learner(**options).fit(1, progress=False)
        assert str(caught.value) == words


def test_a_metric_misspelt_is_told_by_whoever_has_the_nearest_name(shine: Path) -> None:
    with pytest.raises(PluginError, match=r"There is no metric 'glwo'\. Did you mean 'glow'\?"):
        tiny_learner(metrics="glwo")
    with pytest.raises(MetricError, match="Did you mean 'accuracy'"):
        tiny_learner(metrics="acuracy")
    with pytest.raises(PluginError, match="There is no metric 'lk-shine:gleam'"):
        tiny_learner(metrics="lk-shine:gleam")


def test_backbones_are_named_too(shine: Path) -> None:
    learn = cnn_learner(images(), "tinynet", weights=None, normalize=False, device="cpu")
    assert learn.model.backbone.name == "tinynet"
    assert named_backbone("ResNet18") == resnet18
    assert named_backbone("timm/convnext_atto").name == "timm/convnext_atto"
    assert named_backbone(resnet18) is resnet18


def test_a_backbone_that_is_none_is_told(shine: Path) -> None:
    with pytest.raises(PluginError) as caught:
        cnn_learner(images(), "tinynett")
    assert str(caught.value).startswith("There is no backbone 'tinynett'. Did you mean 'tinynet'? ")
    with pytest.raises(PluginError, match="must be a Backbone, or a class or a function"):
        named_backbone("number")
    with pytest.raises(ModelError):
        named_backbone("timm/no_such_net")


def test_an_export_never_imports_a_plugin(shine: Path, tmp_path: Path) -> None:
    """Promise 3: the file does not name the plug-in, and its builder is the user's to give."""
    backbone = named_backbone("tinynet")
    learn = cnn_learner(images(), backbone, weights=None, normalize=False, device="cpu", seed=1)
    folder = learn.export(tmp_path / "model")
    checkpoint = learn.save(tmp_path / "saved")
    for file in (*folder.iterdir(), *checkpoint.iterdir()):
        assert b"lk_shine" not in file.read_bytes()
    shine.unlink()
    sys.modules.pop("lk_shine")
    with pytest.raises(ExportError) as caught:
        load_learner(folder)
    assert str(caught.value) == (
        f"{folder} holds a model that learnkit did not build, and loading never runs code from a "
        "file. Pass its builder: load_learner(path, builder=MyModel)."
    )
    assert not shine.exists()
    again = load_learner(folder, builder=lambda: build_cnn(backbone, 2, weights=None))
    x: Tensor = images().one_batch().x
    torch.testing.assert_close(again.model.cpu()(x), learn.model.eval()(x))


def test_a_card_that_names_a_plugin_does_not_import_it(shine: Path, tmp_path: Path) -> None:
    learn = cnn_learner(images(), resnet18, weights=None, normalize=False, device="cpu")
    folder = learn.export(tmp_path / "model")
    card = folder / "model.json"
    text = json.loads(card.read_text())
    card.write_text(json.dumps(text).replace('"resnet18"', '"tinynet"'))
    with pytest.raises(ExportError, match="learnkit has no backbone 'tinynet'"):
        load_learner(folder)
    assert not shine.exists()
