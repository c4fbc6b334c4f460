"""Tables from the first row to the export: `tabular_learner` and what users import with it."""

import contextlib
import math

import pytest
import torch

from learnkit import tabular
from learnkit.data.bunch import DataBunch
from learnkit.errors import DataError, ModelError
from learnkit.models.tabular import embedding_size
from learnkit.tabular import Callback, TabularDataBunch, accuracy, load_learner, tabular_learner

pytestmark = pytest.mark.usefixtures("no_flushing", "no_checks")

N = 200
TOWNS = ["Ulm", "Bonn", "Kiel", "Rom"]
TABLE = {
    "town": [TOWNS[i % 4] for i in range(N)],
    "size": [None if i % 10 == 0 else (i * 37 % N) / 2 for i in range(N)],
    "day": [f"2026-{1 + i % 12:02}-{1 + i % 28:02}" for i in range(N)],
    "rent": [10.0 * (i * 37 % N) + 300 * (i % 4) for i in range(N)],
    "kind": ["house" if (i * 37 % N) > 100 or i % 4 == 1 else "flat" for i in range(N)],
}
ROW = {"town": "Ulm", "size": 80, "day": "2026-02-03"}


def bunch(y_cols="kind", **options):
    drop = ["rent"] if y_cols == "kind" else ["kind"]
    return TabularDataBunch.from_df(TABLE, y_cols, drop_cols=drop, **{"bs": 32, **options})


def trained(epochs=1, data=None, **options):
    learn = tabular_learner(bunch() if data is None else data, **{"device": "cpu", **options})
    learn.fit_one_cycle(epochs, 1e-2, progress=False)
    return learn


def message(call, error=ValueError):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_the_names_of_the_surface_are_sorted_and_there():
    assert tabular.__all__ == sorted(tabular.__all__)
    assert all(hasattr(tabular, name) for name in tabular.__all__)


def test_a_table_is_learned():
    learn = trained(6, metrics=accuracy, pieces=16)
    assert learn.history[-1]["accuracy"] > 0.85  # the larger class has 0.63


def test_values_need_no_scaling():
    data = bunch("rent")
    learn = tabular_learner(data, device="cpu", pieces=16)
    targets = torch.cat([y for _, y in data.train_dl])
    torch.testing.assert_close(learn.model.scale[0], targets.double().mean(0).float())
    learn.fit_one_cycle(8, 1e-2, progress=False)
    assert math.sqrt(learn.history[-1]["valid_loss"]) < float(targets.std()) / 3


def test_a_range_takes_the_place_of_the_scale():
    learn = tabular_learner(bunch("rent"), y_range=(0, 3000), device="cpu")
    assert learn.model.scale.tolist() == [[0.0], [1.0]]
    assert 0 < float(learn.predict(ROW).value) < 3000


@pytest.mark.parametrize("target", ["kind", "rent"])
def test_an_export_answers_the_same(target, tmp_path):
    learn = trained(data=bunch(target), dropout=0.2, embedding_dropout=0.1)
    rows = [ROW, {"town": "Mars", "size": None, "day": None, "kind": "ignored"}]
    learn.export(tmp_path / "model")
    loaded = load_learner(tmp_path / "model", device="cpu")
    for row, answer in zip(rows, loaded.predict_batch(rows), strict=True):
        alone = learn.predict(row)
        torch.testing.assert_close(
            loaded.predict(row).probabilities, alone.probabilities, rtol=0, atol=0
        )
        torch.testing.assert_close(answer.probabilities, alone.probabilities)
        assert str(answer) == str(alone)
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}


def test_the_validation_rows_are_predicted_as_they_were_validated(tmp_path):
    data = bunch(split=(range(150), range(150, N)))
    learn = trained(data=data)
    rows = [{name: values[i] for name, values in TABLE.items()} for i in range(150, N)]
    learn.export(tmp_path / "model")
    answers = load_learner(tmp_path / "model", device="cpu").predict_batch(rows)
    found = torch.stack([answer.probabilities for answer in answers])
    torch.testing.assert_close(found, learn.get_preds().preds)


