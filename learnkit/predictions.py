"""Run a model over a whole loader: plain, or in several augmented views.

No graph, the precision of training, and a body without BatchNorm passes: see `models.fast_body`.
Knows nothing of classes, files or folders.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import NamedTuple

import torch
from torch import Tensor, nn

from learnkit.data.batch import BatchPipeline
from learnkit.errors import DataError
from learnkit.models.fast_body import FastBody, fast_body, has_fast_body
from learnkit.precision import Precision
from learnkit.randomness import SampleKeys
from learnkit.types import Batch, BatchLoader, Loaded, batches_of


class Predictions(NamedTuple):
    """``preds`` float32 (N, K) on the CPU; ``targets`` as the loader gave them, (N,)."""

    preds: Tensor
    targets: Tensor


def _x_alone(model: nn.Module, batch: Batch) -> Tensor:
    return batch.x


class Engine(NamedTuple):
    """What turns a loader's batches into raw predictions.

    Attributes:
        model: put in eval mode.
        pipeline: prepares each batch.
        precision: in which numbers.
        fast: how the model's body is run.
        question: what of a prepared batch the model is given, see `Task.question`.
    """

    model: nn.Module
    pipeline: BatchPipeline
    precision: Precision
    fast: FastBody
    question: Callable[[nn.Module, Batch], Tensor] = _x_alone

    def prepare(self) -> None:
        """Do ahead what the first batch would wait for, so that threads may share the engine."""
        if has_fast_body(self.model):
            with self.precision.forward_context():
                self.fast.prepare(self.model.body, self.pipeline.device)

    def run(
        self,
        loader: BatchLoader,
        *,
        keys: Callable[[Loaded], SampleKeys | None] = lambda loaded: None,
    ) -> Generator[tuple[Loaded, Tensor], None, None]:
        """Yield each batch with its raw predictions, float32, on the device.

        Args:
            loader: whatever gives the batches.
            keys: the keys of a batch's random choices; none by default, so nothing is augmented.
        """
        self.model.eval()
        with fast_body(self.model, self.fast, training=False), batches_of(loader) as batches:
            for loaded in batches:
                yield loaded, self.answer(loaded, keys(loaded))

    def answer(self, loaded: Loaded, keys: SampleKeys | None) -> Tensor:
        """Return the raw predictions of one batch, float32 (B, ...)."""
        with torch.no_grad():
            x = self.question(self.model, self.pipeline.prepare(loaded, keys=keys))
            with self.precision.forward_context():
                preds: Tensor = self.model(x)
            return preds.float()


def predict_loader(
    engine: Engine,
    loader: BatchLoader,
    *,
    keys: Callable[[Loaded], SampleKeys | None] = lambda loaded: None,
) -> Predictions:
    """Predict a loader: raw predictions and targets, on the CPU.

    Args:
        engine: what predicts.
        loader: whatever gives the batches.
        keys: as in ``Engine.run``.

    Raises:
        DataError: when the loader gives no batch.
    """
    preds: list[Tensor] = []
    targets: list[Tensor] = []
    with closing(engine.run(loader, keys=keys)) as answers:
        for loaded, answer in answers:
            preds.append(answer)
            targets.append(loaded.batch.y)
    if not preds:
        raise DataError("the loader gave no batch, so there is nothing to predict.")
    return Predictions(torch.cat(preds).cpu(), torch.cat(targets).cpu())


def augmented_views(
    engine: Engine, loader: BatchLoader, *, n: int, seed: int
) -> Generator[Tensor, None, None]:
    """Yield raw predictions of ``n`` augmented views of a loader, each float32 (N, K).

    Raises:
        ValueError: when ``n`` is below 1, or answers lie on the photos and would be moved too.
    """
    if engine.pipeline.moves:
        raise ValueError(
            "tta changes photos at random, and masks or points that are predicted would have to be "
            "moved back, which it does not do; get_preds() predicts the photos as they are."
        )
    if n < 1:
        raise ValueError(f"tta needs n >= 1 augmented views; got {n}.")
    for view in range(n):

        def keys(loaded: Loaded, view: int = view) -> SampleKeys:
            return SampleKeys(seed, view, loaded.indices)

        yield predict_loader(engine, loader, keys=keys).preds
