"""How a text is cut into words, as named options. Knows no vocabulary and no numbers."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

PAD: Final = "<pad>"  # a text's own "<pad>" is cut into "<", "pad" and ">"
UNKNOWN: Final = "<unk>"
CAPITALS: Final = "xxup"
MAX_VOCAB: Final = 100_000
MAX_LETTERS: Final = 100  # of a word; a longer one is unknown

_IN_CAPITALS: Final = re.compile(r"(?<!\w)(?=[^\W\d_]{2,}(?!\w))(\w+)")
_REPEATED: Final = re.compile(r"(\S)\1{3,}")
_DIGIT: Final = re.compile(r"\d")


@dataclass(frozen=True, kw_only=True)
class Words:
    """The rules by which texts become words, and which words are kept.

    A text is put into Unicode's normal form NFKC, and cut into runs of letters and digits and runs
    of other signs: ``"Win £1000 now!!"`` becomes ``win``, ``£``, ``0000``, ``now``, ``!!``.

    Attributes:
        lower: whether ``Win`` and ``win`` are one word.
        capitals: whether a word all in capitals is marked by a word ``xxup`` before it, as in
            fastai; only where ``lower`` would lose them.
        digits: whether every digit becomes ``0``, so that all telephone numbers of eleven digits
            are one word.
        repeats: whether a sign that stands more than three times in a row stands there three
            times: ``soooooo`` and ``sooooooooo`` become ``sooo``.
        min_freq: how often a word must occur in the training texts.
        max_vocab: how many words are kept, the most frequent first.

    Raises:
        ValueError: for ``min_freq`` below 1, or ``max_vocab`` outside [1, 100,000].
    """

    lower: bool = True
    capitals: bool = True
    digits: bool = True
    repeats: bool = True
    min_freq: int = 2
    max_vocab: int = 60_000

    def __post_init__(self) -> None:
        if not _is_whole(self.min_freq) or self.min_freq < 1:
            raise ValueError(
                f"min_freq must be a whole number of at least 1; got {self.min_freq!r}."
            )
        if not _is_whole(self.max_vocab) or not 1 <= self.max_vocab <= MAX_VOCAB:
            raise ValueError(
                f"max_vocab must be a whole number from 1 to {MAX_VOCAB:,}; got {self.max_vocab!r}."
            )

    def plain(self, text: str) -> str:
        """Return a text with its capitals, digits and repeats as these rules say.

        >>> Words().plain("FREE entry, sooooo good: call 08452")
        'xxup free entry, sooo good: call 00000'
        """
        # a lone surrogate is no character, and no library of tokens takes it
        text = unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode())
        if self.lower:
            text = _IN_CAPITALS.sub(_marked, text) if self.capitals else text
            text = text.lower()
        if self.repeats:
            text = _REPEATED.sub(r"\1\1\1", text)
        return _DIGIT.sub("0", text) if self.digits else text


def _marked(found: re.Match[str]) -> str:
    word = found[0]
    return f"{CAPITALS} {word}" if word.isupper() else word


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
