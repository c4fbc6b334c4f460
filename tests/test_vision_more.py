"""A UNet's learner from photos to a mask, and back from an export."""

import itertools

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from learnkit import models
from learnkit.callback import Callback
from learnkit.callbacks import CutMix, MixUp
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.presets import get_transforms
from learnkit.data.segmentation_bunch import SegmentationDataBunch
from learnkit.data.sequence.bunch import SequenceDataBunch
from learnkit.data.tabular.bunch import TabularDataBunch
from learnkit.data.tabular.collab_bunch import CollabDataBunch
from learnkit.data.text.bunch import TextDataBunch
from learnkit.errors import DataError, ModelError
from learnkit.inference import load_learner
from learnkit.losses import DiceLoss
from learnkit.metrics import accuracy, dice, iou
from learnkit.models.backbone import Backbone, BackboneSource
from learnkit.vision import cnn_learner
from learnkit.vision_more import unet_learner
from tests.data.moving_pictures import write_pair

pytestmark = pytest.mark.filterwarnings("ignore:check ")
NAMES = ["background", "road", "car"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    for place in range(12):
        write_pair(folder, f"{place:02}", (40, 48), place)
    return folder


def bunch(pairs, **options):
    given = {"classes": NAMES, "size": 32, "bs": 4, "num_workers": 0, "valid_pct": 0.34} | options
    return SegmentationDataBunch.from_folders(pairs, **given)


class TinySource(BackboneSource):
    """Three maps, in no time."""

    def build(self, weights):
        widths = (3, 8, 16, 24)
        return nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.ReLU())
                for a, b in itertools.pairwise(widths)
            )
        )


TINY = Backbone("tiny", TinySource())


def learner(data, backbone=TINY, **options):
    given = {"weights": None, "width": 32, "device": "cpu", "precision": "fp32"} | options
    return unet_learner(data, backbone, **given)


class Stopped(Exception):
    """The machine goes down."""


class Stop(Callback):
    def __init__(self, at):
        self.at = at

    def after_batch(self, state):
        if state.progress.steps_done == self.at:
            raise Stopped


@pytest.fixture(scope="module")
def trained(pairs):
    """A UNet that has seen pictures which are their masks, and its data."""
    pytest.importorskip("torchmetrics", reason="needs the extra metrics")
    data = bunch(pairs, tfms=get_transforms())
    learn = learner(data, models.resnet18, metrics=[iou(), dice(label=1), accuracy])
    learn.fit_one_cycle(5, 1e-2, progress=False)
    return learn


def test_it_learns_which_colour_is_which_class(trained):
    assert trained.history[-1]["accuracy"] > 0.9
    assert trained.history[-1]["iou"] > 0.75
    assert trained.history[-1]["train_loss"] < 0.6 * trained.history[0]["train_loss"]


def test_an_export_answers_with_the_same_mask(trained, pairs, tmp_path):
    trained.export(tmp_path / "model")
    back = load_learner(tmp_path / "model", device="cpu", precision="fp32")
    photos = sorted((pairs / "images").glob("*.png"))[:3]
    for photo in photos:
        ours, theirs = trained.predict(photo), back.predict(photo)
        assert ours.value.dtype == torch.int64
        assert ours.value.shape == (32, 32)
        assert torch.equal(ours.value, theirs.value)
        assert torch.equal(ours.probabilities, theirs.probabilities)
        assert str(ours) == str(theirs)
    batch = back.predict_batch([Image.open(photo).convert("RGB") for photo in photos])
    assert torch.equal(batch[2].value, theirs.value)
    assert back.classes == tuple(NAMES)


def test_probabilities_of_each_pixel_come_from_get_preds(trained):
    preds, targets = trained.get_preds()
    assert preds.shape == (4, 3, 32, 32)
    assert targets.shape == (4, 32, 32)
    torch.testing.assert_close(preds.sum(1), torch.ones(4, 32, 32))


def test_views_that_are_changed_at_random_are_refused(trained):
    with pytest.raises(ValueError, match=r"^tta changes photos at random, and masks or points"):
        trained.tta()


