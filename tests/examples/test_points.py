"""A bright spot is found by a model that never saw its picture; views know where their pet is."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def drawn_pets(tmp_path):
    """Five photos of a red box on black, with their masks, and one in which nothing is marked."""
    for part in ("images", "masks", "views"):
        (tmp_path / part).mkdir()
    for number in range(6):
        mask = np.full((60, 80), 2, np.uint8)
        if number:
            mask[10 + 4 * number : 30 + 4 * number, 8 * number : 8 * number + 30] = 1
        red = np.stack([(mask == 1) * 255, mask * 0, mask * 0], axis=2).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / "masks" / f"pet_{number}.png")
        Image.fromarray(red).save(tmp_path / "images" / f"pet_{number}.jpg", quality=95)
    return tmp_path


@pytest.mark.filterwarnings("ignore:check ")
def test_the_spot_is_found_better_than_by_the_mean(example, capsys):
    [(off, mean)] = example("points").main()
    assert off < 0.6 * mean
    assert capsys.readouterr().out.startswith("seed 0: off by 0.")


def test_the_point_of_a_view_is_the_middle_of_what_is_seen_of_the_pet(example, drawn_pets):
    table = example("points").views(drawn_pets, drawn_pets / "views", n=3)
    assert sorted(set(table["photo"])) == [f"pet_{number}" for number in range(1, 6)]
    assert len(table["file"]) == 15
    for file, x, y in zip(table["file"], table["x"], table["y"], strict=True):
        view = Image.open(drawn_pets / "views" / file)
        assert 40 <= view.width <= 48
        assert 30 <= view.height <= 36
        seen = np.argwhere(np.asarray(view)[..., 0] > 127).mean(0) + 0.5
        assert seen == pytest.approx([y, x], abs=0.2)


@pytest.mark.filterwarnings("ignore:check ")
def test_no_photo_has_views_on_both_sides(example, drawn_pets):
    points = example("points")
    table = points.views(drawn_pets, drawn_pets / "views")
    data = points.train(drawn_pets / "views", table, None, 32, 0).data
    train, valid = (
        {Path(dl.source.describe(i)).name.partition("-")[0] for i in range(len(dl.source))}
        for dl in (data.train_dl, data.valid_dl)
    )
    assert (len(train), len(valid)) == (4, 1)
    assert not train & valid
