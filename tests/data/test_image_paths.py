from collections import Counter
from pathlib import Path

import pytest
import torch

from learnkit.callback import Callback
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import DataError, ExportError
from learnkit.learner import Learner
from learnkit.models import mlp

SMALL = {"size": 16, "batch_size": 4, "num_workers": 1}


class Killed(Exception):
    """Stands for a process that died."""


class Killing(Callback):
    """Dies after some batches."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def after_batch(self, state) -> None:
        self.left -= 1
        if not self.left:
            raise Killed


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


def test_a_function_of_the_path_labels_photos(photo_folder):
    seen = []

    def folder(path):
        seen.append(path)
        return path.parent.name

    data = ImageDataBunch.from_path_func(photo_folder, None, folder, **SMALL)
    assert data.classes == ("blue", "green", "red")
    assert all(isinstance(path, Path) and path.is_file() for path in seen)
    files = sorted((photo_folder / "train").rglob("*.jpg"))
    listed = ImageDataBunch.from_path_func(photo_folder, files, folder, **SMALL)
    assert listed.train_dl.n_samples + listed.valid_dl.n_samples == 18


def test_a_function_of_the_path_may_give_values(photo_folder):
    data = ImageDataBunch.from_path_func(
        photo_folder, None, lambda path: float(path.stem[-1]), task="regression", **SMALL
    )
    assert data.one_batch().y.shape == (4, 1)
    assert data.classes == ()


def test_a_function_of_the_path_that_fails_is_named_with_the_file(photo_folder):
    first = photo_folder / "train" / "blue" / "blue_0.jpg"
    assert message_of(ImageDataBunch.from_path_func, photo_folder, None, lambda p: p.parts[99]) == (
        f"The label function failed on {first}: IndexError: tuple index out of range. It is given "
        "the file's Path."
    )


def uneven(photo_folder, make_photo):
    for number in range(12):
        make_photo(photo_folder / "train" / "red" / f"more_{number}.jpg", "red", seed=number)
    return photo_folder


def labels_of(data, epoch=0):
    return torch.cat([loaded.batch.y for loaded in data.train_dl.batches(epoch)]).tolist()


def test_balanced_photos_come_equally_often(photo_folder, make_photo):
    root = uneven(photo_folder, make_photo)
    plain = ImageDataBunch.from_folder(root, **SMALL)
    assert Counter(labels_of(plain)) == {0: 6, 1: 6, 2: 18}
    data = ImageDataBunch.from_folder(root, sampling="balanced", **SMALL)
    for epoch in range(3):
        counts = Counter(labels_of(data, epoch))
        assert counts.total() == 30
        assert abs(counts[2] - 10) <= 1
        assert all(abs(count - 10) <= 3 for count in counts.values())
    assert labels_of(data, 0) != labels_of(data, 1)
    assert len(data.valid_dl) == len(plain.valid_dl)
    assert data.train_dl.identity != plain.train_dl.identity


def test_tables_lists_and_datasets_are_sampled_too(photo_folder):
    files = sorted((photo_folder / "train").rglob("*.jpg"))
    labels = [path.parent.name for path in files]
    weights = [float(label == "red") for label in labels]
    data = ImageDataBunch.from_lists(photo_folder, files, labels, sampling=weights, **SMALL)
    assert set(labels_of(data)) == {2}
    x, y = torch.zeros(40, 2), [0] * 30 + [1] * 10
    arrays = DataBunch.from_arrays(x, y, sampling="balanced", batch_size=8)
    assert Counter(labels_of(arrays)) == {0: 16, 1: 16}
    dataset = torch.utils.data.TensorDataset(x, torch.tensor(y))
    data = DataBunch.from_dataset(dataset, sampling={"1": 3.0}, classes=["0", "1"], batch_size=8)
    assert Counter(labels_of(data))[1] in range(14, 19)


def test_eject_refuses_a_draw(tmp_path):
    data = DataBunch.from_arrays(torch.randn(20, 4), [0, 1] * 10, sampling="balanced", batch_size=5)
    learn = Learner(data, mlp(4, 3, 2))
    learn.fit(1)
    with pytest.raises(ExportError) as caught:
        learn.eject(tmp_path / "train.py")
    assert str(caught.value) == (
        "The samples of an epoch are drawn by weights (sampling=), which eject does not write. "
        "Leave sampling out, or put the draw into a script of your own."
    )


def test_a_fit_that_was_stopped_goes_on_with_the_same_draw(tmp_path):
    made = torch.Generator().manual_seed(0)
    x, y = torch.randn(40, 4, generator=made), [0] * 30 + [1] * 10

    def learner(kill_after=10**6):
        data = DataBunch.from_arrays(x, y, sampling="balanced", batch_size=8)
        return Learner(data, mlp(4, 8, 2, seed=0), callbacks=[Killing(kill_after)])

    whole, again = learner(), learner()
    whole.fit(3, 0.01)
    with pytest.raises(Killed):
        learner(6).fit(3, 0.01, checkpoint=tmp_path / "run", every_steps=2)
    again.fit(3, 0.01, checkpoint=tmp_path / "run", every_steps=2)
    assert len(again.history) == 3
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])
