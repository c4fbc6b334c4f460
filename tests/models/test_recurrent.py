import json

import pytest
import torch

from learnkit import models
from learnkit.errors import ExportError
from learnkit.models.spec import build_from_spec, check_spec, n_outputs, outline_from_spec


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_behind_a_sequence_changes_nothing(cell, bidirectional):
    model = models.lstm(
        2, 3, hidden=5, layers=2, cell=cell, bidirectional=bidirectional, ragged=True
    )
    model.eval()
    x = torch.randn(1, 4, 2)
    x[:, :, -1] = 1  # every step is there
    longer = torch.cat([x, torch.zeros(1, 3, 2)], 1)
    torch.testing.assert_close(model(longer), model(x))
    short = longer.clone()
    short[:, 3:, -1] = 0
    assert not torch.allclose(model(short), model(x))


def test_a_bidirectional_model_reads_from_both_ends():
    model = models.lstm(1, 1, hidden=4, bidirectional=True).eval()
    x = torch.randn(1, 6, 1)
    forward = model.recurrent(x)[0][0, -1, :4]
    back = model.recurrent(x)[0][0, 0, 4:]
    torch.testing.assert_close(model(x), model.head(torch.cat([forward, back])[None]))


def test_weights_are_a_function_of_the_seed():
    one, same, other = (models.lstm(2, 2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.head[1].weight, same.head[1].weight)
    assert not torch.equal(one.head[1].weight, other.head[1].weight)


@pytest.mark.parametrize(
    "build",
    [
        lambda: models.lstm(3, 4, layers=2, bidirectional=True, dropout=0.1, ragged=True),
        lambda: models.lstm(3, 4, cell="gru"),
        lambda: models.char_rnn(9, embedding=4, hidden=6, layers=2, dropout=0.2),
        lambda: models.char_rnn(9, embedding=4, hidden=6, tie=True, cell="gru"),
        lambda: models.char_rnn(9, embedding=6, hidden=6, tie=True),
    ],
)
def test_a_model_is_rebuilt_from_its_spec_through_json(build):
    model = build()
    spec = json.loads(json.dumps(model.spec))
    again = build_from_spec(spec)
    assert again.spec == model.spec
    again.load_state_dict(model.state_dict())
    assert str(again) == str(model)
    outline = outline_from_spec(spec)
    assert all(value.is_meta for value in outline.state_dict().values())
    assert {k: v.shape for k, v in outline.state_dict().items()} == {
        k: v.shape for k, v in model.state_dict().items()
    }
    assert n_outputs(spec) == spec.get("n_out", spec.get("n_tokens"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"hidden": 100_000},
            "The model description asks for 40002600000 parameters in lstm.hidden; at most "
            "1000000000 are built.",
        ),
        (
            {"layers": 65},
            "In the model description lstm.layers must be a whole number from 1 to 64; found 65.",
        ),
        (
            {"ragged": 1},
            "In the model description lstm.ragged must be true or false; found 1.",
        ),
        (
            {"cell": "rnn"},
            "In the model description lstm.cell must be one of 'lstm', 'gru'; found 'rnn'.",
        ),
    ],
)
def test_a_description_of_a_stranger_is_bounded(changed, message):
    with pytest.raises(ExportError) as error:
        check_spec(models.lstm(2, 10).spec | changed)
    assert str(error.value) == message


def test_the_size_that_is_checked_is_that_of_the_model():
    from learnkit.models.kinds.lstm import recurrent_size

    for directions in (1, 2):
        model = models.lstm(3, 2, hidden=5, layers=3, bidirectional=directions == 2)
        real = sum(p.numel() for p in model.recurrent.parameters())
        assert recurrent_size(3, 5, 3, directions) == real


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": 0}, "hidden must be at least 1; found 0."),
        ({"cell": "lstmm"}, "cell must be 'lstm' or 'gru'; found 'lstmm'. Did you mean 'lstm'?"),
        ({"dropout": 1.0}, "dropout must be in [0, 1); found 1.0."),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError) as error:
        models.lstm(2, 2, **options)
    assert str(error.value) == message
