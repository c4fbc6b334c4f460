"""The mistakes behind the messages of fastai that users curse, made here: what learnkit says.

Each test's docstring has fastai's message, and where users met it.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from learnkit.callbacks.stop.early_stopping import EarlyStopping
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import DataError, MetricError, ModelError, MonitorError
from learnkit.inference import load_learner
from learnkit.learner import Learner
from learnkit.models import cnn

SMALL = {"size": 16, "batch_size": 4}


@pytest.fixture
def numbers():
    x = torch.randn(24, 4, generator=torch.Generator().manual_seed(0))
    return DataBunch.from_arrays(x, torch.arange(24) % 3, batch_size=8)


def message_of(error, function, *args, **kwargs):
    with pytest.raises(error) as caught:
        function(*args, **kwargs)
    return str(caught.value)


def layouts(root: Path) -> str:
    return (
        f"Expected {root}/train/<class>/*.jpg and {root}/valid/<class>/*.jpg, or "
        f"{root}/<class>/*.jpg with valid_pct=0.2."
    )


def test_a_folder_that_is_not_there(tmp_path):
    """``TypeError: 'NoneType' object is not iterable`` (fastbook issue 585)."""
    root = tmp_path / "flowerz"
    assert message_of(DataError, ImageDataBunch.from_folder, root) == (
        f"Folder {root} does not exist. {layouts(root)}"
    )


def test_a_folder_without_photos(tmp_path):
    """``IndexError: index 0 is out of bounds for axis 0 with size 0`` (fastai issue 2459)."""
    assert message_of(DataError, ImageDataBunch.from_folder, tmp_path, valid_pct=0.2) == (
        f"Folder {tmp_path} has no class folders with images: found nothing. {layouts(tmp_path)}"
    )


def test_no_folder_to_validate_on(photo_folder):
    """An epoch with ``valid_loss`` None, and ``IndexError`` in the first callback that reads it."""
    (photo_folder / "valid").rename(photo_folder / "held")
    train = photo_folder / "train"
    assert message_of(DataError, ImageDataBunch.from_folder, photo_folder) == (
        f"Folder {photo_folder} has no folder 'valid': found 2 folders (held, train). Pass "
        f"valid_pct=0.2 to hold out a fifth of {train}. {layouts(photo_folder)}"
    )


def test_fewer_samples_than_a_batch_train_all_the_same():
    """``ValueError: This DataLoader does not contain any batches`` (fastai issues 2416, 3673)."""
    x, y = torch.randn(10, 4), torch.arange(10) % 2
    with pytest.warns(UserWarning, match="fewer training samples") as caught:
        data = DataBunch.from_arrays(x, y, batch_size=64)
    assert [str(warning.message) for warning in caught] == [
        "There are fewer training samples (8) than batch_size=64: each epoch is one batch of 8."
    ]
    learn = Learner(data, nn.Linear(4, 2))
    before = learn.model.weight.clone()
    learn.fit(1)
    assert not torch.equal(learn.model.weight, before)


def test_a_loader_without_a_batch_is_refused_at_once():
    """The same, for a DataLoader of the user's own with ``drop_last``."""
    loader = DataLoader(TensorDataset(torch.zeros(5, 2), torch.zeros(5)), 64, drop_last=True)
    assert message_of(DataError, DataBunch.from_dls, loader) == (
        "The DataLoader of TensorDataset gives no batch: it has no sample, or fewer than one batch "
        "with drop_last=True."
    )


def test_a_class_that_is_in_validation_alone(photo_folder):
    """``KeyError: "Label 'c' was not included in the training dataset"`` (fastai issue 3703)."""
    (photo_folder / "train" / "red").rename(photo_folder / "apart")
    train, valid = photo_folder / "train", photo_folder / "valid"
    assert message_of(DataError, ImageDataBunch.from_folder, photo_folder) == (
        f"Class 'red' is in {valid} but not in {train}, which has 'blue', 'green'. Add images of "
        f"it to {train}, take it out of {valid}, or give every class in classes=."
    )