def test_results_are_drawn_side_by_side(trained, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    trained.show_results(2, path=tmp_path / "results.png")
    with Image.open(tmp_path / "results.png") as picture:
        assert picture.size[0] < picture.size[1]  # one pair above the other, and the legend
        assert np.asarray(picture.convert("RGB")).std() > 20


def test_a_fit_that_is_stopped_goes_on_to_the_same_bits(pairs, tmp_path):
    def make():
        return learner(bunch(pairs, ignore=2, tfms=get_transforms()))

    whole = make()
    whole.fit(2, 1e-3, progress=False)

    options = {"progress": False, "checkpoint": tmp_path / "run", "every_steps": 1}
    with pytest.raises(Stopped):
        make().fit(2, 1e-3, callbacks=[Stop(3)], **options)
    second = make()
    second.fit(2, 1e-3, callbacks=[Stop(None)], **options)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name
    assert second.history[-1]["valid_loss"] == whole.history[-1]["valid_loss"]


@pytest.mark.parametrize("loss", [None, DiceLoss()])
def test_pixels_that_are_left_out_do_no_harm_to_loss_and_metrics(pairs, loss):
    pytest.importorskip("torchmetrics", reason="needs the extra metrics")
    data = bunch(pairs, ignore=2, classes=NAMES[:2])
    learn = learner(data, loss_func=loss, metrics=[iou(), accuracy])
    learn.fit(1, 1e-3, progress=False)
    assert 0 <= learn.history[-1]["iou"] <= 1
    assert np.isfinite(learn.history[-1]["valid_loss"])


def test_mixing_samples_is_refused_with_a_sentence(pairs):
    for mixing in (MixUp(), CutMix()):
        with pytest.raises(DataError, match=r"mixes class numbers \(B,\).*Leave .*Mix.* out"):
            learner(bunch(pairs)).fit(1, callbacks=[mixing], progress=False)


def test_loaders_of_ones_own_give_masks_too():
    x, y = torch.rand(8, 3, 32, 32), torch.randint(0, 2, (8, 32, 32))
    loader = DataLoader(TensorDataset(x, y), batch_size=4)
    data = DataBunch.from_dls(loader, loader, classes=["no", "yes"], tfms=get_transforms().batch)
    learn = learner(data)
    assert learn.task.moves == "mask"
    learn.fit(1, progress=False)
    assert learn.predict(x[0]).value.shape == (32, 32)


def test_a_pretrained_body_starts_frozen_and_photos_are_normalised_for_it(pairs, tmp_path):
    weights = tmp_path / "body.pth"
    torch.save(models.resnet18.build_body(None).state_dict(), weights)
    learn = learner(bunch(pairs), models.resnet18, weights=weights, width=16)
    trains = [any(p.requires_grad for p in group) for group in learn.layer_groups]
    assert trains == [False, False, True]
    assert learn.train_bn is False
    assert learn.normalize.mean == models.resnet18.mean
    before = {k: v.clone() for k, v in learn.model.stages.state_dict().items()}
    learn.fit(1, 1e-2, progress=False)
    after = learn.model.stages.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert learner(bunch(pairs), normalize=None).normalize is None


def test_what_cannot_be_learned_is_refused(pairs):
    with pytest.raises(TypeError, match=r"^unet_learner's data must be a SegmentationDataBunch;"):
        unet_learner(nn.Identity(), models.resnet18)
    data = DataBunch.from_arrays(torch.rand(8, 3, 8, 8), torch.rand(8), bs=4)
    with pytest.raises(ModelError, match=r"needs data with at least two classes; this has 0\.$"):
        unet_learner(data, models.resnet18, weights=None)
    with pytest.raises(TypeError, match="metric"):
        unet_learner(bunch(pairs), models.resnet18, weights=None, metric=accuracy)


TEXTS = [f"to be or not {i}" for i in range(16)]
TABLE = {"size": [1.5, 2.5, 3.5, 4.5] * 6, "city": ["Ulm", "Bonn"] * 12, "kind": ["a", "b"] * 12}
RATINGS = {"user": ["Ann", "Bob"] * 12, "film": ["Up", "Jaws", "Alien"] * 8, "stars": [1, 2, 3] * 8}
OTHERS = {
    "text_learner(data) makes a model for it": lambda: TextDataBunch.from_lists(
        TEXTS, ["x", "y"] * 8, valid_pct=0.25, stratified=False, bs=4
    ),
    "tabular_learner(data) makes a model for it": lambda: TabularDataBunch.from_df(
        TABLE, "kind", bs=4
    ),
    "collab_learner(data) makes a model for it": lambda: CollabDataBunch.from_df(RATINGS, bs=4),
    "language_learner(data) makes a model for it": lambda: SequenceDataBunch.from_text(
        "to be or not to be, " * 40, seq_len=8, batch_size=4
    ),
    "Learner(data, models.lstm(...)) takes sequences": lambda: SequenceDataBunch.from_sequences(
        [torch.rand(5, 2) for _ in range(16)], [0, 1] * 8, batch_size=4
    ),
}


@pytest.mark.parametrize("advice", OTHERS)
@pytest.mark.parametrize("factory", [cnn_learner, unet_learner])
def test_what_is_no_photo_is_refused_before_a_fit_and_gets_the_name_of_its_own_learner(
    factory, advice
):
    data = OTHERS[advice]()
    with pytest.raises(ModelError) as refused:
        factory(data, TINY, weights=None)
    assert str(refused.value) == (
        f"{factory.__name__} needs photos, x (B, C, H, W); this {type(data).__name__} has x "
        f"{tuple(data.one_batch().x.shape)}. {advice}."
    )


def test_photos_with_a_class_each_are_no_masks(pairs):
    data = ImageDataBunch.from_lists(
        pairs, sorted(pairs.glob("images/*")), ["a", "b"] * 6, size=32, bs=4, num_workers=0
    )
    with pytest.raises(ModelError) as refused:
        unet_learner(data, TINY, weights=None)
    assert str(refused.value) == (
        "unet_learner needs masks, y (B, H, W), a class for each pixel; this ImageDataBunch has y "
        "(4,). cnn_learner(data, backbone) makes a model for one answer to each photo."
    )


def test_a_backbone_of_one_size_says_which(pairs):
    pytest.importorskip("timm", reason="needs the extra timm")
    swin = models.timm("swin_tiny_patch4_window7_224")
    with pytest.raises(ModelError) as refused:
        unet_learner(bunch(pairs), swin, weights=None)
    assert str(refused.value) == (
        "timm/swin_tiny_patch4_window7_224 takes photos of 224 x 224 pixels only, and the data's "
        "have 32 x 32: give size=224."
    )
