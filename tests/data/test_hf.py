import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from learnkit.data.bunch import DataBunch
from learnkit.data.hf import (
    hf_classes,
    hf_label_sets,
    hf_labels,
    hf_parts,
    image_column,
    label_column,
    text_column,
)
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.splitters import fold_splitters, grouped_splitter
from learnkit.errors import DataError
from learnkit.learner import Learner

datasets = pytest.importorskip("datasets")
SMALL = {"size": 16, "batch_size": 4}


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


def jpeg(colour, seed):
    pixels = np.random.default_rng(seed).normal(0, 20, (24, 20, 3)) + colour
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}


def photos(n=12, first=0):
    colours = [(200, 60, 60), (60, 200, 60)]
    return datasets.Dataset.from_dict(
        {
            "image": [jpeg(colours[i % 2], first + i) for i in range(n)],
            "label": [i % 2 for i in range(n)],
            "who": [f"p{i // 3}" for i in range(n)],
        },
        features=datasets.Features(
            {
                "image": datasets.Image(),
                "label": datasets.ClassLabel(names=["red", "green"]),
                "who": datasets.Value("string"),
            }
        ),
    )


def numbers(n=20):
    rng = np.random.default_rng(0)
    return datasets.Dataset.from_dict(
        {
            "size": rng.normal(size=n).tolist(),
            "rooms": list(range(n)),
            "name": [f"home {i}" for i in range(n)],
            "price": rng.normal(size=n).tolist(),
        }
    )


def test_a_class_label_gives_the_classes_in_its_order_and_columns_are_found():
    data = ImageDataBunch.from_hf(photos(), **SMALL)
    assert data.classes == ("red", "green")
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (10, 2)
    assert (
        data.split == "0.2 of the samples held out at random, of each class its share, by seed 42"
    )
    batch = data.one_batch(train=False)
    assert batch.x.shape == (2, 3, 16, 16)
    assert batch.x.dtype == torch.uint8
    reds = batch.x[:, 0].float().mean((1, 2)) > batch.x[:, 1].float().mean((1, 2))
    assert reds.tolist() == [label == 0 for label in batch.y.tolist()]
    assert data.train_dl.describe(0) == "row 0 of the dataset"


def test_splits_of_a_dataset_dict_are_taken_by_their_usual_names():
    both = datasets.DatasetDict(train=photos(8), validation=photos(4, 50), test=photos(2, 90))
    data = ImageDataBunch.from_hf(both, **SMALL)
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (8, 4)
    assert data.split == "as given: split 'train' and split 'validation'"
    with pytest.warns(UserWarning, match="fewer training samples"):
        data = ImageDataBunch.from_hf(both, train="test", valid="validation", **SMALL)
    assert data.train_dl.n_samples == 2


def test_a_learner_trains_on_it():
    data = ImageDataBunch.from_hf(photos(16), num_workers=1, **SMALL)
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    learn = Learner(data, model)
    learn.fit(20, 0.3)
    assert learn.history[-1]["valid_loss"] < 0.2


def test_a_split_may_ask_for_any_column_and_fold():
    data = ImageDataBunch.from_hf(photos(), split=grouped_splitter("who", 0.25), **SMALL)
    assert data.valid_dl.n_samples == 3
    held = [
        ImageDataBunch.from_hf(photos(), split=split, **SMALL).valid_dl
        for split in fold_splitters(3)
    ]
    names = [loader.describe(i) for loader in held for i in range(loader.n_samples)]
    assert sorted(names) == sorted(f"row {i} of the dataset" for i in range(12))


def test_an_image_that_cannot_be_read_is_left_out_by_its_row():
    rows = photos().to_list()
    rows[3]["image"] = {"bytes": b"no image", "path": None}
    damaged = datasets.Dataset.from_list(rows, features=photos().features)
    data = ImageDataBunch.from_hf(damaged, split=(range(10), [10, 11]), **SMALL)
    with pytest.warns(UserWarning, match="row 3 of the dataset"):
        assert sum(len(batch.y) for batch in data.train_dl) == 9


def test_numbers_become_arrays():
    data = DataBunch.from_hf(numbers(), y_col="price", batch_size=8)
    batch = data.one_batch()
    assert batch.x.shape == (8, 2)
    assert (batch.x.dtype, batch.y.dtype) == (torch.float32, torch.float32)
    assert data.classes == ()
    data = DataBunch.from_hf(numbers(), y_col="size", x_cols=["rooms"], valid_pct=0.5, bs=8)
    assert data.one_batch().x.shape == (8, 1)


