"""Data: from files, tables, datasets and arrays to batches a model can train on.

The modules stand in the way a batch travels: ``items``, ``labels``, ``split``, ``layout`` and
``table`` find files and labels; ``decode``, ``geometry`` and ``cache`` make pixels; ``loader``,
``dataset_loader`` and ``torch_loader`` make batches; ``augment``, ``run_tfms`` and ``batch`` change
them on the device; ``bunch`` and ``image_bunch`` bind it all.
"""

from learnkit.data.augment import Affine, BatchTransform, Dihedral, Flip, Lighting, RandomErasing
from learnkit.data.batch import Normalize
from learnkit.data.bunch import DataBunch
from learnkit.data.dataset_loader import DatasetLoader
from learnkit.data.geometry import RandomResizedCrop
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.items import list_images
from learnkit.data.loader import ImageLoader
from learnkit.data.presets import Transforms, aug_transforms, default_transforms, get_transforms
from learnkit.data.torch_loader import TorchLoader
from learnkit.data.untar import Archive, URLs, untar_data

__all__ = [
    "Affine",
    "Archive",
    "BatchTransform",
    "DataBunch",
    "DatasetLoader",
    "Dihedral",
    "Flip",
    "ImageDataBunch",
    "ImageLoader",
    "Lighting",
    "Normalize",
    "RandomErasing",
    "RandomResizedCrop",
    "TorchLoader",
    "Transforms",
    "URLs",
    "aug_transforms",
    "default_transforms",
    "get_transforms",
    "list_images",
    "untar_data",
]
