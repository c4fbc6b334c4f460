import pytest
import torch
from torch import nn

from learnkit import Learner, load_learner, models
from learnkit.compress import compress, with_model
from learnkit.data.sequence.bunch import SequenceDataBunch
from learnkit.sanity.names import CHECKS
from learnkit.testing import tiny_learner
from learnkit.text_sampling import sample

NAMES = ["abc", "abd", "b"] * 20
DATA = SequenceDataBunch.from_text(NAMES, valid=NAMES, seq_len=4, batch_size=4)


def learner(model=None):
    model = model or models.char_rnn(DATA.n_classes, embedding=4, hidden=8, seed=1)
    return Learner(DATA, model, device="cpu", mute=CHECKS)


class Fixed(nn.Module):
    """Says the same of every next token; what it reads is written down."""

    def __init__(self, probabilities):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(probabilities).log())
        self.lengths = []

    def forward(self, x):
        self.lengths.append(x.shape[1])
        return self.logits.expand(*x.shape, -1)


#        <unknown> <end>   a     b     c     d
FIXED = [0.05, 0.05, 0.5, 0.25, 0.1, 0.05]


def test_the_same_seed_draws_the_same_text_whatever_generators_hold():
    learn = learner()
    torch.manual_seed(0)
    one = sample(learn, "a", 30, seed=5, stop=False)
    torch.manual_seed(1)
    assert sample(learn, "a", 30, seed=5, stop=False) == one
    assert sample(learn, "a", 30, seed=6, stop=False) != one
    assert sample(learn, "a", 12, seed=5, stop=False) == one[:13]  # a longer text only goes on


def test_tokens_come_as_often_as_they_are_probable():
    text = sample(learner(Fixed(FIXED)), "", 4000, seed=1, stop=False)
    shares = {letter: text.count(letter) / len(text) for letter in "abcd"}
    expected = {"a": 0.5 / 0.9, "b": 0.25 / 0.9, "c": 0.1 / 0.9, "d": 0.05 / 0.9}
    assert shares == pytest.approx(expected, abs=0.02)


def test_temperature_sharpens_and_zero_takes_the_most_probable():
    learn = learner(Fixed(FIXED))
    assert sample(learn, "c", 5, temperature=0) == "caaaaa"
    cold = sample(learn, "", 2000, temperature=0.5, stop=False)
    # squared and normalised again
    squares = [p * p for p in FIXED[2:]]
    assert cold.count("b") / len(cold) == pytest.approx(squares[1] / sum(squares), abs=0.03)


def test_only_the_most_probable_are_drawn_from():
    learn = learner(Fixed(FIXED))
    assert set(sample(learn, "", 500, top_k=2, stop=False)) == {"a", "b"}
    assert set(sample(learn, "", 500, top_p=0.5, stop=False)) == {"a"}  # 0.5 / 0.9 is enough
    assert set(sample(learn, "", 500, top_p=0.6, stop=False)) == {"a", "b"}
    assert set(sample(learn, "", 500, top_p=1.0, stop=False)) == {"a", "b", "c", "d"}


def test_the_text_ends_where_the_model_says_so():
    ends = [0.0, 0.9, 0.1, 0.0, 0.0, 0.0]
    assert len(sample(learner(Fixed(ends)), "", 500)) < 50
    assert sample(learner(Fixed(ends)), "b", 5, stop=False) == "baaaaa"


def test_a_recurrent_model_reads_each_token_once_and_draws_what_it_would_from_the_whole():
    class Whole(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x)

    model = models.char_rnn(DATA.n_classes, embedding=4, hidden=8, seed=1)
    n = DATA.inputs.seq_len - 1  # as long as the whole is what both see
    once = sample(learner(model), "", n, seed=4, stop=False)
    assert once == sample(learner(Whole(model)), "", n, seed=4, stop=False)


def test_a_compressed_model_reads_each_token_once_too():
    exact = models.char_rnn(DATA.n_classes, embedding=4, hidden=8, seed=1)
    with torch.no_grad():
        for weight in exact.parameters():  # whole multiples of a step already
            weight.copy_((weight * 8).round() / 8)
            weight.flatten(1 if weight.ndim > 1 else 0)[..., 0] = 127 / 8
    small = with_model(learner(exact), compress(exact, "int8"))
    assert sample(small, "", 60, seed=4, stop=False) == sample(
        learner(exact), "", 60, seed=4, stop=False
    )


def test_another_model_reads_as_much_as_a_row_of_training_had():
    model = Fixed(FIXED)
    sample(learner(model), "ab", 6, stop=False)
    assert model.lengths == [3, 4, 4, 4, 4, 4]


def test_what_is_unknown_may_be_in_a_prompt_and_is_never_drawn():
    text = sample(learner(), "\u00e9!", 300, seed=2, stop=False)
    assert text.startswith("\u00e9!")
    assert set(text[2:]) <= set("abcd")


def test_modes_are_those_of_prediction_and_no_graph_is_kept():
    learn = learner()
    learn.model.train()
    sample(learn, "a", 3)
    assert not learn.model.training
    assert all(p.grad is None for p in learn.model.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": -1}, "sample: n must be a whole number of at least 0; got -1."),
        ({"temperature": -1.0}, "sample: temperature must be at least 0; got -1.0."),
        ({"top_k": 0}, "sample: top_k must be a whole number of at least 1; got 0."),
        ({"top_p": 0.0}, "sample: top_p must be above 0 and at most 1; got 0.0."),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError) as error:
        sample(learner(), "a", **options)
    assert str(error.value) == message


def test_what_is_no_model_of_language_is_refused(tmp_path):
    for source, found in ((tiny_learner(), "Learner."), ("model", "str.")):
        with pytest.raises(TypeError) as error:
            sample(source, "a")
        assert str(error.value) == (
            "sample takes a learner of language_learner, or what load_learner gives of its "
            f"export; got {found} Another sample, of learnkit.generative, draws pictures."
        )
    numbers = SequenceDataBunch.from_sequences([[1, 2], [3, 4]], [0.5, 1.5], batch_size=1)
    learn = Learner(numbers, models.lstm(1, 1), device="cpu")
    loaded = load_learner(learn.export(tmp_path / "numbers"), device="cpu")
    with pytest.raises(TypeError, match=r"got Predictor of other data\."):
        sample(loaded)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_k": 2.5}, "sample: top_k must be a whole number of at least 1; got 2.5."),
        ({"temperature": "1"}, "sample: temperature must be at least 0; got '1'."),
        ({"top_p": "1"}, "sample: top_p must be above 0 and at most 1; got '1'."),
        ({"seed": 1.5}, "sample: seed must be a whole number; got 1.5."),
    ],
)
def test_options_of_another_type_are_refused(options, message):
    with pytest.raises(ValueError) as error:
        sample(learner(), "a", **options)
    assert str(error.value) == message


def test_a_tiny_temperature_is_as_good_as_none():
    learn = learner()
    greedy = sample(learn, "a", 8, temperature=0)
    assert sample(learn, "a", 8, temperature=1e-320) == greedy
