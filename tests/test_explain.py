"""explain(): what it says is what holds, and every decision has a reason and a way out."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from learnkit import models
from learnkit.data.bunch import DataBunch
from learnkit.data.sequence.bunch import SequenceDataBunch
from learnkit.data.tabular.bunch import TabularDataBunch
from learnkit.explain import Decision, Explanation, explain
from learnkit.learner import Learner
from learnkit.testing import tiny_learner
from learnkit.vision import ImageDataBunch, cnn_learner, get_transforms


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for i in range(10):
        path = folder / ("cat" if i % 2 else "dog") / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (40, 40), (20 * i, 100, 50)).save(path)
    return folder


@pytest.fixture(scope="module")
def learn(photos: Path) -> Learner:
    data = ImageDataBunch.from_folder(photos, valid_pct=0.2, size=32, batch_size=4, num_workers=2)
    return cnn_learner(data, models.resnet18, weights=None, device="cpu").freeze()


def test_every_decision_about_photos_is_there_with_reason_and_way_out(learn: Learner) -> None:
    found = explain(learn)
    assert [decision.what for decision in found] == [
        "split",
        "size",
        "workers",
        "augmentation",
        "batch size",
        "normalisation",
        "freezing",
        "BatchNorm",
        "loss",
        "optimizer",
        "rates",
        "schedule",
        "weight decay",
        "device",
        "precision",
        "seed",
        "NaN loss",
    ]
    assert all(d.chosen and d.why and d.change for d in found)


@pytest.mark.parametrize(
    ("what", "chosen"),
    [
        ("split", "8 train, 2 valid"),
        ("size", "32 x 32 pixels, resize 'crop' in validation"),
        ("workers", "2 threads decode; decoded photos are kept where they fit"),
        ("batch size", "4, 2 batches an epoch"),
        ("normalisation", "mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225)"),
        ("freezing", "1 of 3 layer groups train (number 2)"),
        ("BatchNorm", "trains with its layer group"),
        ("loss", "cross_entropy"),
        ("optimizer", "AdamW"),
        ("rates", "0.003"),
        ("schedule", "flat, then cosine"),
        ("seed", "42"),
    ],
)
def test_it_says_what_holds(learn: Learner, what: str, chosen: str) -> None:
    assert explain(learn)[what].chosen == chosen


def test_the_split_says_how_it_came_about(learn: Learner) -> None:
    assert explain(learn)["split"].why == (
        "0.2 of the samples held out at random, of each class its share, by seed 42"
    )
    assert explain(tiny_learner())["split"].why == "as given"


KINDS: dict[str, tuple[Callable[[], DataBunch], bool]] = {
    "valid_pct=, valid=, valid_df=, valid_col=, split=, seed=": (
        lambda: TabularDataBunch.from_df({"a": [1.5, 2.5] * 9, "b": ["x", "y"] * 9}, "b", bs=4),
        False,
    ),
    "valid_pct=, valid=, split=, seed=": (
        lambda: SequenceDataBunch.from_text("to be or not, " * 40, seq_len=8, batch_size=4),
        False,
    ),
    "valid_pct=, valid=, valid_col=, split=, seed=": (
        lambda: DataBunch.from_arrays(torch.rand(12, 2), [0, 1] * 6, bs=4),
        True,
    ),
}


@pytest.mark.parametrize("change", KINDS)
def test_only_options_that_the_bunch_has_are_named(change: str) -> None:
    make, has_tfms = KINDS[change]
    found = explain(Learner(make(), models.mlp(2, 2), device="cpu"))
    assert found["split"].change == change
    assert ("augmentation" in {decision.what for decision in found}) is has_tfms


def test_photos_in_folders_may_be_split_by_them(learn: Learner) -> None:
    assert explain(learn)["split"].change == (
        "valid_pct=, valid=, valid_col=, split=, stratified=, seed=, or folders train and valid"
    )


def test_augmentation_names_the_crop_and_each_transform(learn: Learner, photos: Path) -> None:
    assert explain(learn)["augmentation"].chosen.startswith("RandomResizedCrop(")
    assert explain(tiny_learner())["augmentation"].chosen == "none"
    data = ImageDataBunch.from_folder(
        photos, valid_pct=0.2, size=32, batch_size=4, tfms=get_transforms()
    )
    other = cnn_learner(data, models.resnet18, weights=None, device="cpu")
    assert "Affine" in explain(other)["augmentation"].chosen


def test_weight_decay_counts_what_is_spared() -> None:
    found = tiny_learner()
    spared = sum(p.numel() for p in found.model.parameters() if p.ndim < 2)
    assert explain(found)["weight decay"].chosen == f"0.01, not on {spared} weights"


def test_after_a_fit_it_says_what_that_fit_did() -> None:
    found = tiny_learner()
    found.fit_one_cycle(1, slice(1e-4, 1e-2), weight_decay=0.1, progress=False)
    explained = explain(found)
    assert explained["rates"].chosen == "0.0001, 0.01"
    assert explained["schedule"].chosen == "one cycle"
    assert explained["weight decay"].chosen.startswith("0.1, ")


@pytest.mark.parametrize(
    ("train_bn", "chosen"),
    [
        (None, "trains with its layer group"),
        (True, "trains everywhere"),
        (False, "kept outside the last group"),
    ],
)
def test_batchnorm_follows_train_bn(train_bn: bool | None, chosen: str) -> None:
    learn = tiny_learner()
    learn.train_bn = train_bn
    assert explain(learn)["BatchNorm"].chosen == chosen


def test_nothing_is_computed_and_nothing_changes(learn: Learner) -> None:
    calls: list[object] = []
    handle = learn.model.register_forward_pre_hook(lambda *args: calls.append(args))
    before, drawn = learn.fingerprint(), torch.get_rng_state()
    explain(learn)
    handle.remove()
    assert (calls, learn.fingerprint()) == ([], before)
    assert torch.equal(drawn, torch.get_rng_state())


def test_it_prints_as_text_and_as_escaped_html() -> None:
    found = Explanation((Decision("loss", "<lambda>", "as given", "loss_func="),))
    assert str(found) == "loss  <lambda>\n      as given. Change: loss_func="
    assert found._repr_html_() == (
        "<table><tr><th>what</th><th>chosen</th><th>why</th><th>to change it</th></tr>"
        "<tr><td>loss</td><td>&lt;lambda&gt;</td><td>as given</td><td>loss_func=</td></tr></table>"
    )


def test_an_unknown_thing_names_what_there_is() -> None:
    found = Explanation((Decision("loss", "a", "b", "c"),))
    with pytest.raises(KeyError) as caught:
        found["los"]
    assert caught.value.args[0] == "nothing is said about 'los'. Did you mean 'loss'?"
