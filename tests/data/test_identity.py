import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from learnkit.data.dataset_loader import DatasetLoader
from learnkit.data.geometry import RandomResizedCrop
from learnkit.data.identity import array_digest, dataset_digest, dataset_name, names_digest
from learnkit.data.loader import ImageLoader
from learnkit.data.pixels import RGB
from learnkit.data.source import FileSource, ItemSource
from learnkit.data.torch_images import RGBDataset
from learnkit.data.torch_loader import TorchLoader
from learnkit.types import IdentifiedLoader, Identity

NAMES = ["cat/1.jpg", "dog/2.jpg", "dog/3.jpg"]


class Photos(Dataset[Any]):
    """Holds lists as torchvision's ImageFolder does."""

    def __init__(self, root: str, names: list[str], targets: object = None) -> None:
        self.root = root
        self.samples = [(f"{root}/{name}", place) for place, name in enumerate(names)]
        self.imgs = self.samples
        self.targets = targets if targets is not None else [place for _, place in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        raise AssertionError


class Keyed:
    """A source of the user's own."""

    def __init__(self, key: str, name: str = "image") -> None:
        self.key, self.name = key, name

    def __len__(self) -> int:
        return 2

    def describe(self, index: int) -> str:
        return f"{self.name} {index}"

    def stamp(self, index: int) -> int:
        return 0

    def load(self, index: int, min_short: int) -> RGB:
        raise AssertionError


def of_images(
    root: str = "photos", names: Any = NAMES, labels: Any = (0, 1, 1), **options: Any
) -> Identity:
    return ImageLoader(FileSource(root, names), np.array(labels), **options).identity


def of_dataset(dataset: Dataset[Any], **options: Any) -> Identity:
    return DatasetLoader(dataset, **options).identity


def tensors(n: int = 6, *, dtype: torch.dtype = torch.float32) -> TensorDataset:
    return TensorDataset(torch.arange(n * 2).reshape(n, 2).to(dtype), torch.arange(n))


def test_an_image_loader_tells_all_that_decides_its_batches() -> None:
    crop = RandomResizedCrop()
    found = of_images(batch_size=2, size=(8, 9), crop=crop, shuffle=True, seed=5, drop_last=True)
    assert found == {
        "kind": "ImageLoader",
        "samples": 3,
        "batch_size": 2,
        "shuffle": True,
        "drop_last": True,
        "seed": 5,
        "size": "8x9",
        "resize": "crop",
        "crop": "RandomResizedCrop(min_scale=0.35, ratio=(0.75, 1.3333333333333333))",
        "names": names_digest(FileSource(".", NAMES)),
        "labels": array_digest(np.array([0, 1, 1])),
    }
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    "options",
    [
        {"names": ["cat/1.jpg", "dog/3.jpg", "dog/2.jpg"]},
        {"labels": (0, 1, 0)},
        {"labels": (0.0, 1.0, 1.0)},
        {"batch_size": 3},
        {"shuffle": True},
        {"drop_last": True},
        {"seed": 7},
        {"size": (8, 16)},
        {"resize": "pad"},
        {"crop": RandomResizedCrop(0.5)},
    ],
)
def test_whatever_changes_the_batches_changes_the_identity(options: dict[str, Any]) -> None:
    assert of_images(**options) != of_images()


def test_threads_caches_and_the_place_of_the_folder_do_not_count() -> None:
    other = of_images("/elsewhere/photos", tuple(NAMES), num_workers=3, cache=None, prefetch=5)
    assert other == of_images()


def test_a_caller_that_changes_what_it_got_changes_nothing() -> None:
    loader = ImageLoader(FileSource("photos", NAMES), np.zeros(3))
    loader.identity["samples"] = 0
    assert loader.identity["samples"] == 3


def test_the_digests_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loaders: list[IdentifiedLoader] = [
        ImageLoader(FileSource("photos", NAMES), np.zeros(3)),
        DatasetLoader(tensors()),
        TorchLoader(DataLoader(tensors())),
    ]
    first = [loader.identity for loader in loaders]
    monkeypatch.setattr(hashlib, "sha256", None)
    assert [loader.identity for loader in loaders] == first


def test_other_sources_are_told_apart_by_their_key_or_by_what_they_say() -> None:
    assert names_digest(Keyed("a")) == names_digest(Keyed("a", "photo"))
    assert names_digest(Keyed("a")) != names_digest(Keyed("b"))
    assert names_digest(Keyed("")) != names_digest(Keyed("", "photo"))
    assert names_digest(ItemSource(["x.jpg"])) != names_digest(ItemSource(["y.jpg"]))


