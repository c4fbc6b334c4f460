"""Exports that were tampered with, for ``load_learner``."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from benchmarks.fuzzing.mutate import as_json, changed_bytes, changed_value
from learnkit import load_learner, models
from learnkit.errors import DataError, ExportError
from learnkit.export import ImageInputs, ModelCard, write_export
from learnkit.models.transfer import build_cnn

INPUTS = ImageInputs(size=(16, 16), resize="crop", mean=(0.5,) * 3, std=(0.25,) * 3)
PHOTO = np.zeros((20, 20, 3), np.uint8)
MAX_SIDE = 64  # of what is predicted: larger sizes are allowed, and take their time


def _own() -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 2))
    for parameter in model.parameters():  # the same in every process
        nn.init.constant_(parameter, 0.01)
    return model


class Base(NamedTuple):
    """An export as it was written."""

    card: bytes
    weights: bytes
    builder: Callable[[], nn.Module] | None


class Exports:
    """Tampers with small exports and loads them; what loads must also answer.

    Args:
        place: a folder to write to.
    """

    documented: tuple[type[Exception], ...] = (ExportError,)
    headroom = 512 << 20  # bytes above what loading the untouched ones took

    def __init__(self, place: Path) -> None:
        self._place = place / "export"
        made: list[tuple[Any, ImageInputs | None, Callable[[], nn.Module] | None]] = [
            (models.cnn(3, channels=[4, 8]), INPUTS, None),
            (models.mlp(6, 5, 3), None, None),
            (build_cnn(models.timm("test_resnet"), 3, weights=None, head="plain"), INPUTS, None),
            (_own(), INPUTS, _own),
        ]
        self._bases = [self._base(*parts) for parts in made]

    def _base(
        self, model: Any, inputs: ImageInputs | None, builder: Callable[[], nn.Module] | None
    ) -> Base:
        spec = None if builder else model.spec
        names = ("cat", "dog", "caf\udce9")[: 2 if builder else 3]
        card = ModelCard(
            spec=spec,
            classes=names,
            inputs=inputs,
            activation="softmax",
            metrics={"accuracy": 0.5},
            fingerprint="0f" * 32,
        )
        shutil.rmtree(self._place, ignore_errors=True)
        folder = write_export(self._place, model, card)
        return Base(
            (folder / "model.json").read_bytes(),
            (folder / "model.safetensors").read_bytes(),
            builder,
        )

    def make(self, rng: random.Random) -> dict[str, bytes]:
        """Return the files of one case."""
        base = rng.choice(self._bases)
        card, weights = base.card, base.weights
        kind = rng.choice(("value", "value", "bytes", "header", "header", "weights", "both"))
        if kind in ("header", "both"):
            weights = _changed_header(weights, rng)
        if kind == "weights":
            weights = changed_bytes(weights, rng, base.card)
        if weights is not base.weights and rng.random() < 0.8:
            card = card.replace(_sum(base.weights), _sum(weights))
        if kind in ("value", "both"):
            card = as_json(changed_value(json.loads(card), rng), rng)
        if kind == "bytes":
            card = changed_bytes(card, rng, base.weights)
        builder = b"own" if base.builder else b""
        return {"model.json": card, "model.safetensors": weights, "builder": builder}

    def run(self, case: dict[str, bytes]) -> None:
        """Load an export, and let it answer if it loads."""
        shutil.rmtree(self._place, ignore_errors=True)
        self._place.mkdir()
        for name in ("model.json", "model.safetensors"):
            (self._place / name).write_bytes(case[name])
        builder = _own if case["builder"] else None
        predictor = load_learner(self._place, device="cpu", builder=builder)
        inputs = predictor.card.inputs
        # which sizes a model of somebody's own takes, only its builder knows
        sizes_known = builder is None or (inputs is not None and inputs.size == INPUTS.size)
        if inputs is not None and sizes_known and max(inputs.size) <= MAX_SIDE:
            try:
                predictor.predict(PHOTO)
            except DataError as error:  # as documented for predict
                raise ExportError(str(error)) from error


def _sum(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def _changed_header(weights: bytes, rng: random.Random) -> bytes:
    length = int.from_bytes(weights[:8], "little")
    head = as_json(changed_value(json.loads(weights[8 : 8 + length]), rng), rng)
    said = len(head) if rng.random() < 0.9 else rng.choice((0, 1, len(head) - 1, 1 << 40, 1 << 63))
    body = weights[8 + length :]
    return said.to_bytes(8, "little") + head + (body if rng.random() < 0.9 else body[:-4])
