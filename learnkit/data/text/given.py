"""A tokenizer that was made elsewhere, such as that of a pretrained transformer.

It is kept as the JSON that the library ``tokenizers`` writes, never as a pickle.
"""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, final

from learnkit.data.text.given_json import MAX_JSON, check_tokenizer
from learnkit.data.text.ragged import Ragged
from learnkit.data.text.tokenizer import MAX_LEN
from learnkit.errors import DataError
from learnkit.extras import require
from learnkit.json_fields import Fields
from learnkit.regular_file import read_regular

FILE: Final = "tokenizer.json"
T = TypeVar("T")


@final
class GivenTokenizer:
    """A tokenizer of the library ``tokenizers``, with its special tokens.

    Token numbers are those of the tokenizer where 0 is its padding or nothing that a text can
    hold; else all are higher by one, as 0 is padding here.

    Args:
        text: its JSON.
        max_len: at most so many tokens of a text are kept, special tokens included.

    Attributes:
        shift: how much the numbers are higher than the tokenizer's own: 0 or 1.

    Raises:
        ValueError: saying in a sentence without its full stop what is wrong with it.
    """

    def __init__(self, text: str, *, max_len: int) -> None:
        check_tokenizer(text)
        library = require("tokenizers", extra="text", purpose="A text's tokens")
        self._text, self.max_len = text, max_len
        self._tool = _guarded(lambda: library.Tokenizer.from_str(text))
        self._tool.no_padding()  # the file may ask for any length
        _guarded(lambda: self._tool.enable_truncation(max_len))
        names = self._tool.get_vocab(with_added_tokens=True)
        first = next((name for name, number in names.items() if number == 0), "")
        self.shift = 0 if "pad" in first.casefold() else 1
        self._n = max(names.values(), default=0) + 1

    @property
    def n_vocab(self) -> int:
        """How many numbers there are, padding included."""
        return self._n + self.shift

    def encode(self, texts: Sequence[str]) -> Ragged:
        """Return the tokens of each text, special tokens included.

        Raises:
            DataError: when the tokenizer fails, or gives a number that its vocabulary has not.
        """
        plain = [text.encode("utf-8", "replace").decode() for text in texts]
        try:
            found = _guarded(lambda: self._tool.encode_batch(plain))
        except ValueError as error:
            raise DataError(f"The tokenizer cannot cut these texts: {error}.") from error
        rows = [[number + self.shift for number in each.ids] for each in found]
        try:
            ragged = Ragged.of(rows)
            known = not len(ragged.flat) or (
                self.shift <= int(ragged.flat.min()) <= int(ragged.flat.max()) < self.n_vocab
            )
        except OverflowError:  # more than int32 holds
            known = False
        if not known:
            raise DataError(
                "The tokenizer gives token numbers that are not in its vocabulary of "
                f"{self._n}: its file was changed or put together wrongly."
            )
        return ragged

    def decode(self, ids: Sequence[int]) -> str:
        """Return tokens as a text, as far as the tokenizer can."""
        return str(_guarded(lambda: self._tool.decode([n - self.shift for n in ids if n])))

    def to_json(self) -> dict[str, Any]:
        """Return the tokenizer's own JSON."""
        return {"tokenizer": "given", "json": self._text, "max_len": self.max_len}

    def __repr__(self) -> str:
        return f"GivenTokenizer({self.n_vocab} tokens)"


def read_given(fields: Fields) -> GivenTokenizer:
    """Make the tokenizer of an export; ValueError says what is wrong with it."""
    max_len = fields.whole("max_len", low=1, high=MAX_LEN)
    return GivenTokenizer(str(fields.value("json", str)), max_len=max_len)


def given_tokenizer(given: object, *, max_len: int) -> GivenTokenizer:
    """Take a tokenizer of ``tokenizers`` or ``transformers``, or the folder or file of one.

    Raises:
        DataError: when it is none of these, or holds a step that an export may not have.
    """
    if isinstance(given, str | os.PathLike):
        return _made(_read(Path(given).expanduser()), max_len, f"{given}")
    given = getattr(given, "backend_tokenizer", given)  # of a fast tokenizer of transformers
    to_str = getattr(given, "to_str", None)
    if isinstance(given, type) or not callable(to_str):
        raise DataError(
            "tokenizer must be Words(...), a tokenizers.Tokenizer, a fast tokenizer of "
            f"transformers, or the folder that holds {FILE}; found {type(given).__name__}."
        )
    return _made(str(to_str()), max_len, "the tokenizer")


def _made(text: str, max_len: int, title: str) -> GivenTokenizer:
    try:
        compact = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
        return GivenTokenizer(compact, max_len=max_len)
    except ValueError as error:
        raise DataError(
            f"{title} cannot be used: {error}. Exports keep tokenizers of the kinds WordPiece, "
            "BPE and WordLevel."
        ) from error


def _read(path: Path) -> str:
    file = path / FILE if path.is_dir() else path
    try:
        return read_regular(file, max_bytes=4 * MAX_JSON).decode()
    except OSError as error:
        raise DataError(
            f"cannot read the tokenizer {file}: {error.strerror or error}. Give the folder that "
            f"holds {FILE}."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"the tokenizer {file} is not in UTF-8: {error}.") from error


def _guarded(call: Callable[[], T]) -> T:
    """Call the library; whatever it raises, a panic of its own too, becomes a ValueError."""
    try:
        return call()
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:
        # a panic in Rust comes as no Exception; what else comes so is not ours to stop
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ValueError(f"the library tokenizers says: {error}") from error
