"""A folder of photos to a trained, exported, predicting model.

The photos come with the checkout and the ImageNet weights with the package of the extra ``demo``;
nothing is fetched. With photos of your own, pass their folder.
"""

from pathlib import Path

from learnkit.vision import *

PHOTOS = Path(__file__).parent / "data" / "traffic_lights"


def main(path=PHOTOS, size=(192, 96), epochs=5, weights="default", out="traffic-model"):
    data = ImageDataBunch.from_folder(path, size=size, resize="squish", batch_size=16)
    learn = cnn_learner(data, models.efficientnet_lite0, weights=weights, metrics=accuracy)
    learn.fit(epochs)
    learn.export(out)
    answer = load_learner(out).predict(next(Path(path).glob("valid/red/*.jpg")))
    print(answer)
    return answer


if __name__ == "__main__":
    main()
