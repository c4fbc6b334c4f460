"""fastai: a folder of photos to an accuracy. The weights come from TORCH_HOME."""

import sys

from fastai.vision.all import *

path, _, epochs, size, seed, batch_size = sys.argv[1:]
set_seed(int(seed))
options = {"item_tfms": Resize(int(size)), "bs": int(batch_size)}

dls = ImageDataLoaders.from_folder(path, train="train", valid="valid", **options)
learn = vision_learner(dls, resnet34, metrics=accuracy)
learn.fit(int(epochs))
print(float(learn.recorder.values[-1][-1]))
