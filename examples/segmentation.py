"""Which pixels are pet: a UNet on a pretrained body, with masks that move with their photos.

    python examples/segmentation.py                    # drawn shapes, seconds
    python examples/segmentation.py --full --data PATH --weights FILE

``--data`` takes a folder with images/NAME.jpg and masks/NAME.png, the trimaps of the Oxford-IIIT
Pets (Parkhi et al. 2012): 1 is pet, 2 background, and 3 the border of which nobody is sure, which
is left out. ``--weights`` takes a file of resnet18's weights; without it they are downloaded.

With ``--full`` on 300 of these photos, 60 of them held out (seed 42): mean IoU 0.903, 95.7 % of the
pixels right, after 4 epochs of the decoder and 8 of all at 128 x 128, 4 minutes on one busy core.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageDraw

from learnkit import get_transforms, load_learner, metrics, models
from learnkit.errors import LearnkitError
from learnkit.vision import SegmentationDataBunch, unet_learner

PETS = {"values": {1: "pet", 2: "background"}, "ignore": 3}
SHAPES = {"classes": ["background", "disc", "box"]}


def draw_shapes(folder, n=30, side=48):
    """Write photos of a warm disc and a cold box on noise, and their masks."""
    rng = np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for place in range(n):
        photo = Image.fromarray(rng.integers(60, 190, (side, side, 3), dtype=np.uint8))
        mask = Image.new("L", (side, side))
        for number, shape in ((1, "ellipse"), (2, "rectangle")):
            left, top, wide, high = (int(i) for i in rng.integers([2, 2, 12, 12], [26, 26, 20, 20]))
            box = [left, top, left + wide, top + high]
            strong, weak = int(rng.integers(180, 256)), int(rng.integers(0, 120))
            colour = (strong, weak, 40) if number == 1 else (40, weak, strong)
            getattr(ImageDraw.Draw(photo), shape)(box, fill=colour)
            getattr(ImageDraw.Draw(mask), shape)(box, fill=number)
        photo.save(folder / "images" / f"{place:03}.png")
        mask.save(folder / "masks" / f"{place:03}.png")


def main(data=None, weights="default", out=None, full=False):
    """Train, and return the last row of the table, the learner's answer and the export's."""
    with TemporaryDirectory() as place:
        if data is None:
            draw_shapes(Path(place))
        options = SHAPES if data is None else PETS
        size = 128 if full else 48
        bunch = SegmentationDataBunch.from_folders(
            data or place, size=size, bs=16 if full else 6, tfms=get_transforms(), **options
        )
        learn = unet_learner(
            bunch,
            models.resnet18,
            weights=weights if data is not None else None,
            width=128 if full else 32,
            metrics=[metrics.iou(), metrics.accuracy],
        )
        if data is None:  # a body that knows nothing yet
            learn.fit_one_cycle(5, 1e-2, progress=False)
        else:
            learn.fit_one_cycle(4 if full else 1, 3e-3)  # the decoder
            learn.unfreeze()
            learn.fit_one_cycle(8 if full else 1, slice(1e-4, 1e-3))
        print(learn.history)
        if out is not None:
            learn.show_results(4, path=out)
        photo = bunch.valid_dl.describe(0)
        learn.export(Path(place) / "model")
        ours, theirs = learn.predict(photo), load_learner(Path(place) / "model").predict(photo)
        print(f"{Path(photo).name}: {ours}")
    return learn.history[-1], ours, theirs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", help="a folder with images and masks")
    parser.add_argument("--weights", default="default", help="a file of resnet18's weights")
    parser.add_argument("--out", help="a file for the picture")
    parser.add_argument("--full", action="store_true", help="the figure above, 4 minutes")
    try:
        main(**vars(parser.parse_args()))
    except LearnkitError as error:
        raise SystemExit(str(error)) from None
