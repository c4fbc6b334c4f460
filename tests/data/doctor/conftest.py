"""Photos with something to see on them, which a perceptual hash can tell apart."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learnkit.data.doctor.finding import Sample
from learnkit.data.doctor.look import Look

Scene = Callable[..., Image.Image]


@pytest.fixture(scope="session")
def scene() -> Scene:
    """A function that draws a picture of coloured spots, another one for each seed."""

    def draw(seed: int, *, size: tuple[int, int] = (128, 96)) -> Image.Image:
        spots = np.random.default_rng(seed).integers(0, 256, (14, 14, 3), dtype=np.uint8)
        return Image.fromarray(spots).resize(size, Image.Resampling.BICUBIC)

    return draw


@pytest.fixture
def photos(tmp_path: Path, scene: Scene) -> Path:
    """``photos/train`` and ``photos/valid`` with two different photos of cat and of dog each."""
    root = tmp_path / "photos"
    for seed, name in enumerate(
        f"{part}/{label}/{label}_{index}.png"
        for part in ("train", "valid")
        for label in ("cat", "dog")
        for index in range(2)
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        scene(seed).save(root / name)
    return root


@pytest.fixture(scope="session")
def sample() -> Callable[[str], Sample]:
    """A function from ``train/cat/1.jpg`` to its sample; ``test/1.jpg`` has no label."""

    def make(name: str) -> Sample:
        part, *folders, _ = name.split("/")
        return Sample(part, name, folders[0] if folders else None)

    return make


@pytest.fixture(scope="session")
def look() -> Callable[..., Look]:
    """A function that makes a readable photo's facts, some of them given."""

    def make(**given: object) -> Look:
        return Look(**({"sha256": "0" * 64, "format": "JPEG", "size": (100, 100)} | given))

    return make
