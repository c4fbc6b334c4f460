"""The backbone: its shapes, and that all three things are found by their words."""

import pytest
import torch
from learnkit_sparkle import tinynet
from PIL import Image

from learnkit import ImageDataBunch, cnn_learner


@pytest.fixture
def photos(tmp_path):
    """Four photos of each of two colours to train on, and two to validate on."""
    for part, numbers in (("train", range(4)), ("valid", range(4, 6))):
        for name in ("red", "green"):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            for number in numbers:
                bright, dark = 150 + 20 * number, 10 * number
                colour = (bright, dark, 0) if name == "red" else (dark, bright, 0)
                Image.new("RGB", (40, 40), colour).save(folder / f"{number}.jpg")
    return tmp_path


def test_the_body_gives_maps_and_two_layer_groups():
    body = tinynet.build_body(None)
    assert body(torch.zeros(2, 3, 64, 64)).shape == (2, tinynet.n_features, 8, 8)
    early, late = tinynet.layer_groups(body)
    assert len(early) + len(late) == len(list(body.parameters()))


def test_all_three_are_found_by_their_words(photos, capsys):
    data = ImageDataBunch.from_folder(photos, size=32, batch_size=4)
    learn = cnn_learner(data, "tinynet", weights=None, metrics=["glow", "accuracy"], device="cpu")
    history = learn.fit(1, callbacks=["sparkle"], progress=False)
    assert learn.model.backbone is tinynet
    assert {"glow", "accuracy"} <= history[0].keys()
    assert "epoch 1: " in capsys.readouterr().out
