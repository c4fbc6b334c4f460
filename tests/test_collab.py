"""Ratings from the first row to the export: `collab_learner`, and what it learned by name."""

import pytest
import torch

from learnkit.collab import collab_bias, collab_learner, collab_weight
from learnkit.data.tabular.bunch import TabularDataBunch
from learnkit.data.tabular.collab_bunch import CollabDataBunch
from learnkit.errors import DataError, ModelError
from learnkit.inference import load_learner
from learnkit.learner import Learner
from learnkit.models.perceptron import mlp
from learnkit.tabular import tabular_learner

pytestmark = pytest.mark.usefixtures("no_flushing", "no_checks")

USERS, FILMS = [f"u{i}" for i in range(20)], ["Up", "Jaws", "Heat", "Alien"]


def ratings():
    """Everybody likes Up best and Jaws least; odd users like Heat and even ones Alien."""
    rows = [(user, film) for _ in range(3) for user in range(20) for film in range(4)]
    stars = [{0: 5, 1: 1, 2: 2 + 2 * (u % 2), 3: 4 - 2 * (u % 2)}[f] for u, f in rows]
    return {
        "user": [USERS[u] for u, _ in rows],
        "film": [FILMS[f] for _, f in rows],
        "stars": stars,
    }


def bunch(**options):
    return CollabDataBunch.from_df(ratings(), **{"bs": 16, **options})


def trained(**options):
    learn = collab_learner(bunch(), **{"n_factors": 5, "device": "cpu", **options})
    learn.fit_one_cycle(12, 2e-2, progress=False)
    return learn


@pytest.fixture(scope="module")
def learner():
    return trained()


def test_tastes_are_learned(learner):
    assert learner.history[-1]["valid_loss"] < 0.2


def test_layers_learn_too():
    assert trained(use_nn=True).history[-1]["valid_loss"] < 1.2  # ratings vary by 2.5


def test_who_is_not_known_gets_the_mean_before_training():
    learn = collab_learner(bunch(), device="cpu")
    mean = torch.cat([y for _, y in learn.data.train_dl]).mean()
    found = learn.predict({"user": "nobody", "film": "nothing"})
    torch.testing.assert_close(found.value, mean)
    assert str(found) == f"stars {float(mean):.4g}"


def test_an_unknown_user_gets_what_all_think_of_a_film(learner):
    best, worst = (float(learner.predict({"user": None, "film": f}).value) for f in FILMS[:2])
    assert best > 3.3 > 2.7 > worst


def test_biases_and_factors_are_read_by_name(learner, tmp_path):
    biases = collab_bias(learner)
    assert sorted(biases) == sorted(FILMS)
    assert max(biases, key=biases.get) == "Up"
    assert min(biases, key=biases.get) == "Jaws"
    assert collab_bias(learner, ["Heat"]) == {"Heat": biases["Heat"]}
    assert sorted(collab_bias(learner, user=True)) == sorted(USERS)
    factors = collab_weight(learner, ["Heat", "Alien"])
    assert factors["Heat"].shape == (5,)
    assert torch.cosine_similarity(factors["Heat"], factors["Alien"], dim=0) < -0.5
    learner.export(tmp_path / "model")
    assert collab_bias(load_learner(tmp_path / "model", device="cpu")) == biases


def test_an_unknown_name_names_the_nearest(learner):
    with pytest.raises(DataError) as caught:
        collab_weight(learner, ["Haet"])
    assert str(caught.value) == (
        "'Haet' is not in the column 'film' of the training rows. Did you mean 'Heat'?"
    )


@pytest.mark.parametrize("use_nn", [False, True])
def test_an_export_answers_the_same(use_nn, tmp_path):
    learn = collab_learner(bunch(), use_nn=use_nn, device="cpu")
    learn.fit(1, progress=False)
    learn.export(tmp_path / "model")
    loaded = load_learner(tmp_path / "model", device="cpu")
    for row in ({"user": "u3", "film": "Up"}, {"user": "new", "film": "Jaws"}):
        assert torch.equal(loaded.predict(row).value, learn.predict(row).value)


@pytest.mark.parametrize(
    ("stars", "ends"), [([1, 5], (0.0, 5.5)), ([-2, 8], (-3.0, 9.0)), ([3, 3], (0.0, 3.3))]
)
def test_the_range_is_a_tenth_wider_than_the_ratings(stars, ends):
    rows = {"user": USERS, "film": FILMS * 5, "stars": stars * 10}
    data = CollabDataBunch.from_df(rows, bs=8)
    assert collab_learner(data).model.y_range == pytest.approx(ends)
    assert collab_learner(data, y_range=(-9, 9)).model.y_range == (-9.0, 9.0)


def test_data_of_another_kind_is_an_error():
    rows = {"size": [i / 2 for i in range(40)], "y": [0, 1] * 20}
    table = TabularDataBunch.from_df(rows, "y", bs=8)
    with pytest.raises(DataError) as caught:
        collab_learner(table)
    assert str(caught.value) == (
        "collab_learner takes a CollabDataBunch; for tables: tabular_learner."
    )
    with pytest.raises(DataError) as caught:
        tabular_learner(bunch())
    assert str(caught.value) == (
        "tabular_learner takes a TabularDataBunch; for ratings: collab_learner."
    )
    with pytest.raises(DataError, match="collab_learner needs data of a table; found int"):
        collab_learner(3)
    with pytest.raises(ModelError, match="only a collab_learner, or its export, has biases"):
        collab_bias(Learner(table, mlp(1, 2), device="cpu"))
