"""Where samples come from, as code: photos' files, or tensors in memory."""

import json
from typing import Any

import numpy as np
from torch import Tensor

from learnkit.data.dataset_loader import DatasetLoader
from learnkit.data.loader import ImageLoader
from learnkit.eject.order_code import INSTEAD, DataCode, order_code, plans
from learnkit.eject.photo_code import photo_code
from learnkit.eject.plain import (
    TENSORS,
)
from learnkit.errors import ExportError
from learnkit.types import BatchLoader


def data_code(train: BatchLoader, valid: BatchLoader | None, *, changes: bool) -> DataCode:
    """Return the code that gives the batches of both sides.

    Raises:
        ExportError: for loaders that read something else than files or tensors.
    """
    sides = {"train": train} | ({} if valid is None else {"valid": valid})
    if all(type(loader) is ImageLoader for loader in sides.values()):
        return photo_code(sides, changes)  # type: ignore[arg-type]
    if all(type(loader) is DatasetLoader for loader in sides.values()):
        return _tensors(sides)  # type: ignore[arg-type]
    odd = next(x for x in sides.values() if type(x) not in (ImageLoader, DatasetLoader))
    raise ExportError(
        f"The data comes from {type(odd).__name__}, which may run code of yours, so eject cannot "
        f"write it. {INSTEAD}"
    )


def _tensors(sides: dict[str, DatasetLoader]) -> DataCode:
    tensors: dict[str, Tensor] = {}
    for side, loader in sides.items():
        held = loader._in_memory
        if held is None:
            raise ExportError(
                f"The samples come from {loader.identity['dataset']}, whose code eject does not "
                f"know. {INSTEAD}"
            )
        everything = held.batch(np.arange(len(held._places)))
        if not (held._x.is_contiguous() and held._y.is_contiguous()):
            raise ExportError(
                "The tensors of the data are not laid out row by row, which eject keeps them as. "
                "Give x.contiguous() and y.contiguous()."
            )
        tensors[f"{side}_x"], tensors[f"{side}_y"] = everything
    code = TENSORS.format(settings=plans(sides))
    return DataCode((), f"{order_code()}\n\n\n{code}", {}, tensors, {})


def document_text(document: dict[str, Any]) -> str:
    """Return files and labels as JSON."""
    return json.dumps(document, indent=0, ensure_ascii=True) + "\n"
