import builtins
import csv
import shutil

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, TensorDataset

from learnkit.data.augment import Flip
from learnkit.data.disk_cache import cache_files
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.presets import get_transforms
from learnkit.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore:There are fewer training samples")
SMALL = {"size": 16, "batch_size": 6, "num_workers": 0}


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


@pytest.fixture
def flat(photo_folder):
    """The 24 photos in one folder, as ``red_t0.jpg`` and the like."""
    folder = photo_folder.parent / "flat"
    folder.mkdir()
    for part, letter in (("train", "t"), ("valid", "v")):
        for path in (photo_folder / part).rglob("*.jpg"):
            shutil.copy(path, folder / path.name.replace("_", f"_{letter}"))
    return folder


def write_table(folder, rows, name="labels.csv"):
    with (folder / name).open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def rows_of(folder):
    return [(p.name, p.name.split("_")[0]) for p in sorted(folder.glob("*.jpg"))]


# folders


def test_class_folders_become_batches(photo_folder):
    data = ImageDataBunch.from_folder(photo_folder, **SMALL)
    assert data.classes == ("blue", "green", "red")
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (18, 6)
    assert (data.size, data.resize, data.seed) == ((16, 16), "crop", 42)
    x, y = data.one_batch()
    assert (x.shape, x.dtype) == ((6, 3, 16, 16), torch.uint8)
    assert y.dtype == torch.int64


def test_labels_belong_to_their_photos(photo_folder):
    data = ImageDataBunch.from_folder(photo_folder, **SMALL)
    brightest = {"red": 0, "green": 1, "blue": 2}
    for loader in (data.train_dl, data.valid_dl):
        for x, y in loader:
            channel = x.float().mean(dim=(2, 3)).argmax(dim=1)
            assert channel.tolist() == [brightest[data.classes[i]] for i in y]


def test_given_classes_set_the_order(photo_folder):
    data = ImageDataBunch.from_folder(photo_folder, classes=["red", "blue", "green"], **SMALL)
    assert data.one_batch(train=False).y.tolist() == [1, 1, 2, 2, 0, 0]


def test_a_fraction_of_class_folders_is_held_out(photo_folder):
    data = ImageDataBunch.from_folder(photo_folder / "train", valid_pct=1 / 3, **SMALL)
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (12, 6)
    assert data.one_batch(train=False).y.tolist() == [0, 0, 1, 1, 2, 2]


def test_the_training_folder_is_split_when_there_is_no_other(photo_folder):
    shutil.rmtree(photo_folder / "valid")
    data = ImageDataBunch.from_folder(photo_folder, valid_pct=0.5, **SMALL)
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (9, 9)


def test_a_test_folder_gives_test_batches(photo_folder, make_photo):
    make_photo(photo_folder / "test" / "x.jpg")
    data = ImageDataBunch.from_folder(photo_folder, test="test", **SMALL)
    assert data.test_dl.n_samples == 1
    assert data.test_dl.describe(0) == str(photo_folder / "test/x.jpg")
    assert repr(data).splitlines()[-2:] == [
        "  test         1        1           6",
        "  size 16 x 16, resize 'crop'",
    ]


def test_one_class_is_refused_before_training(photo_folder):
    for part in ("train", "valid"):
        for colour in ("blue", "green"):
            shutil.rmtree(photo_folder / part / colour)
    assert message_of(ImageDataBunch.from_folder, photo_folder) == (
        f"Training needs images of at least two classes: all 6 of {photo_folder}/train are of "
        "class 'red'."
    )


def test_a_class_only_in_valid_is_refused_unless_classes_are_given(photo_folder):
    shutil.rmtree(photo_folder / "train/red")
    assert message_of(ImageDataBunch.from_folder, photo_folder) == (
        f"Class 'red' is in {photo_folder}/valid but not in {photo_folder}/train, which has "
        f"'blue', 'green'. Add images of it to {photo_folder}/train, take it out of "
        f"{photo_folder}/valid, or give every class in classes=."
    )
    data = ImageDataBunch.from_folder(photo_folder, classes=["red", "green", "blue"], **SMALL)
    assert data.n_classes == 3


