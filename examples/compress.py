"""Make a trained model smaller: 8 bits, thinned, pruned, binary weights; and see where it looks.

    python examples/compress.py
    python examples/compress.py --full --data ants_bees --weights resnet18_backbone.pth

Prints bytes, milliseconds for a batch and validation accuracy of each, exports the smallest and
draws a Grad-CAM heat map to --out. At toy size a small net on the 8x8 digits of scikit-learn.

--full, the head of a ResNet-18 on 243 photos of ants and bees at 128 pixels, seed 42, six minutes
on two busy cores: 46.9 MB and 0.837 right as trained, 11.8 MB and 0.837 in int8, 25.0 MB and 0.856
with half of the weights, 1.6 MB and 0.542 with binary ones. Signs have to be learned from the
beginning, as the digits show: a pretrained body does not survive them. All take as long, but for
the thinned net.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from learnkit.compress import binarize, compress, file_size, prune, with_model
from learnkit.errors import LearnkitError
from learnkit.grad_cam import grad_cam
from learnkit.models.thinner import thin
from learnkit.vision import *


def write_digits(folder):
    """Write a third of scikit-learn's digits as photos of 16x16 pixels, a folder for each digit."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for i, (pixels, label) in enumerate(zip(digits.images[:600], digits.target[:600], strict=True)):
        path = Path(folder) / ("valid" if i % 5 == 0 else "train") / str(label) / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        photo = Image.fromarray((pixels * 255 / 16).astype(np.uint8)).convert("RGB")
        photo.resize((16, 16), Image.Resampling.BICUBIC).save(path)
    return folder


def milliseconds(learn):
    """Return how long the bare model takes for a validation batch, the best of five times."""
    x = learn.data.one_batch(train=False).x.to(learn.device).float() / 255
    times = []
    for _ in range(5):
        began = time.perf_counter()
        with torch.no_grad():
            learn.model.eval()(x)
        times.append(time.perf_counter() - began)
    return min(times) * 1000


def toy_learner(data, seed, change=lambda model: model):
    model = change(models.cnn(data.n_classes, channels=(16, 32, 64), seed=seed))
    learn = Learner(data, model, metrics=accuracy, seed=seed)
    learn.fit_one_cycle(6, 1e-2, progress=False)
    return learn


def full_learner(data, seed, weights, change=lambda model: model):
    learn = cnn_learner(data, models.resnet18, weights=weights, metrics=accuracy, seed=seed)
    change(learn.model)
    learn.fit(4, 3e-3, progress=False)
    return learn


def main(path=None, full=False, weights=None, out="heat.png", export="small-model", seed=42):
    share, size, rate, epochs = (0.5, 128, 1e-3, 2) if full else (0.8, 16, 3e-3, 3)
    path = path or write_digits("digits")
    data = ImageDataBunch.from_folder(path, size=size, batch_size=32, tfms=None, seed=seed)
    make = partial(full_learner, weights=weights) if full else toy_learner
    table = {}

    def add(name, learn):
        table[name] = file_size(learn.model), milliseconds(learn), learn.validate()["accuracy"]
        print(f"{name:<16}{table[name][0]:>12,}{table[name][1]:>10.1f}{table[name][2]:>10.3f}")
        return learn

    print(f"{'model':<16}{'bytes':>12}{'ms':>10}{'accuracy':>10}")
    learn = add("as trained", make(data, seed))
    int8 = add("int8", with_model(learn, compress(learn.model, "int8")))
    grad_cam(int8, data.one_batch(train=False).x[0]).draw(out)
    if not full:
        thinned = with_model(learn, thin(learn.model, 0.5))
        thinned.fit_one_cycle(epochs, rate, progress=False)
        add("thin, half", thinned)
    prune(learn.model, share)
    learn.fit_one_cycle(epochs, rate, progress=False)
    add(f"pruned by {share:.0%}", with_model(learn, compress(learn.model, "pruned")))
    signs = make(data, seed, change=binarize)
    binary = add("binary", with_model(signs, compress(signs.model, "binary")))
    binary.export(export)
    return table, binary, load_learner(export)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", help="a folder of photos with train and valid; digits by default")
    parser.add_argument("--full", action="store_true", help="the figures above; 6 minutes")
    parser.add_argument("--weights", default="default", help="of ResNet-18: a file, or a tag")
    parser.add_argument("--out", default="heat.png", help="the picture of the heat map")
    given = parser.parse_args()
    try:
        main(given.data, given.full, given.weights, given.out)
    except LearnkitError as error:
        raise SystemExit(str(error)) from None
