"""Texts to token numbers and back, by a vocabulary of the training texts.

The library ``tokenizers`` (the extra ``text``) counts, cuts and looks up; it is imported when a
tokenizer is made. 0 is padding and 1 an unknown word.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Final, Protocol, final

from learnkit.data.text.ragged import Ragged
from learnkit.data.text.words import MAX_LETTERS, MAX_VOCAB, PAD, UNKNOWN, Words
from learnkit.extras import require
from learnkit.json_fields import Fields

MAX_LEN: Final = 100_000  # tokens of a text
_SIGNS: Final = (PAD, UNKNOWN)


class Tokenizer(Protocol):
    """Turns texts into token numbers; what an export needs to do so again."""

    @property
    def n_vocab(self) -> int:
        """How many numbers there are, padding included; each token is below it."""

    def encode(self, texts: Sequence[str]) -> Ragged:
        """Return each text's tokens, from 1 on; a text without a token has none."""

    def decode(self, ids: Sequence[int]) -> str:
        """Return tokens as a text, as far as they tell."""

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""


@final
class WordTokenizer:
    """Words of a vocabulary.

    Args:
        words: how texts are cut.
        vocab: the words from number 2 on, all different.
        max_len: at most so many words of a text are kept, the first.
    """

    def __init__(self, words: Words, vocab: Sequence[str], *, max_len: int) -> None:
        self.words, self.vocab, self.max_len = words, tuple(vocab), max_len
        self._tool  # noqa: B018  # so that a missing package is missed here

    @classmethod
    def of_texts(cls, texts: Iterable[str], words: Words, *, max_len: int) -> "WordTokenizer":
        """Find the vocabulary: the most frequent words; of equally frequent ones, by their text.

        Raises:
            MissingExtraError: when ``tokenizers`` is not installed.
        """
        library = _library()
        tool = library.Tokenizer(library.models.WordLevel(unk_token=UNKNOWN))
        tool.pre_tokenizer = library.pre_tokenizers.Whitespace()
        trainer = library.trainers.WordLevelTrainer(
            vocab_size=words.max_vocab, min_frequency=words.min_freq, show_progress=False
        )
        tool.train_from_iterator(map(words.plain, texts), trainer)
        found = tool.get_vocab()
        vocab = (word for word in sorted(found, key=found.__getitem__) if len(word) <= MAX_LETTERS)
        return cls(words, [word for word in vocab if word not in _SIGNS], max_len=max_len)

    @property
    def n_vocab(self) -> int:
        """How many numbers there are, padding and the unknown word included."""
        return len(self.vocab) + len(_SIGNS)

    def encode(self, texts: Sequence[str]) -> Ragged:
        """Return the words of each text by their numbers; 1 is a word that is not known."""
        found = self._tool.encode_batch([self.words.plain(text) for text in texts])
        return Ragged.of(each.ids for each in found)

    def decode(self, ids: Sequence[int]) -> str:
        """Return words with a space between them; padding is left out."""
        names = (*_SIGNS, *self.vocab)
        return " ".join(names[number] for number in ids if number)

    def to_json(self) -> dict[str, Any]:
        """Return the rules that prediction needs, and the vocabulary."""
        rules = self.words
        return {
            "tokenizer": "words",
            "lower": rules.lower,
            "capitals": rules.capitals,
            "digits": rules.digits,
            "repeats": rules.repeats,
            "max_len": self.max_len,
            "vocab": list(self.vocab),
        }

    @cached_property
    def _tool(self) -> Any:
        library = _library()
        places = {word: place for place, word in enumerate((*_SIGNS, *self.vocab))}
        tool = library.Tokenizer(library.models.WordLevel(places, unk_token=UNKNOWN))
        tool.pre_tokenizer = library.pre_tokenizers.Whitespace()
        tool.enable_truncation(self.max_len)
        return tool

    def __repr__(self) -> str:
        return f"WordTokenizer({self.n_vocab} words)"


def read_words(fields: Fields) -> WordTokenizer:
    """Make the tokenizer of an export; ValueError names the field that is wrong."""
    vocab = fields.strings("vocab", at_most=MAX_VOCAB, length=MAX_LETTERS)
    if len(set(vocab)) < len(vocab) or not set(vocab).isdisjoint(_SIGNS):
        fields.refuse("vocab", f"words that differ from each other and from {' and '.join(_SIGNS)}")
    rules = Words(
        lower=fields.fact("lower"),
        capitals=fields.fact("capitals"),
        digits=fields.fact("digits"),
        repeats=fields.fact("repeats"),
    )
    return WordTokenizer(rules, vocab, max_len=fields.whole("max_len", low=1, high=MAX_LEN))


def _library() -> Any:
    return require("tokenizers", extra="text", purpose="A text's tokens")