def test_fewer_images_than_a_batch_train_with_one_line(photo_folder):
    with pytest.warns(UserWarning, match="fewer") as warned:
        data = ImageDataBunch.from_folder(photo_folder, size=16)
    assert [str(warning.message) for warning in warned] == [
        "There are fewer training samples (18) than batch_size=64: each epoch is one batch of 18."
    ]
    assert warned[0].filename == __file__
    assert len(data.one_batch().y) == 18


@pytest.mark.parametrize(
    ("word", "right"), [("batchsize", "batch_size"), ("ds_tfms", "tfms"), ("valid_pc", "valid_pct")]
)
def test_a_misspelt_option_fails_with_the_nearest(photo_folder, word, right):
    with pytest.raises(TypeError) as error:
        ImageDataBunch.from_folder(photo_folder, **{word: 1})
    assert str(error.value) == (
        f"ImageDataBunch.from_folder() has no argument {word!r}. Did you mean {right!r}?"
    )


def test_transforms_reach_the_bunch_in_their_order(photo_folder):
    given = [torch.neg, Flip(), torch.abs]
    assert ImageDataBunch.from_folder(photo_folder, tfms=given, **SMALL).batch_tfms == tuple(given)
    default = ImageDataBunch.from_folder(photo_folder, **SMALL)
    assert default.batch_tfms == (Flip(),)
    preset = get_transforms()
    assert ImageDataBunch.from_folder(photo_folder, tfms=preset).batch_tfms == preset.batch


def test_without_transforms_training_images_are_fitted_like_the_others(photo_folder):
    data = ImageDataBunch.from_folder(photo_folder, tfms=None, valid="train", **SMALL)
    train = {tuple(x.flatten().tolist()) for batch in data.train_dl for x in batch.x}
    valid = {tuple(x.flatten().tolist()) for batch in data.valid_dl for x in batch.x}
    assert train == valid


def test_the_same_seed_gives_the_same_batches_with_any_number_of_workers(photo_folder):
    batches = [
        ImageDataBunch.from_folder(photo_folder, size=16, num_workers=n, cache=cache).one_batch()
        for n, cache in ((0, None), (2, "auto"), (2, "disk"))
    ]
    for other in batches[1:]:
        assert torch.equal(batches[0].x, other.x)
        assert torch.equal(batches[0].y, other.y)


def test_images_are_kept_on_disk_for_both_sides_when_asked(photo_folder, own_home):
    data = ImageDataBunch.from_folder(photo_folder, cache="disk", **SMALL)
    for loader in (data.train_dl, data.valid_dl):
        list(loader)
    found = cache_files(own_home / "decoded")
    assert sorted((file.kept, file.n, file.words) for file in found) == [
        (6, 6, "16x16 crop"),
        (18, 18, "16x16 to be cropped"),
    ]


@pytest.mark.parametrize("errors", ["skip", "raise"])
def test_a_photo_that_cannot_be_read_is_left_out_or_stops_as_told(photo_folder, errors):
    path = photo_folder / "valid/blue/blue_1.jpg"
    path.write_bytes(b"")
    data = ImageDataBunch.from_folder(photo_folder, errors=errors, **SMALL)
    said = f"{path} cannot be read as an image: the file is empty (0 bytes)."
    if errors == "raise":
        assert message_of(list, data.valid_dl) == said
        return
    with pytest.warns(UserWarning, match="left out") as caught:
        (batch,) = data.valid_dl
    assert [str(one.message) for one in caught] == [f"An image is left out: {said}"]
    assert len(batch.y) == 5


def test_hidden_files_upper_case_suffixes_and_deep_folders(photo_folder, make_photo):
    make_photo(photo_folder / "train/red/deep/er/X.JPG")
    (photo_folder / "train/red/.hidden.jpg").touch()
    data = ImageDataBunch.from_folder(photo_folder, **SMALL)
    assert data.train_dl.n_samples == 19
    assert data.n_classes == 3


