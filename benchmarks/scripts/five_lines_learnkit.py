"""learnkit: a folder of photos to an accuracy."""

import sys

from learnkit.vision import *

path, weights, epochs, size, seed, batch_size = sys.argv[1:]
options = {"size": int(size), "batch_size": int(batch_size), "seed": int(seed)}

data = ImageDataBunch.from_folder(path, **options)
learn = cnn_learner(data, models.resnet34, weights=weights, metrics=accuracy)
learn.fit(int(epochs))
print(learn.history[-1]["accuracy"])
