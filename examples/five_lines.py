"""A folder of photos to a trained, exported, predicting model.

The photos come with the checkout and the ImageNet weights with the package of the extra ``demo``;
nothing is fetched. With photos of your own, in folders train and valid of a folder for each class:

    python examples/five_lines.py
    python examples/five_lines.py FOLDER
"""

import argparse
from pathlib import Path

from learnkit.errors import LearnkitError
from learnkit.vision import *

PHOTOS = Path(__file__).parent / "data" / "traffic_lights"


def main(path=PHOTOS, size=(192, 96), epochs=5, weights="default", out="traffic-model"):
    data = ImageDataBunch.from_folder(path, size=size, resize="squish", batch_size=16)
    learn = cnn_learner(data, models.efficientnet_lite0, weights=weights, metrics=accuracy)
    learn.fit(epochs)
    learn.export(out)
    answer = load_learner(out).predict(data.valid_dl.describe(0))
    print(answer)
    return answer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("path", nargs="?", default=PHOTOS, help="a folder with train and valid")
    try:
        main(parser.parse_args().path)
    except LearnkitError as error:
        raise SystemExit(str(error)) from None
