"""Train with checkpoints: stop it by Ctrl-C or kill it, run it again, and it goes on.

    python examples/resume.py
    python examples/resume.py --runs FOLDER --epochs 20

The second run of a finished training returns at once. The weights are the same bit for bit,
however often it was stopped.
"""

import argparse
from pathlib import Path

from learnkit.vision import (
    Checkpoints,
    History,
    ImageDataBunch,
    Learner,
    accuracy,
    get_transforms,
    models,
)

PHOTOS = Path(__file__).parent / "data" / "traffic_lights"


def main(folder: str | Path = "runs/resume", *, epochs: int = 10, size: int = 64) -> History:
    """Train, or go on with it, and return the rows."""
    data = ImageDataBunch.from_folder(PHOTOS, size=size, batch_size=16, tfms=get_transforms())
    learn = Learner(data, models.xresnet18(data.n_classes), metrics=accuracy)
    history = learn.fit_one_cycle(
        epochs, 5e-3, checkpoint=Checkpoints(folder, monitor="accuracy"), every_minutes=0.1
    )
    print(f"fingerprint {learn.fingerprint()[:16]}, the same however often it was stopped")
    return history


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", default="runs/resume", help="the folder of the checkpoints")
    parser.add_argument("--epochs", type=int, default=10, help="how many in all")
    given = parser.parse_args()
    main(given.runs, epochs=given.epochs)
