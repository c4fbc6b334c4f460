"""From a trained model to answers: one photo, a list, a folder, a loader.

`load_learner` gives a `Predictor` from an export; a Learner's own ``predict`` uses the same code,
so both give the same numbers on one machine.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from learnkit.data.batch import BatchPipeline, Normalize
from learnkit.data.image_inputs import ImageInputs
from learnkit.data.inputs import Inputs
from learnkit.data.items import list_images
from learnkit.data.source import FileSource
from learnkit.device import resolve_device
from learnkit.errors import DataError
from learnkit.models.fast_body import FastBody
from learnkit.names import checked_keywords
from learnkit.precision import Precision, PrecisionName, choose_precision
from learnkit.predictions import Engine
from learnkit.tasks import Prediction
from learnkit.types import Batch, BatchLoader, Loaded

if TYPE_CHECKING:
    from learnkit.card import ModelCard

__all__ = ["Prediction", "Predictor", "load_learner"]


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
        self.card, self._task = card, card.reader
        self.device = resolve_device(device)
        self.model = model.to(self.device).eval()
        self.precision, _ = choose_precision(precision, self.device, model)
        pipeline = BatchPipeline(device=self.device, normalize=_normalize(card.inputs))
        fast, question = fast or FastBody(), self._task.question
        self._engine = Engine(self.model, pipeline, self.precision, fast, question)
        self._engine.prepare()

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the outputs."""
        return self.card.classes

    def predict(self, item: object) -> Prediction:
        """Answer for one sample.

        Args:
            item: of a photo a path, a PIL image, an RGB uint8 array (H, W, 3) or a uint8 tensor
                (3, H, W); a row of a table as a dict; a text as a string; else a tensor as the
                model takes it.

        Raises:
            DataError: when the file cannot be read as a photo.
        """
        return self.predict_batch([item])[0]

    @checked_keywords
    def predict_batch(self, items: Sequence[Any], *, batch_size: int = 64) -> list[Prediction]:
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
        loader = self.card.inputs.loader(items, batch_size=batch_size)
        answers = dict(self._of_loader(loader))
        return [answers[place] for place in range(len(items))]

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
        inputs = self.card.inputs
        if not isinstance(inputs, ImageInputs):
            takes = "numbers" if inputs is None else f"{inputs.kind}s"
            raise DataError(f"this model takes {takes}, not photos; it has no folder to predict.")
        loader = inputs.photos(FileSource(folder, names), batch_size=batch_size, errors=1.0)
        return {names[index]: answer for index, answer in self._of_loader(loader)}

    def _of_loader(self, loader: BatchLoader) -> Iterator[tuple[int, Prediction]]:
        """Yield the place and the answer of each sample."""
        with closing(self._engine.run(loader)) as answers:
            for loaded, raw in answers:
                rows = self._task.activate(raw).cpu()
                yield from zip(loaded.indices.tolist(), map(self._task.decode, rows), strict=True)

    def _of_numbers(self, items: Sequence[Any], batch_size: int) -> Iterator[Prediction]:
        for start in range(0, len(items), batch_size):
            x = torch.stack([_as_numbers(item) for item in items[start : start + batch_size]])
            places = np.arange(len(x), dtype=np.int64)
            loaded = Loaded(Batch(x, torch.zeros(len(x), dtype=torch.int64)), places)
            rows = self._task.activate(self._engine.answer(loaded, None)).cpu()
            _check_answers(x, rows, start)
            yield from map(self._task.decode, rows)

    def __repr__(self) -> str:
        kind = f"{len(self.classes)} classes" if self.classes else self._task.kind
        return f"Predictor({kind}, {self.card.activation}, {self.device})"


def _as_numbers(item: object) -> Tensor:
    try:
        x = torch.as_tensor(item)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            "this model takes numbers as tensors or arrays, not photos; "
            f"found {type(item).__name__}."
        ) from error
    return x.float() if x.dtype == torch.float64 else x  # as the loaders do


def _check_answers(x: Tensor, rows: Tensor, start: int) -> None:
    """Refuse samples whose own NaN or infinity became the answer."""
    wrong = rows.reshape(len(x), -1).isnan().any(1) & ~x.reshape(len(x), -1).isfinite().all(1)
    if bool(wrong.any()):
        raise DataError(
            f"item {start + int(wrong.nonzero()[0])} has a NaN or an infinite number in it, so the "
            "model's answer is none."
        )


def _check_batch_size(batch_size: int) -> None:
    if not isinstance(batch_size, int) or batch_size < 1:
        raise DataError(f"batch_size must be a whole number of at least 1: found {batch_size!r}.")


def _normalize(inputs: Inputs | None) -> Normalize | None:
    if not isinstance(inputs, ImageInputs) or not inputs.mean:
        return None
    return Normalize(inputs.mean, inputs.std)


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
    if any(p.ndim == 4 for p in model.parameters()):  # as a learner has it
        model.to(memory_format=torch.channels_last)
    return Predictor(model, card, device=device, precision=precision)
