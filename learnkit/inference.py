"""From a trained model to answers: one photo, a list, a folder, a loader.

`load_learner` gives a `Predictor` from an export; a Learner's own ``predict`` uses the same code,
so both give the same numbers. Everything here computes in fp32, whatever the training did.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from learnkit.data.batch import BatchPipeline, Normalize
from learnkit.data.decode import ImageLike, decode_any
from learnkit.data.geometry import fit_image, shrink, working_short
from learnkit.data.items import list_images
from learnkit.data.loader import default_workers
from learnkit.data.pixels import RGB
from learnkit.data.warn import warn_user
from learnkit.device import resolve_device
from learnkit.errors import DataError, ExportError
from learnkit.export import ImageInputs, ModelCard, read_export
from learnkit.losses import ACTIVATIONS
from learnkit.names import checked_keywords
from learnkit.randomness import SampleKeys
from learnkit.types import Batch, BatchLoader, Loaded

Activation: TypeAlias = Callable[[Tensor], Tensor]


class Predictions(NamedTuple):
    """``preds`` float32 (N, K) on the CPU; ``targets`` as the loader gave them, (N,)."""

    preds: Tensor
    targets: Tensor


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of one sample.

    Attributes:
        label: the most probable class; empty for a model without classes.
        index: its place among the classes.
        probability: its probability, in [0, 1].
        probabilities: of every class, float32 (K,), on the CPU; the model's own values
            when it has no classes.
        classes: the names, in the order of ``probabilities``.
    """

    label: str
    index: int
    probability: float
    probabilities: Tensor
    classes: tuple[str, ...]

    def __str__(self) -> str:
        if not self.classes:
            return ", ".join(f"{value:.4g}" for value in self.probabilities.flatten().tolist())
        return f"{self.label} ({self.probability:.1%})"

    def top(self, k: int = 5) -> list[tuple[str, float]]:
        """Return the ``k`` most probable classes with their probabilities, best first."""
        values, places = self.probabilities.topk(min(k, len(self.probabilities)))
        names = self.classes or tuple(str(i) for i in range(len(self.probabilities)))
        return [(names[int(i)], float(v)) for v, i in zip(values, places, strict=True)]


