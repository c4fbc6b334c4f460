"""The example beats PCA, takes noise away, and draws."""

import pytest
from PIL import Image

pytest.importorskip("sklearn")


def test_the_autoencoder_beats_pca_of_the_same_width(example, tmp_path):
    out = tmp_path / "grid.png"
    found = example("autoencoder").main(out)
    [(pca, ours)] = found[8]
    assert ours < 0.75 * pca
    noisy, cleaned = found["noise"]
    assert cleaned < 0.4 * noisy
    with Image.open(out) as image:
        assert image.size == (12 * 50 + 2, 6 * 50 + 2)
