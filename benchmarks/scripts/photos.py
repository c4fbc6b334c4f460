"""torchvision's loaders of training and validation photos, for the scripts without a library."""

from pathlib import Path

import torch
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

FINISH = [
    v2.PILToTensor(),
    v2.ToDtype(torch.float32, scale=True),
    v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
]


def loaders(path: str, size: int, batch_size: int) -> tuple[DataLoader, DataLoader]:
    """Return the loaders of ``path/train``, changed at random, and ``path/valid``."""
    crop = [v2.RandomResizedCrop(size, scale=(0.35, 1)), v2.RandomHorizontalFlip()]
    middle = [v2.Resize(size), v2.CenterCrop(size)]
    train = ImageFolder(str(Path(path) / "train"), v2.Compose([*crop, *FINISH]))
    valid = ImageFolder(str(Path(path) / "valid"), v2.Compose([*middle, *FINISH]))
    options = {"batch_size": batch_size, "num_workers": 2, "persistent_workers": True}
    return DataLoader(train, shuffle=True, **options), DataLoader(valid, **options)
