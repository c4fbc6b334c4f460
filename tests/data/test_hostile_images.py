"""A real fit over a folder of every kind of image that strangers give: see ``hostile_images``."""

import io
import os
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from learnkit import Learner
from learnkit.callback import Callback
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.loader import ImageLoader
from learnkit.data.skipped import printable, skipped_summary
from learnkit.errors import DataError
from learnkit.state import Phase, State
from tests.hostile_images import Corpus, make_corpus
from tests.in_time import in_time

EPOCHS = 3

PILLOWS = "Corrupt EXIF data"  # what Pillow says of a TIFF of a few bytes; it names no file

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="needs links and pipes"),
    pytest.mark.filterwarnings(f"ignore:{PILLOWS}"),
]


def photos() -> list[bytes]:
    """Twenty real photos if they are there, else drawn ones."""
    real = Path(__file__).resolve().parents[3] / "shared/data/flowers/train"
    found = sorted(real.rglob("*.jpg"))[::35][:20]
    return [path.read_bytes() for path in found] or [drawn(seed) for seed in range(20)]


def drawn(seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize((160, 120)).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("hostile"), photos())


class Seen(Callback):
    """Which files were in the batches of each epoch and phase."""

    def __init__(self) -> None:
        self.files: dict[tuple[int, Phase], Counter[str]] = {}

    def after_batch(self, state: State) -> None:
        loader = state.train_dl if state.phase is Phase.TRAIN else state.valid_dl
        assert isinstance(loader, ImageLoader)
        seen = self.files.setdefault((state.progress.epochs_done, state.phase), Counter())
        seen.update(loader.describe(index) for index in state.indices.tolist())


def paths(corpus: Corpus, names: set[str]) -> Counter[str]:
    return Counter(str(corpus.root / name) for name in names)


def bunch(corpus: Corpus, **options: object) -> ImageDataBunch:
    return ImageDataBunch.from_folder(corpus.root, size=32, batch_size=8, **options)  # type: ignore[arg-type]


def test_a_fit_completes_names_each_bad_file_once_and_uses_every_good_one(corpus: Corpus) -> None:
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    seen = Seen()
    with in_time(), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", PILLOWS)
        data = bunch(corpus, errors=1.0)
        learn = Learner(data, nn.Sequential(*layers, nn.Linear(4, 2)), callbacks=[seen])
        history = learn.fit(EPOCHS, 0.01)
    assert len(history) == EPOCHS
    for side, phase in (("train", Phase.TRAIN), ("valid", Phase.VALID)):
        good, _ = corpus.side(side)
        assert len(good) > 30
        for epoch in range(EPOCHS):
            assert seen.files[epoch, phase] == paths(corpus, good)
    named = [str(one.message) for one in warned]
    begin, middle = "An image is left out: ", " cannot be read as an image: "
    assert [text for text in named if not text.startswith(begin) or middle not in text] == []
    found = Counter(text.removeprefix(begin).partition(middle)[0] for text in named)
    assert found == Counter(printable(path) for path in paths(corpus, corpus.bad))
    for side, loader in (("train", data.train_dl), ("valid", data.valid_dl)):
        assert isinstance(loader, ImageLoader)
        good, bad = corpus.side(side)
        assert {loader.describe(index) for index in loader.skipped} == set(paths(corpus, bad))
        words = "training" if side == "train" else "validation"
        total = len(good) + len(bad)
        said = skipped_summary(loader, side)
        assert said is not None
        assert said.startswith(f"left out: {len(bad)} of {total} {words} images (")


def test_by_default_so_many_bad_files_end_the_first_epoch(corpus: Corpus) -> None:
    learn = Learner(bunch(corpus), nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2)))
    with in_time(), pytest.warns(UserWarning, match="left out"), pytest.raises(DataError) as caught:
        learn.fit(EPOCHS)
    assert len(learn.history) == 0
    said = str(caught.value)
    assert " images cannot be read so far, more than the 5 % allowed. The first: " in said
    assert f"`learnkit doctor {corpus.root}` lists every such file; errors=" in said


@pytest.mark.filterwarnings("ignore:An image is left out")
@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("cache", ["disk", None])
def test_threads_and_caches_change_nothing(corpus: Corpus, cache: object, workers: int) -> None:
    def content(**options: object) -> list[tuple[list[int], bytes]]:
        loader = bunch(corpus, errors=1.0, **options).train_dl
        return [
            (one.indices.tolist(), one.batch.x.numpy().tobytes())
            for epoch in range(2)
            for one in loader.batches(epoch)
        ]

    with in_time():
        assert content(cache=cache, num_workers=workers) == content(cache="ram", num_workers=1)
