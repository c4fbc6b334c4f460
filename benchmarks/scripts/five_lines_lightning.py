"""Lightning: a folder of photos to an accuracy. It takes more than five lines."""

import sys

import lightning
import torch
from photos import loaders
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.classification import MulticlassAccuracy
from torchvision import models


class Classifier(lightning.LightningModule):
    """A frozen resnet34 with a new last layer."""

    def __init__(self, weights: str, n_classes: int) -> None:
        super().__init__()
        self.body = models.resnet34(weights=None)
        self.body.load_state_dict(torch.load(weights, weights_only=True))
        self.body.requires_grad_(False).fc = nn.Identity()
        self.head = nn.Linear(512, n_classes)
        self.accuracy = MulticlassAccuracy(n_classes, average="micro")

    def on_train_epoch_start(self) -> None:
        """Keep the BatchNorm statistics of the frozen body."""
        self.body.eval()

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """Return the loss."""
        return functional.cross_entropy(self.head(self.body(batch[0])), batch[1])

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        """Count right answers."""
        self.accuracy(self.head(self.body(batch[0])), batch[1])
        self.log("accuracy", self.accuracy, prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return torch's AdamW over the head."""
        return torch.optim.AdamW(self.head.parameters(), lr=3e-3)


path, weights, epochs, size, seed, batch_size = sys.argv[1:]
lightning.seed_everything(int(seed), verbose=False)
train, valid = loaders(path, int(size), int(batch_size))
quiet = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False}
trainer = lightning.Trainer(max_epochs=int(epochs), accelerator="auto", devices=1, **quiet)
trainer.fit(Classifier(weights, len(train.dataset.classes)), train, valid)
print("\n", float(trainer.callback_metrics["accuracy"]))
