"""A callback of one's own, in ten lines: say which batches the model finds hardest.

Subclass ``Callback``, override the hooks you need, pass an instance. Nothing is registered, and a
misspelt hook is an error at once.

    python examples/callback.py
"""

import argparse
from pathlib import Path

from learnkit.errors import LearnkitError
from learnkit.vision import *

PHOTOS = Path(__file__).parent / "data" / "traffic_lights"


class Hardest(Callback):
    """Add the largest loss of a training batch to each row of the table."""

    def before_epoch(self, state):
        self.worst = 0.0

    def after_loss(self, state):
        if state.training:
            self.worst = max(self.worst, state.loss.item())

    def after_epoch(self, state):
        state.metrics["worst_batch"] = self.worst


def main(path=PHOTOS, size=(128, 64), epochs=3, weights="default"):
    data = ImageDataBunch.from_folder(path, size=size, resize="squish", batch_size=16)
    learn = cnn_learner(data, models.efficientnet_lite0, weights=weights, metrics=accuracy)
    history = learn.fit(epochs, callbacks=Hardest())
    print("largest loss of a batch, by epoch:", history.column("worst_batch"))
    return history


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("path", nargs="?", default=PHOTOS, help="a folder with train and valid")
    try:
        main(parser.parse_args().path)
    except LearnkitError as error:
        raise SystemExit(str(error)) from None
