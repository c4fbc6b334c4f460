import pytest
import torch
from torch.nn.functional import pad

from learnkit.errors import ExportError, ModelError
from learnkit.models.recurrent_text import text_rnn
from learnkit.models.spec import build_from_spec, check_spec, n_outputs, outline_from_spec

SMALL = {"n_embed": 6, "n_hidden": 5}


def tokens():
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(1, 20, (4, 9), generator=generator)
    for row, length in enumerate((9, 4, 1, 6)):
        x[row, length:] = 0
    return x


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("n_layers", [1, 2])
def test_padding_changes_no_answer(cell, bidirectional, n_layers):
    model = text_rnn(
        20, 3, cell=cell, bidirectional=bidirectional, n_layers=n_layers, seed=1, **SMALL
    ).eval()
    x = tokens()
    whole = model(x)
    assert whole.shape == (4, 3)
    torch.testing.assert_close(model(pad(x, (0, 7))), whole, atol=1e-6, rtol=0)
    for row, length in enumerate((9, 4, 1, 6)):
        alone = model(x[row : row + 1, :length])
        torch.testing.assert_close(alone, whole[row : row + 1], atol=1e-6, rtol=0)


def test_padding_gets_no_gradient_and_every_weight_does():
    model = text_rnn(20, 3, **SMALL)
    model(tokens()).sum().backward()
    assert model.embedding.weight.grad[0].abs().sum() == 0
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_the_pooled_states_are_the_last_the_maximum_and_the_mean():
    model = text_rnn(20, 2, bidirectional=False, **SMALL).eval()
    x = tokens()[1:2, :4]
    states = model.rnn(model.embedding(x))[0][0]
    pooled = torch.cat([states[-1], states.amax(0), states.mean(0)])
    torch.testing.assert_close(model(x)[0], model.head(pooled))


def test_the_weights_depend_on_the_seed_alone():
    before = torch.random.get_rng_state()
    model = text_rnn(20, 3, seed=3, **SMALL)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.testing.assert_close(model.state_dict(), text_rnn(20, 3, seed=3, **SMALL).state_dict())
    other = text_rnn(20, 3, seed=4, **SMALL)
    assert not torch.equal(model.embedding.weight, other.embedding.weight)


def test_the_groups_are_embedding_cells_and_head():
    model = text_rnn(20, 3, **SMALL)
    sizes = [sum(p.numel() for p in group) for group in model.layer_groups()]
    assert sizes[0] == 20 * 6
    assert sizes[2] == 3 * 10 * 3 + 3
    assert sum(sizes) == sum(p.numel() for p in model.parameters())


def test_a_spec_rebuilds_the_model():
    model = text_rnn(20, 3, cell="gru", n_layers=2, dropout=0.1, **SMALL)
    again = build_from_spec(model.spec)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.eval()(tokens()), model.eval()(tokens()))
    assert n_outputs(model.spec) == 3
    assert all(p.is_meta for p in outline_from_spec(model.spec).parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell": "rnn"}, "In the model description text_rnn.cell must be one of 'lstm', 'gru'; "
         "found 'rnn'."),
        ({"n_vocab": 0}, "In the model description text_rnn.n_vocab must be a whole number from 1 "
         "to 1000000; found 0."),
        ({"n_vocab": True}, "In the model description text_rnn.n_vocab must be a whole number from "
         "1 to 1000000; found True."),
        ({"bidirectional": 1}, "In the model description text_rnn.bidirectional must be true or "
         "false; found 1."),
        ({"dropout": 1}, "In the model description text_rnn.dropout must be a number in [0, 1); "
         "found 1."),
        ({"n_vocab": 10**6, "n_embed": 10**5}, "The model description asks for 100004000290 "
         "parameters in text_rnn; at most 1000000000 are built."),
        ({"n_hidden": 10**5}, "The model description asks for 80006600120 parameters in text_rnn; "
         "at most 1000000000 are built."),
    ],
)  # fmt: skip
def test_a_spec_of_a_stranger_is_bounded(change, message):
    with pytest.raises(ExportError) as caught:
        check_spec({**text_rnn(20, 3, **SMALL).spec, **change})
    assert str(caught.value) == message


@pytest.mark.parametrize("n", [0, 65, True])
def test_layers_are_bounded(n):
    with pytest.raises(ExportError, match="n_layers must be one of 1, 2"):
        check_spec({**text_rnn(20, 3, **SMALL).spec, "n_layers": n})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "LSTM"}, "cell must be one of 'lstm', 'gru'; got 'LSTM'."),
        ({"n_hidden": 0}, "n_hidden must be a whole number of at least 1; got 0."),
        ({"dropout": 1.0}, "dropout must be a fraction in [0, 1); got 1.0."),
    ],
)
def test_impossible_numbers_are_refused(options, message):
    with pytest.raises(ValueError) as caught:
        text_rnn(20, 3, **options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(2, 3), "a TextRNN takes token numbers int64 (B, T); it was given float32 of "
         "shape (2, 3)."),
        (torch.ones(3, dtype=torch.int64), "a TextRNN takes token numbers int64 (B, T); it was "
         "given int64 of shape (3,)."),
        (torch.tensor([[3, 25]]), "a token has the number 25, but the model's vocabulary has 20. "
         "The texts were cut by another tokenizer."),
    ],
)  # fmt: skip
def test_what_are_no_tokens_is_an_error(x, message):
    with pytest.raises(ModelError) as caught:
        text_rnn(20, 3, **SMALL)(x)
    assert str(caught.value) == message


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_same_answers():
    model = text_rnn(20, 3, **SMALL).eval()
    expected = model(tokens())
    found = model.cuda()(tokens().cuda()).cpu()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
