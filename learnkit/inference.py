"""From a trained model to answers: one photo, a list, a folder, a loader.

`load_learner` gives a `Predictor` from an export; a Learner's own ``predict`` uses the same code,
so both give the same numbers on one machine.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from learnkit.data.batch import BatchPipeline, Normalize
from learnkit.data.decode import ImageLike
from learnkit.data.items import list_images
from learnkit.data.loader import ImageLoader
from learnkit.data.skipped import OnError
from learnkit.data.source import FileSource, ImageSource, ItemSource
from learnkit.device import resolve_device
from learnkit.errors import DataError, ExportError
from learnkit.losses import ACTIVATIONS
from learnkit.models.fast_body import FastBody
from learnkit.names import checked_keywords
from learnkit.precision import Precision, PrecisionName, choose_precision
from learnkit.predictions import Engine
from learnkit.types import Batch, Loaded

if TYPE_CHECKING:
    from learnkit.card import ImageInputs, ModelCard

Activation: TypeAlias = Callable[[Tensor], Tensor]


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
        precision: as in `Learner`.
        fast: what is remembered of the model's body, if it was used before.
    """

    def __init__(
        self,
        model: nn.Module,
        card: "ModelCard",
        *,
        device: torch.device | str | None = None,
        precision: PrecisionName | Precision = "auto",
        fast: FastBody | None = None,
    ) -> None:
        self.card = card
        self.device = resolve_device(device)
        self.model = model.to(self.device).eval()
        self.precision, _ = choose_precision(precision, self.device, model)
        pipeline = BatchPipeline(device=self.device, normalize=_normalize(card.inputs))
        self._engine = Engine(self.model, pipeline, self.precision, fast or FastBody())
        self._engine.prepare()

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
        if not items:
            return []
        if self.card.inputs is None:
            return list(self._of_numbers(items, batch_size))
        source = ItemSource(items)
        answers = self._of_photos(source, self.card.inputs, batch_size, errors="raise")
        return [answer for _, answer in answers]

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
        if self.card.inputs is None:
            raise DataError("this model takes numbers, not photos; it has no folder to predict.")
        source = FileSource(folder, names)
        answers = self._of_photos(source, self.card.inputs, batch_size, errors=1.0)
        return {names[index]: answer for index, answer in answers}

    def _of_photos(
        self, source: ImageSource, inputs: "ImageInputs", batch_size: int, *, errors: OnError
    ) -> Iterator[tuple[int, Prediction]]:
        """Yield the place and the answer of each photo, prepared as in validation."""
        loader = ImageLoader(
            source,
            np.zeros(len(source), np.int64),
            batch_size=batch_size,
            size=inputs.size,
            resize=inputs.resize,
            num_workers=0 if len(source) == 1 else None,
            cache=None,
            errors=errors,
        )
        with closing(self._engine.run(loader)) as answers:
            for loaded, raw in answers:
                rows = self._activated(raw)
                yield from zip(loaded.indices.tolist(), map(self._answer, rows), strict=True)

    def _of_numbers(self, items: Sequence[ImageLike], batch_size: int) -> Iterator[Prediction]:
        for start in range(0, len(items), batch_size):
            x = torch.stack([_as_numbers(item) for item in items[start : start + batch_size]])
            places = np.arange(len(x), dtype=np.int64)
            loaded = Loaded(Batch(x, torch.zeros(len(x), dtype=torch.int64)), places)
            yield from map(self._answer, self._activated(self._engine.answer(loaded, None)))

    def _activated(self, raw: Tensor) -> Tensor:
        activation: Activation = ACTIVATIONS[self.card.activation]
        return activation(raw).cpu()

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


def _as_numbers(item: ImageLike) -> Tensor:
    try:
        x = torch.as_tensor(item)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            "this model takes numbers as tensors or arrays, not photos; "
            f"found {type(item).__name__}."
        ) from error
    return x.float() if x.dtype == torch.float64 else x  # as the loaders do


def _check_batch_size(batch_size: int) -> None:
    if not isinstance(batch_size, int) or batch_size < 1:
        raise DataError(f"batch_size must be a whole number of at least 1: found {batch_size!r}.")


def _normalize(inputs: "ImageInputs | None") -> Normalize | None:
    return Normalize(inputs.mean, inputs.std) if inputs is not None and inputs.mean else None


@checked_keywords
def load_learner(
    path: str | PathLike[str],
    *,
    device: torch.device | str | None = None,
    precision: PrecisionName | Precision = "auto",
    builder: Callable[[], nn.Module] | None = None,
) -> Predictor:
    """Load what ``learn.export(path)`` wrote. Nothing in the folder is run.

    The folder may come from a stranger. Its two files are checked before anything is made of them:
    the types and bounds of every field, the architecture against learnkit's own table and timm's,
    the tensors against that architecture, and all of it against the size of the files. Docs,
    "An export from a stranger", has the bounds.

    Args:
        path: the folder.
        device: where to compute; the best there is by default.
        precision: as in `Learner`; ``"fp32"`` gives the same numbers on every machine, up to
            rounding.
        builder: makes the model's architecture; only for a model that learnkit did not build.

    Raises:
        ExportError: when the folder is missing, damaged, not as learnkit writes it, or needs a
            ``builder``.
    """
    from learnkit.export import read_export

    model, card = read_export(Path(path), builder)
    model.requires_grad_(False)
    if card.inputs is not None:
        model.to(memory_format=torch.channels_last)
    return Predictor(model, card, device=device, precision=precision)