def test_a_row_that_does_not_fit_is_named():
    learn = tabular_learner(bunch(), device="cpu")
    assert message(lambda: learn.predict({**ROW, "twon": 1}), DataError) == (
        "row 0 (counted from 0) has the column 'twon', which the training table did not have. Did "
        "you mean 'town'? The model takes: town, size, day."
    )
    assert message(lambda: learn.predict({**ROW, "size": math.inf}), DataError).startswith(
        "The rows to predict, row 0 (counted from 0) has inf in the column 'size', which is inf"
    )


def test_results_are_shown_as_rows(capsys):
    learn = tabular_learner(bunch(), device="cpu")
    learn.show_results(2)
    printed = capsys.readouterr().out
    assert "target" in printed
    assert "town " in printed


def test_sizes_and_pieces_reach_the_model():
    learn = tabular_learner(bunch(), embedding_sizes={"town": 7}, layers=(9,), pieces=4)
    sizes = learn.data.inputs.category_sizes
    expected = {name: embedding_size(n) for name, n in sizes.items()} | {"town": 7}
    assert learn.model.spec["embedding_sizes"] == list(expected.values())
    assert learn.model.spec["layers"] == [9]
    x = torch.cat([x for x, _ in learn.data.train_dl])[:, len(sizes)]
    assert learn.model.pieces.low[0] == x.min()
    assert learn.model.pieces.high[learn.model.spec["pieces"][0] - 1] == x.max()
    assert tabular_learner(bunch(), pieces=0).model.pieces is None


def test_the_seed_decides():
    states = [tabular_learner(bunch(), seed=seed).model.layers[0].weight for seed in (1, 1, 2)]
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_options_that_cannot_be_used_are_errors():
    data = bunch()
    assert message(lambda: tabular_learner(data, pieces=-1)) == (
        "pieces must be a whole number from 0 to 1000; found -1."
    )
    assert message(lambda: tabular_learner(data, embedding_sizes={"twon": 3})).startswith(
        "embedding_sizes names 'twon', which is no column of categories. Did you mean 'town'?"
    )
    assert message(lambda: tabular_learner(data, layer=(3,)), TypeError) == (
        "tabular_learner() has no argument 'layer'. Did you mean 'layers'?"
    )
    plain = DataBunch.from_arrays(torch.rand(20, 2), [0, 1] * 10, batch_size=4)
    assert message(lambda: tabular_learner(plain), DataError) == (
        "tabular_learner needs data of a table; found DataBunch. Make it: "
        "TabularDataBunch.from_df(df, y_cols=...)."
    )


class Dies(Callback):
    """Raise before one training batch, as a kill would end the fit; -1 lets it be."""

    def __init__(self, batch):
        self.batch = batch

    def before_batch(self, state):
        if state.training and state.progress.batches_seen == self.batch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("batch", [3, 7])
def test_a_fit_that_is_killed_goes_on_to_the_same_bits(batch, tmp_path):
    def learner():
        return tabular_learner(bunch(), dropout=0.3, embedding_dropout=0.1, device="cpu")

    whole, again = learner(), learner()
    whole.fit(2, 1e-2, callbacks=Dies(-1), progress=False)
    saved = {"checkpoint": tmp_path, "every_steps": 1, "progress": False}
    with contextlib.suppress(KeyboardInterrupt):
        learner().fit(2, 1e-2, callbacks=Dies(batch), **saved)
    again.fit(2, 1e-2, callbacks=Dies(-1), **saved)
    assert again.history[-1]["valid_loss"] == whole.history[-1]["valid_loss"]
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name


def test_a_range_of_values_is_refused_where_there_are_classes():
    """It would squash their logits, and no probability would ever be above 0.74."""
    assert message(lambda: tabular_learner(bunch(), y_range=(0, 1)), ModelError) == (
        "y_range=(0, 1) is for values, but this data has 2 classes. Leave it out."
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"layers": 5}, "layers must be a list of whole numbers, such as [64, 32]; found 5."),
        (
            {"embedding_sizes": {"town": "4"}, "layers": [4]},
            "embedding_sizes must be whole numbers of at least 1; found ",
        ),
    ],
)
def test_widths_of_another_type_are_refused_in_words(options, expected):
    assert message(lambda: tabular_learner(bunch(), **options)).startswith(expected)