def test_a_dataset_loader_tells_the_bytes_of_tensors_in_memory() -> None:
    found = of_dataset(tensors(), batch_size=4, shuffle=True, seed=3)
    assert found == {
        "kind": "DatasetLoader",
        "samples": 6,
        "batch_size": 4,
        "shuffle": True,
        "drop_last": False,
        "seed": 3,
        "dataset": "TensorDataset",
        "data": dataset_digest(tensors()),
    }
    other = tensors()
    other.tensors[0][3, 1] += 1
    shaped = TensorDataset(tensors().tensors[0].reshape(6, 1, 2), tensors().tensors[1])
    whole = tensors(dtype=torch.int32)
    assert len({dataset_digest(each) for each in (tensors(), other, shaped, whole)}) == 4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.bool, torch.complex64, torch.float64])
def test_tensors_of_every_type_have_a_digest_wherever_they_lie(dtype: torch.dtype) -> None:
    x, y = tensors(dtype=dtype).tensors
    strided = torch.stack([x, x], dim=-1)[..., 0]
    assert not strided.is_contiguous()
    assert dataset_digest(TensorDataset(strided, y)) == dataset_digest(TensorDataset(x, y))


def test_the_places_of_a_subset_count_and_its_type_is_told() -> None:
    parts = [Subset(tensors(), places) for places in ([0, 1], [0, 2])]
    assert dataset_digest(parts[0]) != dataset_digest(parts[1])
    assert dataset_digest(parts[0]) == dataset_digest(Subset(tensors(), [0, 1]))
    assert dataset_name(RGBDataset(parts[0], (8, 8), "crop", 2)) == (
        "RGBDataset of Subset of TensorDataset"
    )


def test_the_size_that_images_of_a_dataset_are_brought_to_counts() -> None:
    photos = Photos("flowers", NAMES)
    wrapped = [RGBDataset(photos, (8, 8), how, 3) for how in ("crop", "pad")]
    wrapped.append(RGBDataset(photos, (8, 9), "crop", 3))
    assert len({dataset_digest(each) for each in wrapped}) == 3


def test_the_lists_of_torchvision_count_from_the_folder_on() -> None:
    here = dataset_digest(Photos("flowers", NAMES))
    assert dataset_digest(Photos("/elsewhere/flowers", NAMES)) == here
    assert dataset_digest(Photos("flowers", NAMES[::-1])) != here
    targets = [[0, 1, 1], torch.tensor([0, 1, 1]), np.array([0, 1, 1]), [np.int64(0), 1, 1]]
    assert all(dataset_digest(Photos("flowers", NAMES, each)) != here for each in targets)


def test_lists_of_anything_else_are_not_looked_into() -> None:
    found = dataset_digest(Photos("flowers", NAMES, [object(), object()]))
    assert found == dataset_digest(Photos("flowers", NAMES, [object()]))
    assert found != dataset_digest(Photos("flowers", NAMES))


def test_a_torch_loader_tells_what_the_dataloader_says() -> None:
    found = TorchLoader(DataLoader(tensors(), 4, shuffle=True), seed=3).identity
    assert found == {
        "kind": "TorchLoader",
        "samples": 6,
        "batches": 2,
        "batch_size": 4,
        "drop_last": False,
        "seed": 3,
        "sampler": "RandomSampler",
        "dataset": "TensorDataset",
        "data": dataset_digest(tensors()),
    }
    sampler = torch.utils.data.BatchSampler(range(6), 3, False)
    own = TorchLoader(DataLoader(tensors(), batch_sampler=sampler)).identity
    assert (own["sampler"], own["batch_size"]) == ("BatchSampler", 3)


def test_every_loader_of_ours_can_tell() -> None:
    images = ImageLoader(FileSource("photos", NAMES), np.zeros(3))
    for loader in (images, DatasetLoader(tensors()), TorchLoader(DataLoader(tensors()))):
        assert isinstance(loader, IdentifiedLoader)
    assert not isinstance(tensors(), IdentifiedLoader)


def test_another_process_tells_the_same(tmp_path: Path) -> None:
    script = tmp_path / "tell.py"
    script.write_text(
        "import json, numpy as np, torch\n"
        "from learnkit.data.dataset_loader import DatasetLoader\n"
        "from learnkit.data.loader import ImageLoader\n"
        "from learnkit.data.source import FileSource\n"
        f"source = FileSource('there', {NAMES!r})\n"
        "x = torch.arange(12.0).reshape(6, 2)\n"
        "data = torch.utils.data.TensorDataset(x, torch.arange(6))\n"
        "images = ImageLoader(source, np.array([0, 1, 1]))\n"
        "print(json.dumps([images.identity, DatasetLoader(data).identity]))\n"
    )
    told = subprocess.run([sys.executable, script], capture_output=True, check=True).stdout
    assert json.loads(told) == [of_images(), of_dataset(tensors())]
