"""Simple answers on generated data, whose right numbers are known or computed by scikit-learn."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from learnkit import models
from learnkit.baselines.features import sample, tap_of
from learnkit.baselines.head_start import start_head
from learnkit.baselines.neighbours import close_distance, nearest, scale_of, vote
from learnkit.baselines.probe import Probe, fit_probe
from learnkit.baselines.result import Baseline, Baselines
from learnkit.data.bunch import DataBunch
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import DataError, ModelError
from learnkit.generative import autoencoder_learner
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.models.backbone import Backbone, BackboneSource
from learnkit.models.head import plain_head
from learnkit.models.transfer import build_cnn
from learnkit.text import TextDataBunch, text_learner

pytestmark = pytest.mark.usefixtures("no_checks")


def blobs(n: int, k: int = 3, width: int = 10, *, seed: int = 0, noise: float = 1.0) -> Any:
    drawn = torch.Generator().manual_seed(seed)
    middles = 2 * torch.randn(k, width, generator=torch.Generator().manual_seed(99))
    y = torch.randint(k, (n,), generator=drawn)
    return middles[y] + noise * torch.randn(n, width, generator=drawn), y


def bunch(n: int = 120, **options: Any) -> DataBunch:
    x, y = blobs(n, **options)
    return DataBunch.from_arrays(x, y, valid=blobs(60, seed=1, **options), batch_size=16)


def learner(data: DataBunch | None = None, model: nn.Module | None = None, **options: Any) -> Any:
    data = data or bunch()
    model = model or models.mlp(10, 8, 3)
    options.setdefault("precision", "fp32")
    return Learner(data, model, metrics=accuracy, device="cpu", **options)


class TinySource(BackboneSource):
    def build(self, weights: str | None) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU())


TINY = Backbone("tiny", TinySource())


def photos(folder: Path, *, valid: bool = True) -> ImageDataBunch:
    return ImageDataBunch.from_folder(folder, size=32, batch_size=6, tfms=None)


def body_learner(folder: Path, head: Any = "plain", **options: Any) -> Any:
    data = photos(folder)
    model = build_cnn(TINY, data.n_classes, weights=None, head=head)
    return Learner(data, model, metrics=accuracy, device="cpu", precision="fp32", **options)


def everything(learn: Any) -> dict[str, Any]:
    return {
        "weights": {k: v.clone() for k, v in learn.model.state_dict().items()},
        "rng": torch.random.get_rng_state(),
        "numpy": np.random.get_state()[1].tolist(),
        "modes": [m.training for m in learn.model.modules()],
        "hooks": [len(m._forward_pre_hooks) for m in learn.model.modules()],
        "trains": [p.requires_grad for p in learn.model.parameters()],
        "fast": (vars(learn._fast).copy(), getattr(learn.model, "fast", None)),
        "history": list(learn.history),
        "seen": learn._seen.state_dict(),
        "optimizer": learn._optimizer,
    }


# --- the pieces ---------------------------------------------------------------------------------


def test_neighbours_are_those_of_scikit_learn() -> None:
    (x, y), (other, _) = blobs(200), blobs(50, seed=1)
    scale = scale_of(x.double())
    near = nearest(scale(other.double()), scale(x.double()), 5)
    theirs = KNeighborsClassifier(5).fit(scale(x.double()).numpy(), y.numpy())
    distances, places = theirs.kneighbors(scale(other.double()).numpy())
    assert near.places.tolist() == places.tolist()
    torch.testing.assert_close(near.distances, torch.from_numpy(distances))


def test_many_queries_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    x = blobs(50)[0].double()
    whole = nearest(x, x, 3, itself=True)
    monkeypatch.setattr("learnkit.baselines.neighbours._ROWS", 7)
    parts = nearest(x, x, 3, itself=True)
    assert torch.equal(whole.places, parts.places)
    assert (parts.places != torch.arange(50)[:, None]).all()


def test_the_most_frequent_neighbour_wins_and_the_nearest_of_equal_ones() -> None:
    labels = torch.tensor([[2, 1, 1, 0, 1], [2, 1, 1, 2, 0], [1, 2, 2, 1, 0], [0, 1, 2, 2, 2]])
    assert vote(labels, 3).tolist() == [1, 2, 1, 2]


def test_a_feature_that_never_changes_is_not_divided_by_zero() -> None:
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0]]).double()
    assert scale_of(x)(x).tolist() == [[-1.0, 0.0], [1.0, 0.0]]


def test_of_few_features_only_equal_rows_are_copies() -> None:
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)).double()
    assert close_distance(x) == pytest.approx(2e-6)
    wide = torch.randn(50, 20, generator=torch.Generator().manual_seed(0)).double()
    usual = nearest(wide, wide, 1, itself=True).distances.median()
    assert close_distance(wide) == pytest.approx(0.1 * float(usual))


def test_the_probe_of_classes_is_the_logistic_regression_of_scikit_learn() -> None:
    x, y = blobs(150, noise=2.5)
    x = (3 * x + 7).double()
    scale = scale_of(x)
    probe = fit_probe(x, y, scale=scale, n_classes=3)
    theirs = LogisticRegression(C=1 / (probe.l2 * len(x)), tol=1e-8, max_iter=1000)
    theirs.fit(scale(x).numpy(), y.numpy())
    ours = probe(x).softmax(1).numpy()
    np.testing.assert_allclose(ours, theirs.predict_proba(scale(x).numpy()), atol=2e-3)


@pytest.mark.parametrize("width", [4, 40])
def test_the_probe_of_values_is_the_ridge_of_scikit_learn(width: int) -> None:
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(30, width, generator=drawn).double() + 5
    y = x[:, :2] @ torch.tensor([[1.0, 2.0], [0.0, -1.0]]).double() + 3
    scale = scale_of(x)
    probe = fit_probe(x, y, scale=scale)
    theirs = Ridge(alpha=probe.l2 * len(x)).fit(scale(x).numpy(), y.numpy())
    np.testing.assert_allclose(probe(x).numpy(), theirs.predict(scale(x).numpy()), atol=1e-9)


def test_the_strength_is_chosen_on_training_samples_alone() -> None:
    x, y = blobs(100, noise=6.0)
    noisy = fit_probe(x.double(), y, scale=scale_of(x.double()), n_classes=3)
    clear = fit_probe(x.double(), x[:, :1].double(), scale=scale_of(x.double()))
    assert noisy.l2 > clear.l2 == 0.001
    few = fit_probe(x[:5].double(), y[:5], scale=scale_of(x[:5].double()), n_classes=3)
    assert few.l2 == 1.0


# --- where features come from -------------------------------------------------------------------


def test_features_are_what_the_head_pools_from_the_body(photo_folder: Path) -> None:
    learn = body_learner(photo_folder)
    tap = tap_of(learn.model)
    seen = sample(learn._engine(), tap, learn.data.valid_dl, 100)
    batch = torch.cat([learn.pipeline.prepare(b, keys=None).x for b in
                       learn.data.valid_dl.batches(0)])  # fmt: skip
    with torch.no_grad():
        maps = learn.model.eval().body(batch)
    torch.testing.assert_close(seen.features, maps.mean((2, 3)).double(), rtol=1e-4, atol=1e-5)
    assert (seen.features.shape, seen.preds.shape) == ((6, 8), (6, 3))


class Own(nn.Module):
    def __init__(self, head: nn.Module, *, calls: bool = True) -> None:
        super().__init__()
        self.body, self.head, self.calls = nn.Linear(10, 6), head, calls

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.body(x)[:, None].expand(-1, 4, -1) if self.calls else self.body(x)
        return self.head(tokens) if self.calls else self.head[0](tokens)


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.mean(1))


def test_tokens_before_a_head_of_ones_own_are_averaged() -> None:
    learn = learner(model=Own(Tokens()))
    assert "6 features of the body each" in str(learn.baselines(probe=False))


def test_a_head_that_is_not_called_is_named() -> None:
    learn = learner(model=Own(nn.Sequential(nn.Linear(6, 3)), calls=False))
    with pytest.raises(ModelError) as error:
        learn.baselines()
    assert str(error.value) == (
        "the model has a body and a head, but does not call its head, so baselines cannot see "
        "the body's features. Call self.head(features) in its forward."
    )
    assert [len(m._forward_pre_hooks) for m in learn.model.modules()] == [0] * 4


def test_large_raw_photos_are_shrunk() -> None:
    x = torch.rand(24, 3, 48, 40, generator=torch.Generator().manual_seed(0))
    data = DataBunch.from_arrays(x, [0, 1] * 12, batch_size=8)
    found = learner(data, models.cnn(2, channels=(4,))).baselines()
    assert found.features == "3,072 raw inputs each"


# --- the whole ----------------------------------------------------------------------------------


def test_each_answer_has_the_accuracy_that_scikit_learn_finds() -> None:
    (x, y), (other, truth) = blobs(120, noise=3.0), blobs(60, seed=1, noise=3.0)
    found = learner(bunch(noise=3.0)).baselines()
    mean, std = x.mean(0), x.std(0, correction=0)
    for k, name in ((1, "1 nearest neighbour"), (5, "5 nearest neighbours")):
        theirs = KNeighborsClassifier(k).fit(((x - mean) / std).numpy(), y.numpy())
        right = (theirs.predict(((other - mean) / std).numpy()) == truth.numpy()).mean()
        assert found[name] == pytest.approx(right, abs=1.5 / 60)  # equal votes
    assert found["majority class"] == float((truth == y.bincount().argmax()).double().mean())
    theirs = LogisticRegression(C=1 / (found.l2 * 120), max_iter=500)
    theirs.fit(((x - mean) / std).numpy(), y.numpy())
    right = theirs.score(((other - mean) / std).numpy(), truth.numpy())
    assert found["linear probe"] == pytest.approx(right)
    assert (found.n_train, found.n_valid) == (120, 60)


def test_the_models_own_number_is_that_of_validate(photo_folder: Path) -> None:
    for learn in (learner(), body_learner(photo_folder), body_learner(photo_folder, "fastai")):
        assert learn.baselines().model == pytest.approx(learn.validate()["accuracy"])


def test_nothing_of_the_learner_changes(photo_folder: Path) -> None:
    for learn in (learner(), body_learner(photo_folder, "fastai")):
        learn.model.train()
        next(learn.model.children()).eval()
        before = everything(learn)
        learn.baselines()
        after = everything(learn)
        torch.testing.assert_close(after.pop("weights"), before.pop("weights"), rtol=0, atol=0)
        assert torch.equal(after.pop("rng"), before.pop("rng"))
        assert after == before


def test_an_interruption_leaves_modes_and_hooks_as_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learn = learner()
    learn.model.train()
    before = everything(learn)

    def stop(*args: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("learnkit.predictions.Engine.answer", stop)
    with pytest.raises(KeyboardInterrupt):
        learn.baselines()
    after = everything(learn)
    for key in ("modes", "hooks", "trains"):
        assert after[key] == before[key]


def test_a_fit_is_the_same_bits_with_and_without_baselines_before_it() -> None:
    one, other = learner(), learner()
    other.baselines()
    losses = [learn.fit(1, progress=False).column("train_loss") for learn in (one, other)]
    assert losses[0] == losses[1]


def test_values_have_a_mean_neighbours_and_a_ridge() -> None:
    x = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    y = x @ torch.tensor([1.0, 2.0, 0.0, -1.0]) + 0.5
    data = DataBunch.from_arrays(x[:80], y[:80], valid=(x[80:], y[80:]), batch_size=16)
    model = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))
    found = Learner(data, model, device="cpu", precision="fp32").baselines()
    names = ["mean", "1 nearest neighbour", "5 nearest neighbours", "linear probe"]
    assert [score.name for score in found.scores] == names
    assert found.measure == "rmse"
    error = float((y[80:] - y[:80].mean()).double().square().mean().sqrt())
    assert found["mean"] == pytest.approx(error, rel=1e-6)
    assert found["linear probe"] < 0.01
    assert found.best.name == "linear probe"


def test_only_the_first_n_of_each_side_are_used() -> None:
    found = learner().baselines(n=20)
    assert (found.n_train, found.n_valid) == (20, 20)


def test_without_a_probe_there_is_none() -> None:
    found = learner().baselines(probe=False)
    assert found.l2 is None
    with pytest.raises(KeyError, match="no baseline 'linear probe'; there are: majority class, "):
        found["linear probe"]


# --- leaks --------------------------------------------------------------------------------------


def test_validation_samples_that_lie_by_a_training_sample_are_named() -> None:
    (x, y), (other, truth) = blobs(100), blobs(30, seed=1)
    other[4], other[7] = x[11], x[50] + 1e-3
    truth[4], truth[7] = y[11], y[50]
    data = DataBunch.from_arrays(x, y, valid=(other, truth), batch_size=16)
    found = learner(data).baselines()
    assert [(c.valid, c.train) for c in found.copies] == [
        ("sample 4", "sample 11"),
        ("sample 7", "sample 50"),
    ]
    assert found.copies[0].distance == 0 < found.copies[1].distance < 0.001
    assert found.notes == (
        "2 of 30 validation samples have a near copy in training, which makes validation look "
        "better than it is. data.check() names copies of files.",
    )
    assert "  sample 4 is like sample 11" in str(found).splitlines()


def test_clean_data_gets_no_note() -> None:
    found = learner().baselines()
    assert (found.notes, found.copies) == ((), ())


def test_photos_are_named_by_their_files(photo_folder: Path) -> None:
    twin = photo_folder / "train" / "red" / "red_0.jpg"
    (photo_folder / "valid" / "red" / "red_0.jpg").write_bytes(twin.read_bytes())
    found = body_learner(photo_folder).baselines()
    assert [(Path(c.valid).name, Path(c.train)) for c in found.copies][:1] == [("red_0.jpg", twin)]


def test_series_of_photos_on_both_sides_are_noticed() -> None:
    """Each sample has a sibling on the other side, and labels follow the siblings alone."""
    drawn = torch.Generator().manual_seed(0)
    x, y = torch.randn(150, 10, generator=drawn), torch.randint(3, (150,), generator=drawn)
    near = x + 0.5 * torch.randn(150, 10, generator=drawn)
    data = DataBunch.from_arrays(x, y, valid=(near, y), batch_size=16)
    found = learner(data).baselines()
    gap = found["1 nearest neighbour"] - found["linear probe"]
    assert found.notes == (
        f"One nearest neighbour is {gap:.2f} above the probe: validation samples seem to have "
        "siblings in training, as from one series of photos. Split by series.",
    )


def test_random_labels_and_one_sided_ones_are_noticed() -> None:
    drawn = torch.Generator().manual_seed(0)
    x, y = torch.randn(400, 10, generator=drawn), torch.randint(3, (400,), generator=drawn)
    found = learner(DataBunch.from_arrays(x, y, batch_size=16)).baselines()
    assert found.notes == (
        "Neither neighbours nor probe beat the majority class clearly: these features do not tell "
        "the classes apart, or the labels are wrong.",
    )
    y = (torch.arange(400) % 20 == 0).long() * 2
    notes = learner(DataBunch.from_arrays(x, y, batch_size=16)).baselines().notes
    assert notes[0].endswith("accuracy says little here. Watch a metric by class too.")
    assert notes[-1] == ("1 of 3 classes have no training sample among those used (1). Raise n=.")


def cropping(folder: Path) -> ImageDataBunch:
    from learnkit.data.geometry import RandomResizedCrop
    from learnkit.data.presets import Transforms

    tfms = Transforms(crop=RandomResizedCrop(), batch=())
    return ImageDataBunch.from_folder(folder, size=32, batch_size=6, tfms=tfms)


def test_random_crops_hide_no_copy(photo_folder: Path) -> None:
    twin = photo_folder / "train" / "red" / "red_0.jpg"
    (photo_folder / "valid" / "red" / "red_0.jpg").write_bytes(twin.read_bytes())
    data = cropping(photo_folder)
    model = build_cnn(TINY, 3, weights=None, head="plain")
    found = Learner(data, model, device="cpu", precision="fp32").baselines()
    assert found.copies[0].train == str(twin)
    assert not any("cropped" in note for note in found.notes)


def test_random_crops_of_a_loader_of_ones_own_are_told(photo_folder: Path) -> None:
    data = cropping(photo_folder)
    own = DataBunch.from_dls(data.train_dl, data.valid_dl, classes=data.classes)
    model = build_cnn(TINY, 3, weights=None, head="plain")
    found = Learner(own, model, device="cpu", precision="fp32").baselines()
    assert found.notes[-1] == (
        "Training photos are cropped at random, so some near copies may go unseen."
    )


# --- the head from the probe --------------------------------------------------------------------


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_plain_head_that_starts_from_the_probe_answers_as_the_probe(
    photo_folder: Path, dropout: float
) -> None:
    learn = body_learner(photo_folder, plain_head(8, 3, dropout=dropout))
    body = {k: v.clone() for k, v in learn.model.body.state_dict().items()}
    found = learn.baselines(init_head=True)
    assert found.head_started
    assert learn.validate()["accuracy"] == pytest.approx(found["linear probe"])
    torch.testing.assert_close(learn.model.body.state_dict(), body, rtol=0, atol=0)


def test_the_logits_are_the_probes() -> None:
    learn = learner(bunch(noise=3.0), models.linear(10, 3))
    found = learn.baselines(init_head=True)
    x = blobs(120, noise=3.0)[0].double()
    y = blobs(120, noise=3.0)[1]
    order = torch.from_numpy(np.concatenate([b.indices for b in learn.data.train_dl.batches(0)]))
    probe = fit_probe(x[order], y[order], scale=scale_of(x[order]), n_classes=3, seed=learn.seed)
    preds = learn.get_preds(activate=False).preds
    torch.testing.assert_close(
        preds.double(), probe(blobs(60, seed=1, noise=3.0)[0].double()), rtol=1e-4, atol=1e-4
    )
    assert learn.validate()["accuracy"] == pytest.approx(found["linear probe"])
    assert learn.baselines().model == pytest.approx(found["linear probe"])


def test_other_heads_are_refused_before_anything_is_computed(photo_folder: Path) -> None:
    ways = (
        "It fits a head of pooling and one linear layer: "
        'cnn_learner(..., head="plain"), or models.plain_head, or models.linear for numbers.'
    )
    unbiased = nn.Sequential(nn.Flatten(), nn.Linear(10, 3, bias=False))
    cases = [
        (body_learner(photo_folder, "fastai"), "this head has other layers (CnnModel)"),
        (learner(), "this model has more layers (ScratchModel)"),
        (learner(model=unbiased), "the linear layer of this head has none (Sequential)"),
    ]
    for learn, reason in cases:
        with pytest.raises(ModelError) as error:
            learn.baselines(init_head=True)
        assert str(error.value) == (
            "baselines(init_head=True): a probe is one linear layer with a bias, and "
            f"{reason}. {ways}"
        )


def test_a_head_of_another_width_is_refused() -> None:
    learn = learner(model=models.linear(10, 3))
    data = DataBunch.from_arrays(torch.zeros(20, 10), [0, 3] * 10, batch_size=4)
    learn.data = data
    with pytest.raises(ModelError) as error:
        learn.baselines()
    assert str(error.value) == (
        "baselines needs a score for each of the 4 classes, (N, 4); the model's predictions have "
        "shape (16, 3). Give the last layer as many outputs as there are classes."
    )
    probe = Probe(torch.zeros(4, 10), torch.zeros(4), 1.0)
    with pytest.raises(ModelError) as error:
        start_head(nn.Linear(10, 3), probe)
    assert str(error.value) == (
        "baselines(init_head=True): the probe gives 4 outputs from 10 features, but the head's "
        "linear layer gives 3 from 10."
    )


@pytest.mark.parametrize("last", [[], [nn.Flatten(0)]], ids=["(N, 1)", "(N,)"])
def test_one_output_is_no_score_of_two_classes(last: list[nn.Module]) -> None:
    def loss(preds: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.binary_cross_entropy_with_logits(preds.flatten(), targets.float())

    x = torch.randn(40, 6)
    y = (x.sum(1) > 0).long()
    data = DataBunch.from_arrays(x, y, valid=(x[:16], y[:16]), batch_size=8)
    learn = Learner(data, nn.Sequential(nn.Linear(6, 1), *last), loss_func=loss, device="cpu")
    with pytest.raises(ModelError) as error:
        learn.baselines()
    shape = "(40,)" if last else "(40, 1)"
    assert str(error.value) == (
        "baselines needs a score for each of the 2 classes, (N, 2); the model's predictions have "
        f"shape {shape}. Give the last layer as many outputs as there are classes."
    )


def test_a_layer_that_is_flattened_afterwards_starts_from_the_probe() -> None:
    x = torch.randn(60, 6, generator=torch.Generator().manual_seed(0))
    y = x @ torch.arange(6.0) + 3
    data = DataBunch.from_arrays(x[:40], y[:40], valid=(x[40:], y[40:]), batch_size=8)
    model = nn.Sequential(nn.Linear(6, 1), nn.Flatten(0))
    learn = Learner(data, model, device="cpu")
    bar = learn.baselines(init_head=True)
    assert bar.head_started
    after = learn.baselines()
    assert after.model == pytest.approx(bar["linear probe"], rel=1e-4)
    assert after.model < 0.5 < bar.model


# --- refusals and words -------------------------------------------------------------------------


def test_options_are_checked() -> None:
    learn = learner()
    with pytest.raises(ValueError) as error:
        learn.baselines(n=1)
    assert str(error.value) == "baselines: n, samples of each side, must be at least 2; found 1."
    with pytest.raises(ValueError) as error:
        learn.baselines(probe=False, init_head=True)
    assert str(error.value) == "baselines(init_head=True) needs the probe: leave probe=True."
    with pytest.raises(TypeError) as wrong:
        learn.baselines(prob=False)
    assert str(wrong.value) == "Learner.baselines() has no argument 'prob'. Did you mean 'probe'?"


def test_several_labels_at_once_are_refused() -> None:
    x, y = torch.randn(20, 10), torch.ones(20, 3, dtype=torch.bool)
    loaders = [torch.utils.data.DataLoader(list(zip(x, y, strict=True)), 5) for _ in "ab"]
    learn = learner(DataBunch.from_dls(*loaders))
    with pytest.raises(ModelError) as error:
        learn.baselines()
    assert str(error.value) == (
        "baselines takes one class a sample, int64 (N,) from 0 on, or real values, (N,) or "
        "(N, K); these targets are bool of shape (20, 3)."
    )


def test_features_that_are_not_finite_name_their_sample() -> None:
    x, y = blobs(40)
    x[3, 2] = torch.nan
    sides = TensorDataset(x, y), TensorDataset(*blobs(10, seed=1))
    learn = learner(DataBunch.from_dataset(*sides, classes=["a", "b", "c"], batch_size=8))
    with pytest.raises(DataError) as error:
        learn.baselines()
    assert str(error.value) == (
        "sample 3 gives features that are NaN or infinite, as do 0 others. data.check() finds "
        "such values in the inputs."
    )


RESULT = Baselines(
    measure="accuracy",
    scores=(Baseline("majority class", 0.25), Baseline("linear <probe>", 0.875)),
    model=0.2,
    features="8 features of the body each",
    n_train=1000,
    n_valid=200,
    notes=("A note.",),
    head_started=True,
    seconds=1.25,
)


def test_the_result_prints_as_a_table() -> None:
    assert str(RESULT).splitlines() == [
        "baseline        accuracy",
        "majority class  0.2500",
        "linear <probe>  0.8750",
        "this model now  0.2000",
        "The bar to beat: linear <probe>, accuracy 0.8750.",
        "Seen: 1,000 training and 200 validation samples, 8 features of the body each, 1.2 s.",
        "The head now starts from the probe.",
        "A note.",
    ]


def test_the_result_in_a_notebook_is_escaped() -> None:
    html = RESULT._repr_html_()
    assert "<tr><td>linear &lt;probe&gt;</td><td>0.8750</td></tr>" in html
    assert html.endswith("<p>A note.</p>")
    assert "<probe>" not in html


def test_texts_of_different_lengths_are_refused_in_words() -> None:
    texts = [" ".join(["free", "prize"] * (1 + i % 5)) for i in range(40)]
    data = TextDataBunch.from_lists(texts, ["a", "b"] * 20, batch_size=4)
    learn = text_learner(data, n_embed=4, n_hidden=4, device="cpu")
    with pytest.raises(ModelError) as caught:
        learn.baselines()
    assert re.fullmatch(
        r"baselines needs as many numbers of each sample; these have \d+ to \d+, as texts and "
        r"sequences of different lengths do, and the model has no body and head that make one row "
        r"of each\.",
        str(caught.value),
    )


def test_pictures_that_are_answers_are_refused_in_words() -> None:
    data = DataBunch.from_arrays(torch.rand(20, 1, 4, 4), torch.arange(20) % 2, batch_size=4)
    for variational, kind in ((False, "reconstruction"), (True, "variational")):
        learn = autoencoder_learner(data, hidden=[4], variational=variational, device="cpu")
        with pytest.raises(ModelError) as caught:
            learn.baselines()
        assert str(caught.value) == (
            "baselines compares answers of one class or of values for each sample; this learner's "
            f"task is {kind}, which has neither."
        )