class Predictor:
    """A model ready to answer. Made by `load_learner`.

    Args:
        model: the network; it is moved to ``device`` and put in eval mode.
        card: its classes, inputs and activation.
        device: where to compute; the best there is by default.
    """

    def __init__(
        self, model: nn.Module, card: ModelCard, *, device: torch.device | str | None = None
    ) -> None:
        self.card = card
        self.device = resolve_device(device)
        self.model = model.to(self.device).eval()
        self.pipeline = BatchPipeline(
            device=self.device,
            normalize=_normalize(card.inputs),
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the outputs."""
        return self.card.classes

    def predict(self, item: ImageLike) -> Prediction:
        """Answer for one sample.

        Args:
            item: a path, a PIL image, an RGB uint8 array (H, W, 3), a uint8 tensor (3, H, W), or
                for a model without photo inputs a float tensor as the model takes it.

        Raises:
            DataError: when the file cannot be read as a photo.
        """
        return self.predict_batch([item])[0]

    @checked_keywords
    def predict_batch(
        self, items: Sequence[ImageLike], *, batch_size: int = 64
    ) -> list[Prediction]:
        """Answer for many samples, in their order.

        Raises:
            DataError: when one cannot be read; `predict_folder` leaves such ones out.
        """
        if isinstance(items, str | bytes | PathLike):
            raise DataError(
                f"predict_batch takes a list of samples; found {items!r}. predict takes one, "
                "predict_folder a folder."
            )
        items = list(items)
        _check_batch_size(batch_size)
        answers: list[Prediction] = []
        with ThreadPoolExecutor(default_workers()) as pool:
            for start in range(0, len(items), batch_size):
                x = torch.stack(list(pool.map(self._load, items[start : start + batch_size])))
                answers += [self._answer(row) for row in self._probabilities(x)]
        return answers

    @checked_keywords
    def predict_folder(
        self, path: str | PathLike[str], *, batch_size: int = 64
    ) -> dict[str, Prediction]:
        """Answer for every photo below a folder, by its path relative to the folder.

        A file that cannot be read is left out, with one warning that names it.
        """
        _check_batch_size(batch_size)
        folder = Path(path)
        names = list_images(folder)
        if not names:
            raise DataError(f"no photos in {folder}; give a folder that holds some.")
        answers: dict[str, Prediction] = {}
        for start in range(0, len(names), batch_size):
            readable = list(self._readable(folder, names[start : start + batch_size]))
            if readable:
                x = torch.stack([pixels for _, pixels in readable])
                rows = self._probabilities(x)
                answers |= {
                    name: self._answer(row) for (name, _), row in zip(readable, rows, strict=True)
                }
        return answers

    def _readable(self, folder: Path, names: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
        def load(name: str) -> Tensor | DataError:
            try:
                return self._load(folder / name)
            except DataError as error:
                return error

        with ThreadPoolExecutor(default_workers()) as pool:
            for name, loaded in zip(names, pool.map(load, names), strict=True):
                if isinstance(loaded, DataError):
                    warn_user(f"skipped: {loaded}")
                else:
                    yield name, loaded

    def _load(self, item: ImageLike) -> Tensor:
        if self.card.inputs is None:
            try:
                x = torch.as_tensor(item)
            except (TypeError, ValueError, RuntimeError) as error:
                raise DataError(
                    "this model takes numbers as tensors or arrays, not photos; "
                    f"found {type(item).__name__}."
                ) from error
            return x.float() if x.dtype == torch.float64 else x  # as the loaders do
        pixels = load_pixels(item, self.card.inputs)
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1)

    def _probabilities(self, x: Tensor) -> Tensor:
        if self.card.inputs is not None:
            x = x.contiguous(memory_format=torch.channels_last)
        blank = torch.zeros(len(x), dtype=torch.int64)
        loaded = Loaded(Batch(x, blank), np.arange(len(x), dtype=np.int64))
        activation: Activation = ACTIVATIONS[self.card.activation]
        with torch.inference_mode():
            preds = self.model(self.pipeline.prepare(loaded, keys=None).x)
            return activation(preds.float()).cpu().clone()

    def _answer(self, row: Tensor) -> Prediction:
        if self.classes and len(row) != len(self.classes):
            raise ExportError(
                f"the model answers with {len(row)} numbers, but its card names "
                f"{len(self.classes)} classes; the export was changed or put together wrongly."
            )
        index = int(row.argmax()) if row.ndim else 0
        return Prediction(
            label=self.classes[index] if self.classes else "",
            index=index,
            probability=float(row[index] if row.ndim else row),
            probabilities=row.clone(),
            classes=self.classes,
        )

    def __repr__(self) -> str:
        return f"Predictor({len(self.classes)} classes, {self.card.activation}, {self.device})"


def _check_batch_size(batch_size: int) -> None:
    if not isinstance(batch_size, int) or batch_size < 1:
        raise DataError(f"batch_size must be a whole number of at least 1: found {batch_size!r}.")


def _normalize(inputs: ImageInputs | None) -> Normalize | None:
    return Normalize(inputs.mean, inputs.std) if inputs is not None and inputs.mean else None


def load_pixels(item: ImageLike, inputs: ImageInputs) -> RGB:
    """Prepare one photo as the validation loader does: uint8 (H, W, 3)."""
    short = working_short(inputs.size)
    image = shrink(decode_any(item, min_short=short), short)
    return fit_image(image, inputs.size, inputs.resize)


@checked_keywords
def load_learner(
    path: str | PathLike[str],
    *,
    device: torch.device | str | None = None,
    builder: Callable[[], nn.Module] | None = None,
) -> Predictor:
    """Load what ``learn.export(path)`` wrote. Nothing in the folder is run.

    Args:
        path: the folder.
        device: where to compute; the best there is by default.
        builder: makes the model's architecture; only for a model that learnkit did not build.

    Raises:
        ExportError: when the folder is missing, damaged or needs a ``builder``.
    """
    model, card = read_export(Path(path), builder)
    if card.inputs is not None:
        model.to(memory_format=torch.channels_last)
    return Predictor(model, card, device=device)


def predict_loader(
    model: nn.Module,
    pipeline: BatchPipeline,
    loader: BatchLoader,
    *,
    keys: Callable[[Loaded], SampleKeys | None] = lambda loaded: None,
) -> Predictions:
    """Run ``model`` over a loader in fp32: raw predictions and targets on the CPU.

    Args:
        model: put in eval mode.
        pipeline: prepares each batch; augments it where ``keys`` gives keys.
        loader: whatever gives the batches.
        keys: the keys of a batch's random choices; none by default, so nothing is augmented.

    Raises:
        DataError: when the loader gives no batch.
    """
    model.eval()
    preds: list[Tensor] = []
    targets: list[Tensor] = []
    with torch.inference_mode():
        for loaded in loader.batches(0):
            batch = pipeline.prepare(loaded, keys=keys(loaded))
            preds.append(model(batch.x).float())
            targets.append(batch.y)
    if not preds:
        raise DataError("the loader gave no batch, so there is nothing to predict.")
    # copied outside inference_mode, so that the caller may change them in place
    return Predictions(torch.cat(preds).cpu().clone(), torch.cat(targets).cpu().clone())


def augmented_views(
    model: nn.Module, pipeline: BatchPipeline, loader: BatchLoader, *, n: int, seed: int
) -> Iterator[Tensor]:
    """Yield raw predictions of ``n`` augmented views of a loader, each float32 (N, K).

    Raises:
        ValueError: when ``n`` is below 1.
    """
    if n < 1:
        raise ValueError(f"tta needs n >= 1 augmented views; got {n}.")
    for view in range(n):

        def keys(loaded: Loaded, view: int = view) -> SampleKeys:
            return SampleKeys(seed, view, loaded.indices)

        yield predict_loader(model, pipeline, loader, keys=keys).preds
