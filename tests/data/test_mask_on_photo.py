"""A predicted mask, back on its photo."""

import numpy as np
import pytest
import torch

from learnkit.data.caches import Caches
from learnkit.data.moving import Fitting
from learnkit.data.moving_masks import fit_mask, mask_on_photo
from tests.data.moving_pictures import regions


@pytest.mark.parametrize("size", [(120, 180), (200, 90), (64, 64)])
@pytest.mark.parametrize("resize", ["squish", "pad", "crop"])
def test_a_mask_that_was_fitted_comes_back_to_where_it_was(resize, size):
    mask = regions(*size, 5)
    small = fit_mask(mask, Fitting((96, 96), resize, False, Caches(None)))
    back = mask_on_photo(torch.from_numpy(small).long(), size, resize=resize)
    assert back.shape == size
    assert back.dtype == torch.int64
    seen = back != 255
    assert bool(seen.all()) == (resize != "crop" or size[0] == size[1])
    assert float(seen.float().mean()) > 0.4
    assert np.mean(back.numpy()[seen] == mask[seen]) > 0.96


def test_what_the_model_did_not_see_gets_the_number_asked_for():
    found = mask_on_photo(torch.ones(2, 2, dtype=torch.int64), (2, 4), resize="crop", outside=9)
    assert found.tolist() == [[9, 1, 1, 9], [9, 1, 1, 9]]
