"""Models of language: the learner made for them."""

from typing_extensions import Unpack

from learnkit.callbacks.batches.carry_hidden import CarryHidden
from learnkit.checks import as_callbacks
from learnkit.data.sequence.bunch import SequenceDataBunch
from learnkit.data.sequence.prompts import PromptInputs
from learnkit.learner import Learner
from learnkit.learner_options import LearnerOptions
from learnkit.metrics import accuracy, perplexity
from learnkit.models.language import char_rnn
from learnkit.models.recurrent import Cell
from learnkit.names import checked_keywords
from learnkit.text_sampling import sample

__all__ = ["SequenceDataBunch", "language_learner", "sample"]


@checked_keywords
def language_learner(
    data: SequenceDataBunch,
    *,
    arch: Cell = "lstm",
    embedding: int = 64,
    hidden: int = 256,
    layers: int = 1,
    dropout: float = 0.0,
    tie: bool = False,
    carry: bool = True,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """Make a learner of the next token: a recurrent model that remembers from batch to batch.

    Args:
        data: of ``SequenceDataBunch.from_text``.
        arch: ``"lstm"`` or ``"gru"``; see ``models.char_rnn`` for it and the next five.
        embedding: numbers of a token.
        hidden: what each layer remembers.
        layers: one upon the other.
        dropout: in [0, 1).
        tie: whether the embedding is the last layer's matrix too.
        carry: whether the callback `CarryHidden` is among the learner's.
        options: of `Learner`; metrics are accuracy and perplexity by default.

    Raises:
        TypeError: when the data is no text.

    Example::

        data = SequenceDataBunch.from_text("to be or not to be, " * 99, seq_len=16, batch_size=8)
        learn = language_learner(data, hidden=32)
        learn.fit(1, 1e-2)
        sample(learn, "to be", n=20)
    """
    if not isinstance(data, SequenceDataBunch) or not isinstance(data.inputs, PromptInputs):
        raise TypeError(
            "language_learner's data must be a SequenceDataBunch of a text; got "
            f"{type(data).__name__}. Make one: SequenceDataBunch.from_text(text)."
        )
    seed = options.get("seed")
    model = char_rnn(
        data.n_classes,
        embedding=embedding,
        hidden=hidden,
        layers=layers,
        dropout=dropout,
        cell=arch,
        tie=tie,
        seed=data.seed if seed is None else seed,
    )
    options.setdefault("metrics", [accuracy, perplexity()])
    if carry:
        options["callbacks"] = [CarryHidden(), *as_callbacks(options.get("callbacks", ()))]
    return Learner(data, model, **options)
