import contextlib
import json
import warnings

import pytest
import torch

import learnkit.text
from learnkit.data.bunch import DataBunch
from learnkit.errors import DataError, ExportError, ModelError
from learnkit.export import CARD
from learnkit.inference import load_learner
from learnkit.metrics import accuracy
from learnkit.models.recurrent_text import TextRNN
from learnkit.text import TextDataBunch, Words, text_learner

pytest.importorskip("tokenizers", reason="needs the extra text")

SPAM = [f"free prize {i} now call {i * 7} {w}" for i in range(12) for w in ("win", "cash", "txt")]
HAM = [f"see you {w} at {i} o'clock" for i in range(12) for w in ("home", "lunch", "work")]
ITEMS = ["free prize!", "see you at lunch", "what", "win cash now call 0800 now and again"]
SMALL = {"n_embed": 8, "n_hidden": 8}


def bunch(**options):
    options = {"batch_size": 8, "seed": 1} | options
    return TextDataBunch.from_lists(SPAM + HAM, ["spam"] * 36 + ["ham"] * 36, **options)


@pytest.fixture(scope="module")
def learn():
    learn = text_learner(bunch(), metrics=accuracy, **SMALL)
    learn.fit_one_cycle(6, 2e-2, progress=False)
    return learn


def answers(predictor, items=ITEMS):
    return torch.stack([answer.probabilities for answer in predictor.predict_batch(items)])


def test_it_learns_and_its_export_answers_the_same(learn, tmp_path):
    assert learn.history[-1]["accuracy"] == 1
    one = learn.predict(ITEMS[0])
    assert one.label == one.value == "spam"
    loaded = load_learner(learn.export(tmp_path / "model"))
    assert torch.equal(loaded.predict(ITEMS[0]).probabilities, one.probabilities)
    many = loaded.predict_batch(ITEMS)
    assert [answer.label for answer in many[:2]] == ["spam", "ham"]
    for item, answer in zip(ITEMS, many, strict=True):
        alone = learn.predict(item)
        torch.testing.assert_close(alone.probabilities, answer.probabilities, atol=1e-6, rtol=0)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "model.json",
        "model.safetensors",
    ]


def test_predictions_line_up_with_the_held_out_texts(learn):
    preds, targets = learn.get_preds()
    for text, row, target in zip(learn.data.valid_texts, preds, targets, strict=True):
        torch.testing.assert_close(learn.predict(text).probabilities, row, atol=1e-6, rtol=0)
        assert learn.data.classes[int(target)] == ("spam" if text in SPAM else "ham")


def test_results_are_shown_as_texts(learn, capsys):
    learn.show_results(3)
    out = capsys.readouterr().out
    assert "predicted" in out
    assert "see you" in out or "free prize" in out


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("", "Item 0 (counted from 0) has no word in it: ''. Write something there, or leave it "
         "out."),
        (3.5, "This model takes texts: item 0 (counted from 0) is of type float. Give a str."),
    ],
)  # fmt: skip
def test_what_is_no_text_is_an_error_at_prediction(learn, item, message):
    with pytest.raises(DataError) as caught:
        learn.predict(item)
    assert str(caught.value) == message


@pytest.mark.parametrize("arch", ["lstm", "gru"])
def test_a_fit_that_was_killed_inside_an_epoch_goes_on_to_the_same_bits(
    arch, tmp_path, no_flushing
):
    def fit(folder, until=None):
        seen = []

        class Kill(learnkit.text.Callback):
            def after_batch(self, state):
                if state.training:
                    seen.append(state.indices.tolist())
                    if len(seen) == until:
                        raise KeyboardInterrupt

        learn = text_learner(bunch(), arch, callbacks=Kill(), **SMALL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            learn.fit(2, 1e-2, checkpoint=folder, every_steps=1, resume="auto", progress=False)
        return learn, seen

    whole, batches = fit(tmp_path / "whole")
    with contextlib.suppress(KeyboardInterrupt):
        fit(tmp_path / "cut", until=11)
    again, rest = fit(tmp_path / "cut")
    assert 0 < len(rest) < len(batches)
    assert rest == batches[-len(rest) :]
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, again.model.state_dict()[name]), name


def test_several_labels_are_learned_and_exported(tmp_path):
    texts = [f"{a} {b} {i}" for i in range(12) for a in ("cat", "sun") for b in ("dog", "sea")]
    labels = [
        " ".join(w for w, n in (("cat", "CAT"), ("dog", "DOG")) if w in text) for text in texts
    ]
    data = TextDataBunch.from_lists(texts, labels, label_delim=" ", batch_size=8)
    learn = text_learner(data, **SMALL)
    learn.fit_one_cycle(15, 3e-2, progress=False)
    found = learn.predict("cat dog")
    assert found.labels == ("cat", "dog")
    assert learn.predict("sun sea").labels == ()
    loaded = load_learner(learn.export(tmp_path / "model"))
    assert torch.equal(loaded.predict("cat dog").probabilities, found.probabilities)


def test_short_texts_of_one_class_are_no_sign_of_a_loader_that_does_not_shuffle():
    texts = [f"ok {i}" for i in range(300)] + [f"free prize {i} " * 12 for i in range(100)]
    data = TextDataBunch.from_lists(texts, ["ham"] * 300 + ["spam"] * 100, batch_size=8)
    alone = sum(len(set(b.batch.y.tolist())) == 1 for b in data.train_dl.batches(0))
    assert alone > 20  # of 40: by chance it would be four
    text_learner(data, **SMALL).fit(1, progress=False)  # a warning would be an error