def test_a_column_of_lists_is_x_as_it_is():
    rows = datasets.Dataset.from_dict(
        {"pixels": [[float(i), 1.0, 2.0] for i in range(10)], "label": ["a", "b"] * 5}
    )
    data = DataBunch.from_hf(datasets.DatasetDict(train=rows, dev=rows), batch_size=10)
    assert data.classes == ("a", "b")
    assert sorted(data.one_batch().x[:, 0].tolist()) == list(range(10))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            lambda: hf_parts([1, 2]),
            "from_hf takes a Dataset or DatasetDict of Hugging Face datasets; the dataset is a "
            "list.",
        ),
        (
            lambda: hf_parts(photos().to_iterable_dataset()),
            "An IterableDataset streams and has no length (the dataset). Load it without "
            "streaming=True.",
        ),
        (lambda: hf_parts(photos().select([])), "There are no rows in the dataset."),
        (
            lambda: hf_parts(datasets.DatasetDict(train=photos(2)), valid="tset"),
            "The dataset has no split 'tset' (option valid). Its splits are: none.",
        ),
        (
            lambda: hf_parts(datasets.DatasetDict(a=photos(2), b=photos(2))),
            "There is no split to train on: the dataset has 'a', 'b'. Name one in train=.",
        ),
        (
            lambda: hf_parts(photos(), valid="test"),
            "valid='test' names a split, but this is one Dataset of 12 rows. Give the DatasetDict, "
            "or leave it out and hold out valid_pct.",
        ),
        (
            lambda: image_column(numbers(), None),
            "No column of images was found: the dataset has 'size', 'rooms', 'name', 'price'. Name "
            "it in image_col=.",
        ),
        (
            lambda: image_column(photos(), "who"),
            "Column 'who' (image_col) holds Value('string'), no images. Cast it with "
            "dataset.cast_column('who', datasets.Image()).",
        ),
        (
            lambda: label_column(photos(), "lable"),
            "The dataset has no column 'lable' (option label_col). Did you mean 'label'? Its "
            "columns are: image, label, who.",
        ),
        (
            lambda: DataBunch.from_hf(photos()),
            "No column besides 'label' holds numbers: the dataset has 'image', 'label', 'who'. "
            "ImageDataBunch.from_hf takes images, TextDataBunch.from_hf texts.",
        ),
        (
            lambda: DataBunch.from_hf(numbers(), y_col="price", x_cols=["siz"]),
            "The dataset has no column 'siz' (option x_cols). Did you mean 'size'? Its columns "
            "are: size, rooms, name, price.",
        ),
        (
            lambda: ImageDataBunch.from_hf(
                datasets.DatasetDict(train=photos(), dev=photos()), valid_pct=0.2
            ),
            "valid_pct=0.2 was given, but the dataset has a split 'dev' too. Give dataset['train'] "
            "alone to hold a part of it out.",
        ),
    ],
)
def test_what_cannot_be_used_is_named(call, expected):
    assert message_of(call) == expected


def test_a_row_without_a_label_is_named():
    names = datasets.Features({"label": datasets.ClassLabel(names=["a", "b"])})
    hidden = datasets.Dataset.from_dict({"label": [0, -1]}, features=names)
    assert message_of(hf_labels, hidden, "label", "split 'test'") == (
        "Row 1 (counted from 0) of split 'test' has no label: column 'label' is -1. Take the rows "
        "without one out with dataset.filter."
    )
    gap = datasets.Dataset.from_dict({"a": [1.0, None], "label": [0, 1]})
    assert message_of(DataBunch.from_hf, gap) == (
        "Row 1 (counted from 0) of the dataset has nothing in column 'a'. Fill it in, or take such "
        "rows out with dataset.filter."
    )


def test_texts_are_found_by_their_usual_name():
    rows = datasets.Dataset.from_dict({"id": ["1"], "text": ["hello"], "label": ["a"]})
    assert text_column(rows, None) == "text"
    assert text_column(rows.select_columns(["id"]), None) == "id"


def marked(lists, feature):
    data = {"text": [f"text {i}" for i in range(len(lists))], "labels": lists}
    features = datasets.Features({"text": datasets.Value("string"), "labels": feature})
    return datasets.Dataset.from_dict(data, features=features)


def list_of(feature):
    return (getattr(datasets, "List", None) or datasets.Sequence)(feature)


def test_lists_of_class_labels_are_given_by_their_names():
    names = datasets.ClassLabel(names=["joy", "anger"])
    part = marked([[0, 1], [], [1]], list_of(names))
    assert hf_label_sets(part, "labels", "here") == [("joy", "anger"), (), ("anger",)]
    assert hf_classes(part, "labels") == ("joy", "anger")
    part = marked([["b"], ["a", "b"]], list_of(datasets.Value("string")))
    assert hf_label_sets(part, "labels", "here") == [("b",), ("a", "b")]
    assert hf_label_sets(part, "text", "here") is None


def test_a_number_in_a_list_that_is_no_class_is_named():
    part = marked([[0], [-1]], list_of(datasets.ClassLabel(names=["joy", "anger"])))
    assert message_of(hf_label_sets, part, "labels", "here") == (
        "Row 1 (counted from 0) of here has a label that is no class: column 'labels' is [-1], and "
        "there are 2 classes."
    )


def test_lists_of_labels_are_no_classes_where_one_label_is_expected():
    part = marked([[0, 1], [1]], list_of(datasets.ClassLabel(names=["joy", "anger"])))
    assert message_of(hf_labels, part, "labels", "here") == (
        "Row 0 (counted from 0) of here has a list of labels: column 'labels' is [0, 1]. One label "
        "a row is expected here; TextDataBunch.from_hf takes lists, and so do from_df and "
        "from_lists of texts and of photos."
    )
