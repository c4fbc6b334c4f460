import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

from learnkit.data.torch_images import RGBDataset, image_classes, own_size, to_rgb_tensor
from learnkit.errors import DataError


class Photos(Dataset):
    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", (40, 20), "red"),
        np.zeros((40, 20, 3), np.uint8),
        torch.zeros(3, 40, 20, dtype=torch.uint8),
        torch.zeros(1, 40, 20, dtype=torch.uint8),
    ],
)
def test_images_of_any_kind_are_fitted(image):
    fitted = to_rgb_tensor(image, (16, 24), "crop", name="Sample 0")
    assert fitted.shape == (3, 16, 24)
    assert fitted.dtype == torch.uint8


def test_float_tensors_of_the_size_stay_as_they_are():
    image = torch.randn(3, 8, 8)
    assert torch.equal(to_rgb_tensor(image, (8, 8), "crop", name="Sample 0"), image)
    gray = torch.randn(1, 8, 8)
    assert torch.equal(to_rgb_tensor(gray, (8, 8), "crop", name="Sample 0")[2], gray[0])


def test_float_tensors_of_another_size_are_named():
    said = message_of(to_rgb_tensor, torch.zeros(3, 9, 8), (8, 8), "crop", name="Sample 5")
    assert said == (
        "Sample 5 is a float32 tensor of shape (3, 9, 8), expected (3, 8, 8). Resize it in the "
        "dataset, or let the dataset give PIL images or uint8 tensors (3, H, W), which are "
        "resized here."
    )


def test_labels_outside_of_the_classes_are_named():
    photos = Photos([(Image.new("RGB", (8, 8)), 2), (Image.new("RGB", (8, 8)), "cat")])
    dataset = RGBDataset(photos, (8, 8), "crop", 2)
    assert message_of(dataset.__getitem__, 0) == (
        "Sample 0 of Photos has label 2, but with 2 classes labels run from 0 to 1."
    )
    assert message_of(dataset.__getitem__, 1) == (
        "Sample 1 of Photos has the label 'cat'. Let the dataset give the number of the class."
    )


def test_a_sample_must_be_a_pair():
    dataset = RGBDataset(Photos([{"image": 1}]), (8, 8), "crop", 2)
    assert message_of(dataset.__getitem__, 0) == (
        "A dataset must give pairs (image, label): Photos gave a dict for sample 0."
    )


def test_the_size_is_a_tensors_own_and_224_for_photos():
    assert own_size(TensorDataset(torch.zeros(1, 3, 8, 9), torch.zeros(1))) == (8, 9)
    assert own_size(Photos([(Image.new("RGB", (8, 8)), 0)])) == (224, 224)


def test_classes_are_given_or_the_datasets_own_or_counted():
    dataset = TensorDataset(torch.zeros(3, 3, 8, 8), torch.tensor([0, 1, 2]))
    assert image_classes(dataset, ["a", "b", "c"]) == ("a", "b", "c")
    assert image_classes(dataset, None) == ("0", "1", "2")
    dataset.classes = ["x", "y", "z"]
    assert image_classes(dataset, None) == ("x", "y", "z")


def test_unknown_or_too_few_classes_are_refused():
    assert message_of(image_classes, Photos([]), None) == (
        "The classes of Photos are not known, since it has neither classes nor targets. "
        "Give their names in classes=."
    )
    assert message_of(image_classes, Photos([]), ["a"]) == (
        "Training needs at least two classes: Photos has ['a']."
    )
    dataset = TensorDataset(torch.zeros(3, 3, 8, 8), torch.tensor([0, 1, 2]))
    assert message_of(image_classes, dataset, ["a", "b"]) == (
        "Sample 2 of TensorDataset has label 2, but with 2 classes labels run from 0 to 1."
    )
