"""Plain PyTorch: torchvision's loaders, a resnet34 with fastai's head, and the shortest loop."""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW, Optimizer
from torch.utils.data import DataLoader
from torchvision import models
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from benchmarks.settings import Settings

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def prepare_weights(settings: Settings) -> None:
    """Write the weights that all contenders read, where torchvision looks for downloads."""
    if settings.backbone.exists():
        return
    torch.manual_seed(0)
    model = models.resnet34(weights=None)
    if settings.weights:
        state = torch.load(settings.weights, map_location="cpu", weights_only=True)
        found = model.load_state_dict({k: _wide(v) for k, v in state.items()}, strict=False)
        wrong = [k for k in found.missing_keys if not k.startswith("fc.")] + found.unexpected_keys
        if wrong:
            raise ValueError(f"{settings.weights} holds no resnet34: {', '.join(wrong[:3])}.")
    settings.backbone.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), settings.backbone)


def _wide(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def train_loader(settings: Settings) -> DataLoader:
    """Return training photos, cropped and mirrored at random."""
    changes = [v2.RandomResizedCrop(settings.size, scale=(0.35, 1)), v2.RandomHorizontalFlip()]
    return _loader(settings, Path(settings.data) / "train", changes, shuffle=True)


def valid_loader(settings: Settings, folder: Path | None = None) -> DataLoader:
    """Return validation photos, or those of another folder, cropped in the middle."""
    changes = [v2.Resize(settings.size), v2.CenterCrop(settings.size)]
    return _loader(settings, folder or Path(settings.data) / "valid", changes, shuffle=False)


def _loader(
    settings: Settings, folder: Path, changes: list[nn.Module], *, shuffle: bool
) -> DataLoader:
    finish = [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    dataset = ImageFolder(str(folder), v2.Compose([*changes, *finish]))
    return DataLoader(
        dataset,
        batch_size=settings.batch_size,
        shuffle=shuffle,
        drop_last=shuffle and len(dataset) % settings.batch_size == 1,  # BatchNorm needs two
        num_workers=settings.workers,
        persistent_workers=settings.workers > 0,
    )


class ConcatPool(nn.Module):
    """Maximum and mean of each map, side by side."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 2C)."""
        return torch.cat([x.amax((2, 3)), x.mean((2, 3))], 1)


class Network(nn.Module):
    """resnet34 without its classifier, and the head that fastai and learnkit put on it."""

    def __init__(self, settings: Settings, n_classes: int, *, frozen: bool) -> None:
        super().__init__()
        torch.manual_seed(settings.seed)
        whole = models.resnet34(weights=None)
        whole.load_state_dict(torch.load(settings.backbone, weights_only=True))
        self.body = nn.Sequential(*list(whole.children())[:-2])
        self.head = _head(n_classes)
        self.frozen = frozen
        self.body.requires_grad_(not frozen)

    def train(self, mode: bool = True) -> "Network":
        """Switch modes; a frozen body keeps its BatchNorm statistics."""
        super().train(mode)
        if self.frozen:
            self.body.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, K)."""
        return self.head(self.body(x))


def _head(n_classes: int) -> nn.Sequential:
    first, last = nn.Linear(1024, 512, bias=False), nn.Linear(512, n_classes, bias=False)
    for layer in (first, last):
        nn.init.kaiming_normal_(layer.weight)
    early = [ConcatPool(), nn.BatchNorm1d(1024), nn.Dropout(0.25), first, nn.ReLU(inplace=True)]
    return nn.Sequential(*early, nn.BatchNorm1d(512), nn.Dropout(0.5), last)


def optimizer_of(model: nn.Module, lr: float) -> Optimizer:
    """Return torch's AdamW as it comes, over the weights that train."""
    return AdamW([p for p in model.parameters() if p.requires_grad], lr=lr)


def train(model: nn.Module, batches: Iterable, optimizer: Optimizer) -> None:
    """Train one epoch."""
    model.train()
    for x, y in batches:
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@torch.inference_mode()
def accuracy(model: nn.Module, batches: Iterable) -> float:
    """Return the fraction of right answers, the validation loss computed beside it."""
    model.eval()
    right = count = 0
    loss = torch.zeros(())
    for x, y in batches:
        preds = model(x)
        loss += functional.cross_entropy(preds, y, reduction="sum")
        right += int((preds.argmax(1) == y).sum())
        count += len(y)
    return right / count
