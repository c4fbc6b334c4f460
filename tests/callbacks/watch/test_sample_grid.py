"""SampleGrid: the same noise after each epoch, and a training that does not know of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from learnkit import DataBunch, Learner, models
from learnkit.callbacks import SampleGrid
from learnkit.errors import ModelError
from learnkit.generative import autoencoder_learner, gan_learner, sample
from learnkit.picture_grid import picture_grid
from learnkit.testing import check_callback, tiny_learner

X = torch.rand(12, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def data() -> DataBunch:
    return DataBunch.from_arrays(X, torch.zeros(12), valid_pct=0.25, batch_size=4, seed=0)


def gan() -> Learner:
    generator = models.dcgan_generator((1, 4, 4), n_latent=2, channels=[4])
    critic = models.dcgan_critic((1, 4, 4), channels=[4])
    return gan_learner(data(), generator, critic, device="cpu", mute="zero_gradient")


def variational() -> Learner:
    return autoencoder_learner(data(), n_latent=2, hidden=[4], variational=True, device="cpu")


@pytest.mark.parametrize("make", [gan, variational])
def test_the_last_file_is_what_the_trained_model_draws(tmp_path: Path, make: Any) -> None:
    learn, grid = make(), SampleGrid(tmp_path / "grids", n=6, seed=4)
    learn.fit(2, 1e-3, callbacks=grid, progress=False)
    assert [path.name for path in grid.written] == ["epoch_001.png", "epoch_002.png"]
    expected = np.asarray(picture_grid(sample(learn, 6, seed=4)))
    with Image.open(grid.written[-1]) as image:
        assert (np.asarray(image) == expected).all()


def test_epochs_are_counted_over_all_fits_and_every_so_many_is_drawn(tmp_path: Path) -> None:
    learn = variational()
    for _ in range(2):
        learn.fit(3, callbacks=SampleGrid(tmp_path, n=1, every=2), progress=False)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["epoch_002.png", "epoch_004.png", "epoch_006.png"]


def test_the_training_is_the_same_with_and_without_it(tmp_path: Path) -> None:
    def trained(*callbacks: SampleGrid) -> dict[str, torch.Tensor]:
        learn = gan()
        learn.fit(2, 1e-3, callbacks=callbacks, progress=False)
        return learn.model.state_dict()

    ours, theirs = trained(SampleGrid(tmp_path, n=3)), trained()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.usefixtures("no_flushing")
def test_it_keeps_the_contract_with_a_model_that_draws(tmp_path: Path) -> None:
    check_callback(lambda: SampleGrid(tmp_path, n=2), learner=variational)


def test_a_model_that_cannot_draw_is_refused_at_the_start_of_the_fit(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Sequential cannot draw pictures: it has no n_latent"):
        tiny_learner().fit(1, callbacks=SampleGrid(tmp_path), progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{"n": 0}, {"every": 0}, {"n": True}, {"every": 1.5}])
def test_options_out_of_range_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    (name, value), *_ = options.items()
    with pytest.raises(ValueError) as caught:
        SampleGrid(tmp_path, **options)
    assert str(caught.value) == (
        f"SampleGrid(): {name} must be a whole number of at least 1, found {value!r}."
    )
