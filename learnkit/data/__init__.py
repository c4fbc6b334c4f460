"""Data: from files, tables, datasets and arrays to batches a model can train on.

The modules stand in the way a batch travels: ``items``, ``labels``, ``split``, ``layout`` and
``table`` find files and labels; ``decode``, ``geometry`` and ``cache`` make pixels; ``loader``,
``dataset_loader`` and ``torch_loader`` make batches; ``augment``, ``run_tfms`` and ``batch`` change
them on the device; ``bunch`` and ``image_bunch`` bind it all.
"""

from typing import TYPE_CHECKING

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
from learnkit.lazy import lazy_names

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
    "Samples",
    "TorchLoader",
    "Transforms",
    "URLs",
    "aug_transforms",
    "column_splitter",
    "default_transforms",
    "fold_splitters",
    "folder_splitter",
    "get_transforms",
    "grouped_folds",
    "grouped_splitter",
    "k_folds",
    "label_by_func",
    "label_by_parent",
    "label_by_path",
    "label_by_regex",
    "labels_of_column",
    "list_images",
    "random_splitter",
    "split_by_column",
    "split_by_folder",
    "split_by_time",
    "split_grouped",
    "split_labels",
    "split_random",
    "split_stratified",
    "stratified_folds",
    "stratified_splitter",
    "time_splitter",
    "untar_data",
]

if TYPE_CHECKING:
    from learnkit.data.folds import (
        grouped_folds,
        k_folds,
        stratified_folds,
    )
    from learnkit.data.labellers import (
        label_by_parent,
        label_by_path,
        labels_of_column,
        split_labels,
    )
    from learnkit.data.labels import (
        label_by_func,
        label_by_regex,
    )
    from learnkit.data.samples import (
        Samples,
    )
    from learnkit.data.split import (
        split_random,
        split_stratified,
    )
    from learnkit.data.split_values import (
        split_by_column,
        split_by_folder,
        split_by_time,
        split_grouped,
    )
    from learnkit.data.splitters import (
        column_splitter,
        fold_splitters,
        folder_splitter,
        grouped_splitter,
        random_splitter,
        stratified_splitter,
        time_splitter,
    )
else:  # type checkers would take any name for granted
    __getattr__ = lazy_names(
        __name__,
        {
            "Samples": "samples",
            "column_splitter": "splitters",
            "fold_splitters": "splitters",
            "folder_splitter": "splitters",
            "grouped_folds": "folds",
            "grouped_splitter": "splitters",
            "k_folds": "folds",
            "label_by_func": "labels",
            "label_by_parent": "labellers",
            "label_by_path": "labellers",
            "label_by_regex": "labels",
            "labels_of_column": "labellers",
            "random_splitter": "splitters",
            "split_by_column": "split_values",
            "split_by_folder": "split_values",
            "split_by_time": "split_values",
            "split_grouped": "split_values",
            "split_labels": "labellers",
            "split_random": "split",
            "split_stratified": "split",
            "stratified_folds": "folds",
            "stratified_splitter": "splitters",
            "time_splitter": "splitters",
        },
    )


def __dir__() -> list[str]:
    return __all__
