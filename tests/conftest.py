"""Fixtures that many tests share: tiny photos drawn on the spot, and the real ones if present."""

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

# The same cases in each run, so that a change is judged by what it changed; `make fuzz` looks for
# new ones. No deadline: a busy machine is no failure.
settings.register_profile("learnkit", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, print_blob=True)
settings.load_profile("learnkit")

MakePhoto = Callable[..., Path]

COLOURS = {"blue": (40, 60, 200), "green": (50, 180, 60), "red": (210, 50, 40)}


@pytest.fixture
def no_flushing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a power cut leaves is not looked at, and waiting for the disk takes long."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def no_checks() -> Iterator[None]:
    """What looks like a mistake in small fits is not looked at."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="check ")
        yield


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of caches, a test's own: none sees what another left."""
    home = tmp_path / "learnkit-home"
    monkeypatch.setenv("LEARNKIT_HOME", str(home))
    return home


@pytest.fixture
def shared_dir() -> Path:
    """The folder of real photos and weights beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("needs the folder `shared` of real photos and weights beside the checkout")
    return folder


@pytest.fixture
def make_photo() -> MakePhoto:
    """A function that draws a noisy photo of one colour and returns its path."""

    def make(
        path: Path,
        colour: str | tuple[int, int, int] = "red",
        *,
        size: tuple[int, int] = (32, 32),
        seed: int = 0,
    ) -> Path:
        height, width = size
        base = COLOURS[colour] if isinstance(colour, str) else colour
        noise = np.random.default_rng(seed).normal(0, 25, (height, width, 3))
        pixels = (np.array(base) + noise).clip(0, 255).astype(np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        return path

    return make


@pytest.fixture
def photo_folder(tmp_path: Path, make_photo: MakePhoto) -> Path:
    """``photos/train`` (18) and ``photos/valid`` (6): 24 JPEGs of 32 x 32 in 3 colours."""
    root = tmp_path / "photos"
    for number, (part, colour, index) in enumerate(
        (part, colour, index)
        for part, n in (("train", 6), ("valid", 2))
        for colour in COLOURS
        for index in range(n)
    ):
        make_photo(root / part / colour / f"{colour}_{index}.jpg", colour, seed=number)
    return root
