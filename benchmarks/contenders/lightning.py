"""Lightning's module and trainer around any network."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import TQDMProgressBar
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW, Optimizer
from torchmetrics.classification import MulticlassAccuracy


class NoList:
    """Batches that exist; Lightning would take a list of them for a list of loaders."""

    def __init__(self, batches: Sequence[tuple[Tensor, Tensor]]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(self._batches)


class Classifier(lightning.LightningModule):
    """Cross-entropy, AdamW and accuracy around a network."""

    def __init__(self, network: nn.Module, n_classes: int, lr: float) -> None:
        super().__init__()
        self.network = network
        self.lr = lr
        self.accuracy = MulticlassAccuracy(n_classes, average="micro")

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """Return the loss, shown in the bar."""
        loss = functional.cross_entropy(self.network(batch[0]), batch[1])
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        """Count right answers."""
        preds = self.network(batch[0])
        self.accuracy(preds, batch[1])
        self.log("valid_loss", functional.cross_entropy(preds, batch[1]), prog_bar=True)
        self.log("accuracy", self.accuracy, prog_bar=True)

    def configure_optimizers(self) -> Optimizer:
        """Return torch's AdamW over what trains."""
        return AdamW([p for p in self.parameters() if p.requires_grad], lr=self.lr)

    def on_train_epoch_start(self) -> None:
        """Put the network in its own training mode: a frozen body stays in eval."""
        self.network.train()


def fit(model: Classifier, train: Any, valid: Any, *, epochs: int, bar: bool = False) -> float:
    """Train silently, or with a bar where standard output goes; return the last accuracy."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=bar,
        callbacks=[TQDMProgressBar()] if bar else [],
        num_sanity_val_steps=0,
    )
    trainer.fit(model, train, valid)
    return float(trainer.callback_metrics["accuracy"])
