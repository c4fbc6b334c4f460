import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from learnkit.data.bunch import DataBunch
from learnkit.errors import DataError


def dataset(n=20, n_classes=2):
    x = torch.arange(n * 4, dtype=torch.float32).view(n, 4)
    return TensorDataset(x, torch.arange(n) % n_classes)


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


def test_raw_torch_loaders_are_taken():
    dl = DataLoader(dataset(), batch_size=8, shuffle=True)
    data = DataBunch.from_dls(dl, dl, classes=["a", "b"])
    assert data.classes == ("a", "b")
    assert data.n_classes == 2
    assert data.test_dl is None
    x, y = data.one_batch()
    assert x.shape == (8, 4)
    assert y.shape == (8,)


def test_a_bunch_is_frozen():
    data = DataBunch.from_dls(DataLoader(dataset()))
    with pytest.raises(AttributeError):
        data.classes = ("a",)


def test_loaders_of_learnkit_pass_through():
    first = DataBunch.from_dataset(dataset(), batch_size=4)
    second = DataBunch.from_dls(first.train_dl, first.valid_dl)
    assert second.train_dl is first.train_dl


def test_something_else_is_no_loader():
    assert message_of(DataBunch.from_dls, [1, 2]) == (
        "train_dl must be a torch DataLoader of (x, y) batches, or a loader with batches(epoch): "
        "found list."
    )


def test_a_misspelt_option_fails_with_the_nearest():
    with pytest.raises(TypeError) as error:
        DataBunch.from_dataset(dataset(), batchsize=4)
    assert str(error.value) == (
        "DataBunch.from_dataset() has no argument 'batchsize'. Did you mean 'batch_size'?"
    )


def test_a_dataset_is_split_when_there_is_no_other():
    data = DataBunch.from_dataset(dataset(), valid_pct=0.25, bs=5)
    assert data.train_dl.n_samples == 15
    assert data.valid_dl.n_samples == 5
    seen = torch.cat([*(b.x[:, 0] for b in data.train_dl), *(b.x[:, 0] for b in data.valid_dl)])
    assert sorted(seen.tolist()) == [4.0 * i for i in range(20)]


def test_both_datasets_and_a_fraction_are_too_much():
    assert message_of(DataBunch.from_dataset, dataset(), dataset(), valid_pct=0.2) == (
        "valid_ds and valid_pct=0.2 were both given: give one."
    )


def test_a_dataset_must_have_a_length_and_samples():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(())

    assert message_of(DataBunch.from_dataset, Stream()) == (
        "The training dataset Stream has no length. Give a map-style dataset, or a DataLoader to "
        "from_dls."
    )
    assert message_of(DataBunch.from_dataset, dataset(), dataset(0)) == (
        "The validation dataset is empty."
    )


def test_fewer_samples_than_a_batch_train_with_one_line():
    with pytest.warns(UserWarning, match="fewer") as warned:
        data = DataBunch.from_dataset(dataset(10), valid_pct=0.2)
    assert [str(warning.message) for warning in warned] == [
        "There are fewer training samples (8) than batch_size=64: each epoch is one batch of 8."
    ]
    assert warned[0].filename == __file__
    assert len(data.train_dl) == 1
    assert len(data.one_batch().y) == 8


def test_arrays_of_names_are_encoded():
    x, y = np.random.default_rng(0).normal(size=(10, 3)), ["bee", "ant"] * 5
    data = DataBunch.from_arrays(x, y, batch_size=4)
    assert data.classes == ("ant", "bee")
    batch = data.one_batch()
    assert batch.x.dtype == torch.float32
    assert batch.y.dtype == torch.int64


def test_arrays_to_validate_on_may_be_given():
    x, y = torch.zeros(6, 3), torch.arange(6) % 3
    data = DataBunch.from_arrays(x, y, valid=(x[:4], y[:4]), batch_size=6)
    assert data.classes == ("0", "1", "2")
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (6, 4)
    assert message_of(DataBunch.from_arrays, x, y, valid=(x, y), valid_pct=0.5) == (
        "valid and valid_pct=0.5 were both given: give one."
    )


def test_arrays_must_be_equally_long():
    assert message_of(DataBunch.from_arrays, torch.zeros(3, 1), [0, 1]) == (
        "x and y must be equally long: found 3 and 2."
    )


def test_real_targets_have_no_classes():
    data = DataBunch.from_arrays(torch.zeros(10, 3), torch.zeros(10, 2), batch_size=4)
    assert data.classes == ()
    assert data.one_batch().y.shape == (4, 2)


def test_without_validation_there_is_no_validation_batch():
    data = DataBunch.from_dls(DataLoader(dataset(), batch_size=8))
    assert message_of(data.one_batch, train=False) == (
        "There is no validation batch: this data has no valid_dl."
    )


def test_it_shows_itself_as_a_short_table():
    data = DataBunch.from_dataset(dataset(), classes=list("abcdefgh"), batch_size=6)
    assert repr(data) == (
        "DataBunch of 8 classes: a, b, c, d, e, f, ...\n"
        "         samples  batches  batch size\n"
        "  train       16        3           6\n"
        "  valid        4        1           6"
    )
    assert repr(DataBunch.from_dls(DataLoader(dataset(), batch_size=10))) == (
        "DataBunch\n"
        "         samples  batches  batch size\n"
        "  train       20        2          10\n"
        "  valid     none"
    )
