"""Drawing leaves the model as it was."""

import pytest
import torch
from torch import nn

from learnkit import models
from learnkit.errors import ModelError
from learnkit.models.drawing import drawer, drawn, noise_of


def test_pictures_are_those_of_eval_mode_and_modes_and_numbers_stay() -> None:
    model = models.vae((1, 4, 4), 2, channels=[4])
    model.encoder.eval()
    modes = [module.training for module in model.modules()]
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    before = torch.get_rng_state()
    noise = noise_of(300, 2, seed=1)
    pictures = drawn(model, noise)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(kept[name], value) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), before)
    assert not pictures.requires_grad
    torch.testing.assert_close(pictures, model.eval().decode(noise).detach())


def test_a_model_that_cannot_draw_says_so() -> None:
    with pytest.raises(ModelError) as caught:
        drawer(nn.Linear(2, 2))
    assert str(caught.value) == (
        "Linear cannot draw pictures: it has no n_latent and decode(codes), as the models of "
        "gan_learner and autoencoder_learner(variational=True) have."
    )