def test_the_options_reach_the_model():
    learn = text_learner(
        bunch(), "gru", n_embed=4, n_hidden=6, n_layers=2, bidirectional=False, dropout=0.1
    )
    assert isinstance(learn.model, TextRNN)
    assert learn.model.spec == {
        "model": "text_rnn",
        "cell": "gru",
        "n_vocab": learn.data.inputs.n_vocab,
        "n_classes": 2,
        "n_embed": 4,
        "n_hidden": 6,
        "n_layers": 2,
        "bidirectional": False,
        "dropout": 0.1,
    }


def test_the_first_weights_depend_on_the_seed():
    def weights(**options):
        return text_learner(bunch(), **SMALL, **options).model.embedding.weight

    assert torch.equal(weights(), weights(seed=1))
    assert not torch.equal(weights(), weights(seed=2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: text_learner(DataBunch.from_arrays([[1.0]] * 4, [0, 1, 0, 1], batch_size=2)),
         TypeError, "text_learner's data must be a TextDataBunch; got DataBunch. Make one: "
         "TextDataBunch.from_csv(path)."),
        (lambda: text_learner(bunch(), "lstmm"), ValueError,
         "arch must be 'lstm', 'gru' or the folder of a transformer; found no folder 'lstmm'. Did "
         "you mean 'lstm'? Nothing is downloaded."),
        (lambda: text_learner(bunch(), 3), ValueError,
         "arch must be 'lstm', 'gru', the folder of a transformer or a configuration of "
         "transformers; got int."),
        (lambda: text_learner(bunch(), hidden=3), TypeError,
         "text_learner() has no argument 'hidden'. Did you mean 'n_hidden'?"),
        (lambda: text_learner(bunch(), metric="accuracy"), TypeError,
         "text_learner() has no argument 'metric'. Did you mean 'metrics'?"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab": ["a", "a"]}, "field 'inputs.vocab' must be words that differ from each other "
         "and from <pad> and <unk>; found ['a', 'a']"),
        ({"vocab": [["a"]]}, "field 'inputs.vocab' must be a list of at most 100,000 strings of at "
         "most 100 letters; found [['a']]"),
        ({"vocab": [f"w{i}" for i in range(100_001)]}, "field 'inputs.vocab' must be a list of at "
         "most 100,000 strings of at most 100 letters; found ['w0', 'w1', "),
        ({"max_len": 10**12}, "field 'inputs.max_len' must be a whole number between 1 and "
         "100,000; found 1000000000000"),
        ({"tokenizer": "pickle"}, "field 'inputs.tokenizer' must be one of words, given; found "
         "'pickle'"),
        ({"tokenizer": "given", "json": "{}"}, "it must hold a JSON object with a model"),
        ({"kind": "evil"}, "field 'inputs.kind' must be one of "),
    ],
)  # fmt: skip
def test_the_card_of_a_stranger_is_bounded(learn, tmp_path, change, message):
    card = learn.export(tmp_path / "model") / CARD
    document = json.loads(card.read_text())
    document["inputs"].update(change)
    card.write_text(json.dumps(document))
    with pytest.raises(ExportError) as caught:
        load_learner(card.parent)
    assert message in str(caught.value)


def test_a_vocabulary_larger_than_the_models_is_refused(learn, tmp_path):
    card = learn.export(tmp_path / "model") / CARD
    document = json.loads(card.read_text())
    n = document["model"]["n_vocab"]
    document["inputs"]["vocab"].append("more")
    card.write_text(json.dumps(document))
    with pytest.raises(ExportError) as caught:
        load_learner(card.parent)
    assert f"texts have {n + 1} different tokens, but the model knows {n}." in str(caught.value)


def test_the_surface_is_sorted_and_all_of_it_is_there():
    assert learnkit.text.__all__ == sorted(learnkit.text.__all__)
    assert all(hasattr(learnkit.text, name) for name in learnkit.text.__all__)


class TestTransformer:
    @pytest.fixture
    def folder(self, tmp_path):
        transformers = pytest.importorskip("transformers", reason="needs the extra transformers")
        from tests.data.text.test_given import WORDS, word_pieces

        config = transformers.BertConfig(
            vocab_size=len(WORDS),
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=8,
            max_position_embeddings=16,
        )
        network = transformers.BertForSequenceClassification(config)
        network.save_pretrained(tmp_path / "bert")
        word_pieces().save(str(tmp_path / "bert" / "tokenizer.json"))
        return tmp_path / "bert"

    def test_a_folder_trains_exports_and_answers_the_same(self, folder, tmp_path):
        data = bunch(tokenizer=folder, max_len=16)
        learn = text_learner(data, folder, metrics=accuracy)
        learn.fit(1, 1e-3, progress=False)
        loaded = load_learner(learn.export(tmp_path / "model"))
        assert torch.equal(
            loaded.predict("win a prize").probabilities, learn.predict("win a prize").probabilities
        )
        assert loaded.predict_batch(["win", "a prize a"])[1].classes == ("ham", "spam")

    def test_its_own_tokenizer_is_needed(self, folder):
        with pytest.raises(ModelError) as caught:
            text_learner(bunch(), folder)
        assert str(caught.value) == (
            "a transformer reads the tokens of its own tokenizer, but this data was cut into "
            "words. Make it with tokenizer=, the folder that holds the transformer's "
            "tokenizer.json."
        )

    def test_texts_must_fit_its_positions(self, folder):
        with pytest.raises(ModelError) as caught:
            text_learner(bunch(tokenizer=folder), folder)
        assert str(caught.value) == (
            "the data has 8 token numbers and texts of up to 512 tokens; this transformer knows 8 "
            "and has 16 positions. Give tokenizer= its own folder, and max_len=16."
        )


def test_rules_of_words_can_be_given():
    data = bunch(tokenizer=Words(min_freq=1, lower=False))
    assert data.inputs.tokenizer.words == Words(min_freq=1, lower=False)