# tables


def test_a_csv_file_is_read_without_pandas(flat, monkeypatch):
    real = builtins.__import__

    def no_pandas(name, *args, **kwargs):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_pandas)
    write_table(flat, [("name", "label"), *rows_of(flat)])
    data = ImageDataBunch.from_csv(flat, valid_pct=0.25, **SMALL)
    assert data.classes == ("blue", "green", "red")
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (18, 6)


def test_a_csv_file_may_say_the_split_and_leave_folder_and_suffix_out(flat):
    rows = [(name[:-4], label, "_v" in name) for name, label in rows_of(flat)]
    write_table(flat.parent, [("id", "what", "held"), *rows], "split.csv")
    data = ImageDataBunch.from_csv(
        flat.parent,
        "split.csv",
        fn_col="id",
        label_col="what",
        valid_col="held",
        folder="flat",
        suffix=".jpg",
        **SMALL,
    )
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (18, 6)
    assert data.valid_dl.describe(0) == str(flat / "blue_v0.jpg")


def test_files_of_a_table_that_do_not_exist_are_named(flat):
    write_table(flat, [("name", "label"), ("no.jpg", "red"), *rows_of(flat), ("nil.jpg", "red")])
    assert message_of(ImageDataBunch.from_csv, flat) == (
        f"2 of the 26 files named in labels.csv do not exist in {flat}: no.jpg, nil.jpg."
    )


def test_duplicate_rows_are_fine_and_stay_on_one_side(flat):
    rows = rows_of(flat)
    write_table(flat, [("name", "label"), *rows, *rows])
    data = ImageDataBunch.from_csv(flat, valid_pct=0.25, **SMALL)
    train, valid = (
        {dl.describe(i) for i in range(dl.n_samples)} for dl in (data.train_dl, data.valid_dl)
    )
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (36, 12)
    assert not train & valid


def test_a_dataframe_is_read(flat):
    pandas = pytest.importorskip("pandas")
    df = pandas.DataFrame(rows_of(flat), columns=["file", "colour"])
    data = ImageDataBunch.from_df(df, flat, label_col="colour", **SMALL)
    assert data.classes == ("blue", "green", "red")
    df.loc[3, "colour"] = None
    assert message_of(ImageDataBunch.from_df, df, flat) == (
        "The table, row 3 (counted from 0) has no label (column 1). Fill it in, or remove the row."
    )


def test_a_class_only_in_the_validation_rows_is_named(flat):
    rows = [(name, label, label == "red") for name, label in rows_of(flat)]
    write_table(flat, [("name", "label", "is_valid"), *rows])
    assert message_of(ImageDataBunch.from_csv, flat, valid_col="is_valid") == (
        "Class 'red' is in the validation rows of labels.csv but not in the training rows of "
        "labels.csv, which has 'blue', 'green'. Add training rows of it, or give every class in "
        "classes=."
    )


# lists and names


def test_lists_of_files_and_labels(flat):
    names, labels = zip(*rows_of(flat), strict=True)
    data = ImageDataBunch.from_lists(flat, names, labels, valid_pct=0.5, **SMALL)
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (12, 12)
    assert message_of(ImageDataBunch.from_lists, flat, names, labels[1:]) == (
        "files and labels must be equally long: found 24 and 23."
    )
    assert message_of(ImageDataBunch.from_lists, flat, names, [None, *labels[1:]]) == (
        "The list, row 0 (counted from 0) has no label (column 'label'). Fill it in, or remove the "
        "row."
    )


def test_whole_numbers_as_labels_are_sorted_by_value(flat):
    names = [name for name, _ in rows_of(flat)]
    with pytest.warns(UserWarning, match="trained on, but the validation part of files has no"):
        data = ImageDataBunch.from_lists(flat, names, [i % 12 for i in range(24)], **SMALL)
    assert data.classes == tuple(str(i) for i in range(12))


