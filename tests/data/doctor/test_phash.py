"""Perceptual hashes tell copies from strangers; the nearest of many is found exactly."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageEnhance

from learnkit.data.decode import decode_bytes
from learnkit.data.doctor import phash
from learnkit.data.doctor.phash import load_hasher, nearest
from learnkit.errors import MissingExtraError


@pytest.fixture(scope="module")
def hash_of():
    pytest.importorskip("imagehash", reason="needs the extra doctor")
    return load_hasher()


def pixels_of(image, quality=90, kind="JPEG"):
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=quality)
    return decode_bytes(buffer.getvalue(), name="a photo", min_short=64)


def differ(a, b):
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count()


COPIES = {
    "another quality": lambda image: pixels_of(image, quality=30),
    "another format": lambda image: pixels_of(image, kind="PNG"),
    "half the size": lambda image: pixels_of(image.resize((image.width // 2, image.height // 2))),
    "another shape": lambda image: pixels_of(image.resize((image.width, image.height * 9 // 10))),
    "brighter": lambda image: pixels_of(ImageEnhance.Brightness(image).enhance(1.2)),
    "darker": lambda image: pixels_of(ImageEnhance.Brightness(image).enhance(0.8)),
    "gray": lambda image: pixels_of(image.convert("L")),
    "a hundredth cut off each side": lambda image: pixels_of(
        image.crop((4, 3, image.width - 4, image.height - 3))
    ),
}


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES.keys())
def test_a_copy_has_nearly_the_same_hash(change, scene, hash_of):
    for seed in range(10):
        image = scene(seed, size=(400, 300))
        assert differ(hash_of(pixels_of(image)), hash_of(change(image))) <= 64


def test_strangers_differ_in_more_than_twice_the_bits_of_copies(scene, hash_of):
    hashes = [hash_of(pixels_of(scene(seed))) for seed in range(60)]
    assert min(differ(a, b) for i, a in enumerate(hashes) for b in hashes[:i]) > 80


def test_a_hash_has_256_bits_and_depends_on_pixels_alone(scene, hash_of):
    pixels = pixels_of(scene(1))
    assert len(hash_of(pixels)) == 32
    assert hash_of(pixels) == hash_of(pixels.copy())


def test_without_the_library_the_pip_line_is_given(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "imagehash", None)
    with pytest.raises(MissingExtraError) as caught:
        load_hasher()
    assert str(caught.value) == (
        "Looking for near duplicates needs the package imagehash, which is not installed. Install "
        'it with: pip install "learnkit[doctor]"'
    )


def random_hashes(n, seed):
    return np.random.default_rng(seed).integers(0, 256, (n, 32), dtype=np.uint8)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 1000))
def test_the_nearest_is_the_one_that_counting_bits_finds(n, m, seed):
    queries, keys = random_hashes(n, seed), random_hashes(m, seed + 1)
    bits = np.unpackbits(queries[:, None] ^ keys[None], axis=2).sum(axis=2)
    with pytest.MonkeyPatch.context() as patch:  # so that there are several blocks
        patch.setattr(phash, "_ROWS", 5)
        patch.setattr(phash, "_COLUMNS", 3)
        places, found = nearest(queries, keys)
    assert places.tolist() == bits.argmin(axis=1).tolist()
    assert found.tolist() == bits.min(axis=1).tolist()


@given(st.integers(2, 12), st.integers(0, 1000))
def test_none_is_its_own_nearest(n, seed):
    hashes = random_hashes(n, seed)
    hashes[-1] = hashes[0]
    bits = np.unpackbits(hashes[:, None] ^ hashes[None], axis=2).sum(axis=2).astype(int)
    np.fill_diagonal(bits, 999)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phash, "_ROWS", 4)
        patch.setattr(phash, "_COLUMNS", 6)
        places, found = nearest(hashes, hashes, itself=True)
    assert places.tolist() == bits.argmin(axis=1).tolist()
    assert found.tolist() == bits.min(axis=1).tolist()


def test_one_alone_has_no_nearest():
    assert nearest(random_hashes(1, 0), random_hashes(1, 0), itself=True)[1].tolist() == [257]


def test_thousands_are_compared_in_bounded_memory():
    hashes = random_hashes(9000, 3)  # more than one block of rows and of columns
    hashes[8999] = hashes[17]
    places, bits = nearest(hashes, hashes, itself=True)
    assert (places[17], places[8999]) == (8999, 17)
    assert (bits[17], bits[8999]) == (0, 0)
