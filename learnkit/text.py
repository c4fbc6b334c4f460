"""Texts: what ``from learnkit.text import *`` gives, and the learner made for them."""

from os import PathLike
from pathlib import Path
from typing import Any, Unpack, cast

from learnkit.callback import Callback
from learnkit.callbacks import CSVLog, EarlyStopping, GradientClip, SaveBest
from learnkit.data.bunch import DataBunch
from learnkit.data.sequence.bunch import SequenceDataBunch
from learnkit.data.text.bunch import TextDataBunch
from learnkit.data.text.given import GivenTokenizer
from learnkit.data.text.inputs import TextInputs
from learnkit.data.text.words import Words
from learnkit.errors import ModelError
from learnkit.history import History
from learnkit.inference import Prediction, Predictor, load_learner
from learnkit.learner import Learner
from learnkit.learner_options import LearnerOptions
from learnkit.metrics import accuracy, error_rate
from learnkit.models.recurrent_text import CELLS, Cell, text_rnn
from learnkit.models.transformer import TextTransformer, text_transformer
from learnkit.names import checked_keywords, did_you_mean
from learnkit.optim import adamw, sgd
from learnkit.text_language import language_learner
from learnkit.text_sampling import sample

__all__ = [
    "CSVLog",
    "Callback",
    "DataBunch",
    "EarlyStopping",
    "GradientClip",
    "History",
    "Learner",
    "Prediction",
    "Predictor",
    "SaveBest",
    "SequenceDataBunch",
    "TextDataBunch",
    "Words",
    "accuracy",
    "adamw",
    "error_rate",
    "language_learner",
    "load_learner",
    "sample",
    "sgd",
    "text_learner",
]


@checked_keywords
def text_learner(
    data: DataBunch,
    arch: str | PathLike[str] | Any = "lstm",
    *,
    n_embed: int = 128,
    n_hidden: int = 128,
    n_layers: int = 1,
    bidirectional: bool = True,
    dropout: float = 0.5,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """Train an LSTM, a GRU or a transformer to classify texts.

    A transformer needs the extra ``transformers`` and data that was cut by its own tokenizer:
    ``TextDataBunch.from_csv(path, tokenizer=folder)``. Pretrained ones want small rates, about
    5e-5.

    Args:
        data: a `TextDataBunch`.
        arch: ``"lstm"`` or ``"gru"``, for ``models.text_rnn``; or the folder of a pretrained
            transformer (``config.json``, ``model.safetensors``), or a configuration of
            transformers for one with random weights. BERT, DistilBERT, ELECTRA and RoBERTa.
        n_embed: numbers of a word's vector; these five are for ``"lstm"`` and ``"gru"`` alone.
        n_hidden: numbers of a state, in each direction.
        n_layers: recurrent layers on top of each other.
        bidirectional: whether texts are read from the end as well.
        dropout: fraction in [0, 1) of word vectors and pooled states.
        options: those of `Learner`.

    Raises:
        TypeError: when the data is not of texts.
        ValueError: for an ``arch`` that is none, or a number out of its range.
        ModelError: when the tokenizer is not that of the transformer.
        WeightsError: when a transformer's folder lacks a file, or one cannot be used.

    Example::

        texts = [f"{word} {i}" for i in range(16) for word in ("free prize", "see you")]
        data = TextDataBunch.from_lists(texts, ["spam", "ham"] * 16, batch_size=8)
        learn = text_learner(data, metrics=accuracy)
        learn.fit_one_cycle(2)
        learn.predict("free prize")
    """
    inputs = getattr(data, "inputs", None)
    if not isinstance(data, DataBunch) or not isinstance(inputs, TextInputs):
        raise TypeError(
            f"text_learner's data must be a TextDataBunch; got {type(data).__name__}. Make one: "
            "TextDataBunch.from_csv(path)."
        )
    given = options.get("seed")
    seed = data.seed if given is None else given
    if isinstance(arch, str) and arch in CELLS:
        model = text_rnn(
            inputs.n_vocab,
            data.n_classes,
            cell=cast(Cell, arch),
            n_embed=n_embed,
            n_hidden=n_hidden,
            n_layers=n_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            seed=seed,
        )
        return Learner(data, model, **options)
    return Learner(data, _transformer(inputs, arch, data.n_classes, seed), **options)


def _transformer(inputs: TextInputs, arch: Any, n_classes: int, seed: int) -> TextTransformer:
    if isinstance(arch, str | PathLike):
        if not Path(arch).expanduser().is_dir():
            hint = did_you_mean(str(arch), CELLS)
            raise ValueError(
                f"arch must be 'lstm', 'gru' or the folder of a transformer; found no folder "
                f"{str(arch)!r}.{hint} Nothing is downloaded."
            )
    elif not callable(getattr(arch, "to_dict", None)):
        raise ValueError(
            "arch must be 'lstm', 'gru', the folder of a transformer or a configuration of "
            f"transformers; got {type(arch).__name__}."
        )
    tokenizer = inputs.tokenizer
    if not isinstance(tokenizer, GivenTokenizer):
        raise ModelError(
            "a transformer reads the tokens of its own tokenizer, but this data was cut into "
            "words. Make it with tokenizer=, the folder that holds the transformer's "
            "tokenizer.json."
        )
    model = text_transformer(arch, n_classes, shift=tokenizer.shift, seed=seed)
    if tokenizer.n_vocab > model.n_vocab or tokenizer.max_len > model.max_len:
        raise ModelError(
            f"the data has {tokenizer.n_vocab:,} token numbers and texts of up to "
            f"{tokenizer.max_len:,} tokens; this transformer knows {model.n_vocab:,} and has "
            f"{model.max_len:,} positions. Give tokenizer= its own folder, and "
            f"max_len={min(model.max_len, tokenizer.max_len)}."
        )
    return model