def test_names_are_labelled_by_a_pattern_or_a_function(flat):
    by_pattern = ImageDataBunch.from_name_re(flat, None, r"^(\w+)_", **SMALL)
    by_function = ImageDataBunch.from_name_func(flat, None, lambda n: n.split("_")[0], **SMALL)
    assert by_pattern.classes == by_function.classes == ("blue", "green", "red")
    assert torch.equal(by_pattern.one_batch().x, by_function.one_batch().x)


def test_a_name_that_does_not_match_is_named(flat):
    assert message_of(ImageDataBunch.from_name_re, flat, None, r"^(\d+)_") == (
        rf"The pattern '^(\\d+)_' does not match the file {flat}/blue_t0.jpg."
    )


# datasets and loaders


class Photos(Dataset):
    classes = ("dark", "light")

    def __len__(self):
        return 10

    def __getitem__(self, index):
        shade = 200 if index % 2 else 20
        return Image.new("RGB", (40 + index, 30), (shade, shade, shade)), index % 2


def test_a_dataset_of_photos_of_any_size_is_fitted():
    data = ImageDataBunch.from_dataset(Photos(), size=(8, 12), bs=4)
    assert data.classes == ("dark", "light")
    assert data.size == (8, 12)
    x, y = data.one_batch()
    assert (x.shape, x.dtype) == ((4, 3, 8, 12), torch.uint8)
    assert (x[:, 0, 0, 0] > 100).long().tolist() == y.tolist()


def test_a_dataset_of_tensors_keeps_their_size():
    dataset = TensorDataset(torch.rand(10, 1, 8, 8), torch.arange(10) % 3)
    data = ImageDataBunch.from_dataset(dataset, dataset, tfms=[Flip()], bs=4)
    assert data.classes == ("0", "1", "2")
    assert data.size == (8, 8)
    assert data.one_batch().x.shape == (4, 3, 8, 8)
    assert data.batch_tfms == (Flip(),)


def test_loaders_of_images_tell_their_size():
    dl = DataLoader(TensorDataset(torch.rand(4, 3, 8, 6), torch.tensor([0, 1, 0, 1])), batch_size=2)
    data = ImageDataBunch.from_dls(dl, dl, classes=["a", "b"])
    assert data.size == (8, 6)
    flat = DataLoader(TensorDataset(torch.rand(4, 3), torch.zeros(4)), batch_size=2)
    assert message_of(ImageDataBunch.from_dls, flat) == (
        "ImageDataBunch needs batches of images (B, C, H, W): found shape (2, 3). "
        "DataBunch takes batches of anything."
    )


# pictures


def test_show_batch_draws_labelled_training_images(photo_folder, tmp_path):
    data = ImageDataBunch.from_folder(photo_folder, **SMALL)
    data.show_batch(4, path=tmp_path / "batch.png")
    with Image.open(tmp_path / "batch.png") as drawn:
        assert drawn.size == (480, 540)
    assert message_of(data.show_batch, 0) == "show_batch draws at least 1 image: found n=0."


def test_show_batch_applies_the_transforms(photo_folder, tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        "learnkit.data.image_base.draw_grid", lambda x, titles, path: drawn.update(x=x, t=titles)
    )
    data = ImageDataBunch.from_folder(photo_folder, tfms=[torch.zeros_like], **SMALL)
    data.show_batch(path=tmp_path / "batch.png")
    assert drawn["x"].abs().max() == 0
    assert drawn["t"] == [data.classes[i] for i in data.one_batch().y]


@pytest.mark.shared
def test_real_photos_are_read(shared_dir):
    data = ImageDataBunch.from_folder(shared_dir / "data" / "flowers_tiny", size=64, bs=8)
    assert data.classes == ("daisy", "dandelion", "roses", "sunflowers", "tulips")
    assert data.one_batch().x.shape == (8, 3, 64, 64)
