"""Learners that make pictures: through the one loop, killed and resumed, exported and back."""

import math
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from learnkit import DataBunch, ImageDataBunch, Learner, load_learner, models
from learnkit.callback import Callback
from learnkit.callbacks import GradientAccumulation
from learnkit.compress import compress, with_model
from learnkit.data.batch import Normalize
from learnkit.errors import DataError, ModelError
from learnkit.generative import (
    GAN,
    GANModel,
    Wasserstein,
    autoencoder_learner,
    encode,
    gan_learner,
    sample,
)
from learnkit.models.compressed import inner_of
from learnkit.optim import sgd
from learnkit.state import State

DRAWN = torch.Generator().manual_seed(0)
X = torch.rand(20, 1, 1, 1, generator=DRAWN).expand(-1, 1, 6, 6) * torch.linspace(0, 1, 6)
Y = torch.arange(20) % 2
LOSSES = ["dcgan", "wgan-gp"]


@pytest.fixture(autouse=True)
def warnings_are_errors() -> Iterator[None]:
    """learnkit's checks speak by warnings: in these fits none may cry wolf."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def bunch(x: Tensor = X) -> DataBunch:
    return DataBunch.from_arrays(x, Y, valid=(x[:6], Y[:6]), batch_size=4, seed=1)


def gan(loss: Any = "dcgan", **options: Any) -> Learner:
    generator = models.dcgan_generator((1, 6, 6), n_latent=3, channels=[4])
    critic = models.dcgan_critic((1, 6, 6), channels=[4, 4], norm="layer")
    return gan_learner(bunch(), generator, critic, loss=loss, device="cpu", **options)


# ---------------------------------------------------------------- autoencoders


@pytest.mark.parametrize("x", [X, X[:, 0], (X * 255).byte(), (X[:, 0] * 255).byte()])
@pytest.mark.parametrize("variational", [False, True, 0.5])
def test_an_autoencoder_learns_pictures_of_any_form(x: Tensor, variational: bool | float) -> None:
    learn = autoencoder_learner(
        bunch(x), n_latent=2, hidden=[16], variational=variational, device="cpu"
    )
    first = learn.validate()["valid_loss"]
    learn.fit(8, 1e-2, progress=False)
    assert learn.validate()["valid_loss"] < 0.6 * first
    assert encode(learn).codes.shape == (6, 2)


def test_metrics_of_an_autoencoder_compare_pictures() -> None:
    def error(preds: Tensor, targets: Tensor) -> Tensor:
        return (preds - targets).square().mean()

    for variational in (False, True):
        learn = autoencoder_learner(
            bunch(), n_latent=2, hidden=[8], variational=variational, metrics=error, device="cpu"
        )
        preds = learn.get_preds().preds
        expected = float((preds - X[:6]).square().mean())
        assert learn.validate()["error"] == pytest.approx(expected, rel=1e-5)


def test_a_denoising_autoencoder_learns_the_clean_picture() -> None:
    noisy = X[:6] + 0.3 * torch.randn(6, 1, 6, 6, generator=torch.Generator().manual_seed(2))
    learn = autoencoder_learner(bunch(), n_latent=4, hidden=[32], noise=0.3, device="cpu")
    learn.fit(30, 1e-2, progress=False)
    cleaned = learn.get_preds(DataLoader(TensorDataset(noisy, Y[:6]), 6)).preds
    assert float((cleaned - X[:6]).square().mean()) < 0.3 * float((noisy - X[:6]).square().mean())


def test_codes_come_in_the_loaders_order_with_its_targets() -> None:
    learn = autoencoder_learner(bunch(), n_latent=2, hidden=[8], device="cpu")
    loader = DataLoader(TensorDataset(X, torch.arange(20)), 8)
    found = encode(learn, loader)
    assert found.targets.tolist() == list(range(20))
    with torch.no_grad():
        torch.testing.assert_close(found.codes, learn.model.encode(X))


def test_photos_become_pictures_and_an_export_takes_photos(
    photo_folder: Path, tmp_path: Path
) -> None:
    data = ImageDataBunch.from_folder(photo_folder, size=16, batch_size=8)
    learn = autoencoder_learner(data, n_latent=4, channels=[4, 8], device="cpu")
    learn.fit(1, progress=False)
    photo = next((photo_folder / "valid").rglob("*.jpg"))
    ours = learn.predict(photo)
    learn.export(tmp_path / "export")
    theirs = load_learner(tmp_path / "export", device="cpu").predict(photo)
    assert ours.value.shape == (3, 16, 16)
    assert torch.equal(ours.value, theirs.value)
    assert str(ours) == str(theirs)


@pytest.mark.parametrize("variational", [False, 2.0])
@pytest.mark.parametrize("layers", [{"hidden": [8]}, {"channels": [4]}], ids=str)
def test_an_exported_autoencoder_answers_the_same(
    tmp_path: Path, variational: float, layers: dict[str, Any]
) -> None:
    learn = autoencoder_learner(
        bunch(), n_latent=2, variational=variational, noise=0.1, device="cpu", **layers
    )
    learn.fit(1, progress=False)
    learn.export(tmp_path / "export")
    loaded = load_learner(tmp_path / "export", device="cpu")
    assert torch.equal(loaded.predict(X[0]).value, learn.predict(X[0]).value)
    if variational:
        assert torch.equal(sample(loaded, 5, seed=3), sample(learn, 5, seed=3))


def test_a_model_of_your_own_is_an_autoencoder_too() -> None:
    own = nn.Sequential(nn.Flatten(), nn.Linear(36, 36), nn.Sigmoid(), nn.Unflatten(1, (1, 6, 6)))
    learn = autoencoder_learner(bunch(), model=own, device="cpu")
    learn.fit(1, progress=False)
    with pytest.raises(ModelError) as caught:
        encode(learn)
    assert str(caught.value) == (
        "Sequential has no encode(x); autoencoder_learner makes models that have it."
    )


# ---------------------------------------------------------------- GANs


@pytest.mark.parametrize("loss", LOSSES)
def test_a_gan_learns_the_pixels_of_its_pictures(loss: Any) -> None:
    def brightness(drawn: Tensor, real: Tensor) -> Tensor:
        return (drawn.mean() - real.mean()).abs()

    learn = gan(loss, metrics=brightness, n_critic=2)
    first = learn.validate()["brightness"]
    history = learn.fit(25, 5e-3, progress=False)
    assert history[-1]["brightness"] < 0.7 * first
    assert sample(learn, 7).shape == (7, 1, 6, 6)


def test_without_nets_it_makes_them_of_the_datas_shape() -> None:
    learn = gan_learner(bunch(X[:, 0]), loss="wgan-gp", n_latent=9, device="cpu")
    assert isinstance(learn.model, GANModel)
    assert learn.model.n_latent == 9
    assert learn.model.spec is not None
    assert learn.model.spec["norm"] == "none"
    assert isinstance(learn.task, GAN)
    assert (learn.task.n_critic, learn.task.loss_func) == (5, Wasserstein())


def test_each_net_has_an_optimizer_of_its_own_and_nothing_decays() -> None:
    learn = gan(critic_opt_func=sgd)
    names = [type(one).__name__ for one in learn.optimizer._inner]  # type: ignore[attr-defined]
    assert names == ["Adam", "SGD"]
    learn.fit(1, [1e-3, 4e-3], progress=False)
    rates = {(g["layer"], g["initial_lr"], g["weight_decay"]) for g in learn.optimizer.param_groups}
    assert {(layer, rate) for layer, rate, _ in rates} == {(0, 1e-3), (1, 4e-3)}
    assert {decay for layer, _, decay in rates if layer == 0} == {0.0}


class Watch(Callback):
    """Notes in each step which nets moved."""

    looks_on = True

    def __init__(self) -> None:
        self.moved: list[str] = []

    def before_step(self, state: State) -> None:
        self.before = [p.detach().clone() for p in state.model.parameters()]

    def after_step(self, state: State) -> None:
        names = [name.partition(".")[0] for name, _ in state.model.named_parameters()]
        pairs = zip(names, self.before, state.model.parameters(), strict=True)
        self.moved.append("+".join(sorted({n for n, a, b in pairs if not torch.equal(a, b)})))


def test_in_each_step_one_net_moves_and_turns_go_on_in_the_next_fit() -> None:
    learn, watch = gan(n_critic=2), Watch()
    for _ in range(2):
        learn.fit(1, 1e-3, callbacks=watch, progress=False)
    assert watch.moved == (["critic", "critic", "generator"] * 4)[: len(watch.moved)]
    assert len(watch.moved) == 10


class Killed(Exception):
    pass


class Kill(Callback):
    """Fails in so many batches of training."""

    looks_on = True

    def __init__(self, after: int) -> None:
        self.left = after

    def after_batch(self, state: State) -> None:
        self.left -= state.training
        if not self.left:
            raise Killed


@pytest.mark.usefixtures("no_flushing")
@pytest.mark.parametrize("after", [7, 8, 9])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_gan_killed_inside_an_epoch_goes_on_to_the_same_bits(
    tmp_path: Path, loss: Any, after: int
) -> None:
    def run(folder: Path, *callbacks: Callback) -> Learner:
        learn = gan(loss, n_critic=2, critic_opt_func=sgd)
        learn.fit(
            3,
            [1e-3, 1e-2],
            callbacks=callbacks,
            progress=False,
            checkpoint=folder,
            every_steps=1,
        )
        return learn

    whole = run(tmp_path / "whole")
    with pytest.raises(Killed):
        run(tmp_path / "killed", Kill(after))
    resumed = run(tmp_path / "killed")
    ours, theirs = resumed.model.state_dict(), whole.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert [row["train_loss"] for row in resumed.history] == [
        row["train_loss"] for row in whole.history
    ]
    mine, others = (learn.optimizer.state_dict()["state"] for learn in (resumed, whole))
    for key, values in others.items():
        for name, value in values.items():
            assert torch.equal(torch.as_tensor(mine[key][name]), torch.as_tensor(value))


def test_an_exported_gan_draws_the_same_of_the_same_noise(tmp_path: Path) -> None:
    learn = gan()
    learn.fit(2, 1e-3, progress=False)
    learn.export(tmp_path / "export")
    loaded = load_learner(tmp_path / "export", device="cpu")
    noise = torch.randn(3, generator=torch.Generator().manual_seed(1))
    ours, theirs = learn.predict(noise), loaded.predict(noise)
    assert ours.value.shape == (1, 6, 6)
    assert torch.equal(ours.value, theirs.value)
    assert torch.equal(sample(loaded, 4), sample(learn, 4))
    assert sorted(path.name for path in (tmp_path / "export").iterdir()) == [
        "model.json",
        "model.safetensors",
    ]
    with pytest.raises(DataError, match="item 0 must be noise, 3 numbers"):
        loaded.predict(X[0])


def test_many_critic_batches_in_a_row_are_no_dead_generator() -> None:
    """The check looks at as many steps as give each net two turns."""
    learn = gan("wgan-gp", n_critic=12)
    learn.fit(6, 1e-4, progress=False)  # 30 steps


def test_a_generator_that_no_gradient_reaches_is_still_named() -> None:
    class Cut(nn.Module):
        n_latent = 3

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 36)
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, z: Tensor) -> Tensor:
            return (self.layer(z).detach() * self.scale).sigmoid().view(-1, 1, 6, 6)

    critic = models.dcgan_critic((1, 6, 6), channels=[4], norm="none")
    learn = gan_learner(bunch(), Cut(), critic, device="cpu")
    with pytest.warns(UserWarning, match="no gradient reached generator.layer.weight in 8 steps"):
        learn.fit(3, 1e-3, progress=False)


# ---------------------------------------------------------------- what does not fit


def test_data_without_pictures_is_refused() -> None:
    flat = DataBunch.from_arrays(torch.rand(8, 36), torch.zeros(8), batch_size=4)
    for make in (autoencoder_learner, gan_learner):
        with pytest.raises(DataError) as caught:
            make(flat)
        assert str(caught.value) == (
            "pictures are needed, x (B, C, H, W) or (B, H, W); this data has x (4, 36). Reshape "
            "flat ones: x.reshape(-1, 28, 28)."
        )


def test_pictures_outside_of_their_range_are_refused_in_the_first_batch() -> None:
    for make in (autoencoder_learner, gan_learner):
        with pytest.raises(ModelError, match=r"pictures must be in \[0, 1\] here; these have"):
            make(bunch(X * 16), device="cpu").validate()


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (
            autoencoder_learner,
            {"normalize": Normalize((0.5,), (0.5,))},
            "autoencoder_learner() has no normalize: pictures stay in [0, 1].",
        ),
        (
            gan_learner,
            {"loss_func": nn.MSELoss()},
            "gan_learner() has no loss_func: two nets take turns. loss= names the game.",
        ),
        (
            gan_learner,
            {"compile": True},
            "gan_learner() has no compile: two nets take turns. loss= names the game.",
        ),
        (
            autoencoder_learner,
            {"variational": True, "compile": True},
            "autoencoder_learner(variational=...) has no compile: codes are drawn between encoder "
            "and decoder, so the model itself is not called.",
        ),
        (
            autoencoder_learner,
            {"variational": "yes"},
            "variational must be True, False or its beta; got 'yes'.",
        ),
        (
            autoencoder_learner,
            {"n_latnet": 3},
            "autoencoder_learner() has no argument 'n_latnet'. Did you mean 'n_latent'?",
        ),
        (
            gan_learner,
            {"opt_fnc": sgd},
            "gan_learner() has no argument 'opt_fnc'. Did you mean 'opt_func'?",
        ),
    ],
)
def test_options_that_have_no_place_are_refused(
    make: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError) as caught:
        make(bunch(), **options)
    assert str(caught.value) == message


def test_a_game_or_loss_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got 'wgan'. Did you mean 'wgan-gp'"):
        gan_learner(bunch(), loss="wgan")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='loss must be "mse" or "bce"; got \'l1\''):
        autoencoder_learner(bunch(), loss="l1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="autoencoder_learner's data must be a DataBunch of pict"):
        autoencoder_learner(X)  # type: ignore[arg-type]


def test_a_gradient_penalty_and_batch_norm_in_the_critic_do_not_go_together() -> None:
    with pytest.raises(ModelError) as caught:
        gan_learner(bunch(), critic=models.dcgan_critic((1, 6, 6)), loss="wgan-gp")
    assert str(caught.value) == (
        "a gradient penalty is of each picture for itself, and BatchNorm mixes the pictures of a "
        'batch: give a critic without it, such as dcgan_critic(shape, norm="layer").'
    )


def test_what_cannot_draw_or_draws_nothing_is_refused() -> None:
    own = autoencoder_learner(bunch(), model=nn.Identity(), device="cpu")
    with pytest.raises(ModelError, match="Identity cannot draw pictures: it has no n_latent"):
        sample(own, 3)
    for n, other in ((0, ""), ("to be", " Another sample, of learnkit.text, goes on with texts.")):
        with pytest.raises(ValueError, match="draws n pictures") as refused:
            sample(gan(), cast(int, n))
        assert str(refused.value) == (
            f"sample() draws n pictures, a whole number of at least 1; got {n!r}.{other}"
        )


def test_an_autoencoder_that_never_saw_noise_draws_none(tmp_path: Path) -> None:
    learn = autoencoder_learner(bunch(), n_latent=3, hidden=[8], device="cpu")
    loaded = load_learner(learn.export(tmp_path / "plain"), device="cpu")
    for model in (learn, loaded):
        with pytest.raises(ModelError) as refused:
            sample(model, 2)
        assert str(refused.value) == (
            "sample() draws pictures of noise, and this autoencoder was not trained to make any of "
            "it: pass variational=True to autoencoder_learner. encode(learn) gives codes that its "
            "learn.model.decode(codes) knows."
        )


@pytest.mark.parametrize("fit", ["fit", "fine_tune"])
def test_a_frozen_generator_is_named_and_lets_go_by_unfreeze(fit: str) -> None:
    learn = gan()
    if fit == "fit":
        learn.freeze()
    with pytest.raises(ModelError) as caught:
        getattr(learn, fit)(1, progress=False)
    assert str(caught.value) == (
        "the generator is frozen, and a GAN trains two nets in turns: learn.unfreeze() lets both "
        "train. freeze() and fine_tune() are for pretrained bodies."
    )
    learn.unfreeze().fit(1, progress=False)


def test_noise_of_another_size_than_the_generators_is_refused() -> None:
    generator = models.dcgan_generator((1, 6, 6), n_latent=3, channels=[4])
    with pytest.raises(ValueError) as caught:
        gan_learner(bunch(), generator, n_latent=5)
    assert str(caught.value) == (
        "the generator takes 3 numbers of noise, and n_latent=5; leave n_latent out, or make the "
        "generator of as many."
    )
    assert gan_learner(bunch(), generator, n_latent=3).model.n_latent == 3
    with pytest.raises(ValueError, match=r"^n_latent must be at least 1; found 0\.$"):
        gan_learner(bunch(), n_latent=0)


@pytest.mark.parametrize("callbacks", [None, GradientAccumulation(2)])
def test_a_step_over_two_turns_is_refused(callbacks: Any) -> None:
    options: Any = {"accumulate": 2} if callbacks is None else {"callbacks": callbacks}
    with pytest.raises(ModelError) as caught:
        gan().fit(1, progress=False, **options)
    assert str(caught.value) == (
        "batches of this task take turns at different parts of the model, and a step over 2 of "
        "them would mix the turns. Leave accumulate out, and take larger batches."
    )
    autoencoder_learner(bunch(), hidden=[4], device="cpu").fit(1, progress=False, **options)


def test_an_optimizer_that_computes_the_loss_itself_is_refused() -> None:
    for factory in (torch.optim.LBFGS, partial(torch.optim.LBFGS, lr=0.5)):
        with pytest.raises(ValueError) as caught:
            gan_learner(bunch(), opt_func=factory)
        assert str(caught.value) == (
            "L-BFGS computes the loss itself within a step, so it cannot be joined with other "
            "optimizers; train with it alone."
        )


@pytest.mark.parametrize("name", ["gan", "vae", "plain"])
def test_a_compressed_model_draws_and_encodes_as_it_answers(name: str, tmp_path: Path) -> None:
    learn = gan() if name == "gan" else None
    if learn is None:
        learn = autoencoder_learner(bunch(), hidden=[8], variational=name == "vae", device="cpu")
    small = with_model(learn, compress(learn.model, "int8"))
    inner: Any = inner_of(small.model)
    assert math.isfinite(small.validate()["valid_loss"])
    if name != "gan":
        torch.testing.assert_close(encode(small).codes[:6], inner.encode(X[:6]))
    if name != "plain":
        small.export(tmp_path / "small")
        loaded = load_learner(tmp_path / "small", device="cpu")
        assert torch.equal(sample(loaded, 3), sample(small, 3))
        assert len(small.get_preds().preds) == 6


@pytest.mark.parametrize("variational", [False, True])
def test_pictures_outside_of_their_range_get_no_answer(variational: bool, tmp_path: Path) -> None:
    learn = autoencoder_learner(bunch(), hidden=[4], variational=variational, device="cpu")
    loaded = load_learner(learn.export(tmp_path / "ae"), device="cpu")
    for predictor in (learn, loaded):
        with pytest.raises(ModelError, match=r"pictures must be in \[0, 1\] here; these have val"):
            predictor.predict(X[0] * 255)
        predictor.predict(X[0])
        predictor.predict((X[0] * 255).byte())