def test_samples_of_different_sizes():
    """``RuntimeError: stack expects each tensor to be equal size`` (docker-containers issue 55)."""

    class Uneven(Dataset):
        def __len__(self) -> int:
            return 8

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return torch.zeros(3, 8 + index % 2, 8), index % 2

    data = DataBunch.from_dataset(Uneven(), batch_size=6, num_workers=0)
    assert message_of(DataError, data.one_batch) == (
        "The samples of a batch must have one shape; x has (3, 8, 8) and (3, 9, 8). Resize in the "
        "dataset's transform."
    )


def test_photos_of_different_sizes_need_no_resize(tmp_path, make_photo):
    """The same message; here every photo is fitted, ``size`` being 224 unless it is given."""
    for number in range(8):
        name = ("red", "green")[number % 2]
        make_photo(tmp_path / name / f"{number}.jpg", name, size=(20 + number, 30))
    data = ImageDataBunch.from_folder(tmp_path, valid_pct=0.25, size=16, batch_size=6)
    assert data.one_batch().x.shape == (6, 3, 16, 16)


def test_a_model_with_too_few_outputs(numbers):
    """``IndexError: Target 2 is out of bounds.``"""
    assert message_of(ModelError, Learner(numbers, nn.Linear(4, 2)).fit, 1) == (
        "the model's output has width 2, but the data has 3 classes (0, 1, 2). Give the last layer "
        "3 outputs."
    )


def test_a_label_that_no_class_has():
    """The same message, when it is the labels that are wrong."""
    x, y = torch.zeros(4, 2), [0, 1, 37, 1]
    assert message_of(DataError, DataBunch.from_arrays, x, y, classes=["cat", "dog"]) == (
        "A label is 37, but with the 2 classes ['cat', 'dog'] labels run from 0 to 1."
    )


def test_a_metric_that_is_not_there(numbers):
    """``TypeError: 'str' object is not callable``, after the first epoch."""
    assert message_of(MetricError, Learner, numbers, nn.Linear(4, 3), metrics="acuracy") == (
        "metrics: there is no metric 'acuracy'. Did you mean 'accuracy'?"
    )


def test_a_value_to_watch_that_is_not_computed(numbers):
    """``IndexError: list index out of range``, after the first epoch (fastai issues 1867, 2043)."""
    learn = Learner(numbers, nn.Linear(4, 3), callbacks=[EarlyStopping(monitor="val_loss")])
    message = message_of(MonitorError, learn.fit, 1)
    assert message == (
        "EarlyStopping(monitor='val_loss'): this fit computes train_loss, valid_loss. Did you mean "
        "'valid_loss'?"
    )
    assert not len(learn.history)


def test_a_label_function_that_cannot_be_pickled_can_be_exported(photo_folder, tmp_path):
    """``PicklingError: Can't pickle <function <lambda>>`` when exporting (fastai pull 4126)."""
    data = ImageDataBunch.from_path_func(
        photo_folder, None, lambda path: path.parent.name, num_workers=1, **SMALL
    )
    learn = Learner(data, cnn(3))
    learn.export(tmp_path / "out")
    photo = photo_folder / "valid" / "red" / "red_0.jpg"
    assert str(load_learner(tmp_path / "out").predict(photo)) == str(learn.predict(photo))


def test_a_last_batch_of_one_sample_under_batchnorm():
    """``ValueError: Expected more than 1 value per channel when training`` (fastai issue 2416)."""
    x, y = torch.randn(9, 4), torch.arange(9) % 2
    data = DataBunch.from_arrays(x, y, valid=(x, y), batch_size=4)
    assert [len(batch.y) for batch in data.train_dl] == [4, 5]
    Learner(data, nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2))).fit(1)


def test_nan_among_the_inputs():
    """A loss of ``nan`` in every row of the table, and no message at all (fastai issue 1583)."""
    x = np.zeros((6, 2))
    x[3, 1] = x[4, 0] = np.nan
    assert message_of(DataError, DataBunch.from_arrays, x, [0, 1] * 3) == (
        "2 of 6 rows of x hold NaN or infinity, the first is row 3 (counted from 0) with nan. Fill "
        "them in, or remove those rows: a loss computed from them would be NaN."
    )


def test_a_misspelt_option(photo_folder):
    """No message: ``batchsize=4`` is taken and ignored."""
    assert message_of(TypeError, ImageDataBunch.from_folder, photo_folder, batchsize=4) == (
        "ImageDataBunch.from_folder() has no argument 'batchsize'. Did you mean 'batch_size'?"
    )
