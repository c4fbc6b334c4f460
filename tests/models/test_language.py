import pytest
import torch

from learnkit import models
from learnkit.errors import ExportError
from learnkit.models.spec import check_spec

TOKENS = torch.randint(9, (2, 12), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_reading_in_parts_is_reading_at_once(cell):
    model = models.char_rnn(9, embedding=4, hidden=6, layers=2, cell=cell).eval()
    whole, end = model.run(TOKENS)
    first, state = model.run(TOKENS[:, :5])
    second, last = model.run(TOKENS[:, 5:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(last, end)
    assert state.shape == (2 if cell == "lstm" else 1, 2, 2, 6)


def test_a_place_knows_only_what_is_before_it():
    model = models.char_rnn(9, embedding=4, hidden=6).eval()
    changed = TOKENS.clone()
    changed[:, 7] = (changed[:, 7] + 1) % 9
    one, other = model(TOKENS), model(changed)
    assert torch.equal(one[:, :7], other[:, :7])
    assert not torch.equal(one[:, 7], other[:, 7])


def test_tied_weights_are_the_embedding_once():
    free = models.char_rnn(9, embedding=4, hidden=4)
    tied = models.char_rnn(9, embedding=4, hidden=4, tie=True)
    n = {name: sum(p.numel() for p in m.parameters()) for name, m in (("f", free), ("t", tied))}
    assert n["f"] - n["t"] == 9 * 4
    assert "decoder.weight" not in tied.state_dict()
    tied(TOKENS).sum().backward()
    rows = tied.embedding.weight.grad.abs().sum(1)
    assert (rows > 0).all()  # as the last layer's matrix, tokens that were not read too


class Keeper:
    """Gives a state to begin with and remembers what it is told."""

    def __init__(self, state):
        self.state, self.ended = state, []

    def begin(self, x):
        return self.state

    def finish(self, x, state):
        self.ended.append(state)


def test_whoever_carries_gives_the_state_and_gets_it_back_without_a_graph():
    model = models.char_rnn(9, embedding=4, hidden=6)
    state = model.run(TOKENS[:, :5])[1].detach()
    model.carried = Keeper(state)
    torch.testing.assert_close(model(TOKENS[:, 5:]), model.run(TOKENS[:, 5:], state)[0])
    assert not model.carried.ended[0].requires_grad
    model.carried = None
    torch.testing.assert_close(model(TOKENS), model.run(TOKENS)[0])


def test_a_description_of_a_stranger_is_bounded():
    spec = models.char_rnn(9).spec
    with pytest.raises(ExportError) as error:
        check_spec(spec | {"n_tokens": 100_000, "hidden": 20_000})
    assert str(error.value) == (
        "The model description asks for 3611680000 parameters in char_rnn.hidden; at most "
        "1000000000 are built."
    )
    with pytest.raises(ExportError, match=r"char_rnn\.tie must be true or false; found 'yes'"):
        check_spec(spec | {"tie": "yes"})
