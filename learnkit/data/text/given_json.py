"""What a tokenizer's JSON may hold, so that one from a stranger can only cut texts.

The format is that of the library ``tokenizers``; reading it runs no code. Some of its parts can
make a text grow a thousandfold, pad it to any length, or take hours for one word: these are
refused, or bounded. An allocation that fails there ends the process, so nothing may come to that.
"""

from typing import Any, Final, TypeGuard

from learnkit.bounded_json import parse_json, shorten
from learnkit.data.text.given_steps import check_steps

MAX_JSON: Final = 3 << 20  # bytes; a BERT's is 0.7 MB, GPT-2's 1.4 MB
MAX_NUMBER: Final = 1_000_000  # of a token
_MAX_PARTS: Final = 400_000  # lists and objects: each merge of a BPE is one
_MAX_LETTERS: Final = 1_000  # of a token; GPT-2's longest has 128
_MAX_ADDED: Final = 50_000  # letters of all added tokens, each of which goes through the steps
_MAX_WORD: Final = 1_000  # letters: WordPiece takes their third power in time; BERT has 100
_MAX_MARK: Final = 16  # letters of "##"
_MODELS: Final = ("BPE", "WordLevel", "WordPiece")


def check_tokenizer(text: str) -> None:
    """Check a tokenizer's JSON.

    Raises:
        ValueError: saying in a sentence without its full stop what is wrong with it.
    """
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > MAX_JSON:
        raise ValueError(f"it has {len(data):,} bytes; at most {MAX_JSON:,} are read")
    document = parse_json(data, max_parts=_MAX_PARTS)
    if not isinstance(document, dict) or not isinstance(document.get("model"), dict):
        raise ValueError("it must hold a JSON object with a model")
    _check_model(document["model"])
    _check_added(document.get("added_tokens"))
    check_steps(document)


def _check_model(model: dict[str, Any]) -> None:
    kind = model.get("type")
    if kind not in _MODELS:
        raise ValueError(f"its model is {shorten(kind)}; known are {', '.join(_MODELS)}")
    vocab = model.get("vocab", {})
    if isinstance(vocab, dict):  # anything else is refused by the library
        for name, number in vocab.items():
            _check_token(name, number)
    longest = model.get("max_input_chars_per_word", 0)
    if not _is_whole(longest) or longest > _MAX_WORD:
        raise ValueError(
            f"its words may have {shorten(longest)} letters (max_input_chars_per_word); at most "
            f"{_MAX_WORD:,} are allowed"
        )
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        if len(str(model.get(name) or "")) > _MAX_MARK:
            raise ValueError(f"its {name} has more than {_MAX_MARK} letters")
    if model.get("dropout"):
        raise ValueError(
            f"its model leaves out merges at random (dropout={shorten(model['dropout'])}), so that "
            "one text has different tokens each time: set dropout to null"
        )


def _check_added(added: Any) -> None:
    letters = 0
    for token in added if isinstance(added, list) else ():
        if not isinstance(token, dict) or not isinstance(token.get("content"), str):
            raise ValueError("its added_tokens must be JSON objects with a content")
        _check_token(token["content"], token.get("id"))
        letters += len(token["content"])
    if letters > _MAX_ADDED:
        raise ValueError(
            f"its added_tokens have {letters:,} letters; at most {_MAX_ADDED:,} are allowed"
        )


def _check_token(name: str, number: object) -> None:
    if not _is_whole(number) or number >= MAX_NUMBER:
        raise ValueError(
            f"its token {shorten(name)} has the number {shorten(number)}; they are whole and below "
            f"{MAX_NUMBER:,}"
        )
    if len(name) > _MAX_LETTERS:
        raise ValueError(
            f"its token {shorten(name)} has {len(name):,} letters; at most {_MAX_LETTERS:,} are "
            "allowed"
        )


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
