"""What the steps of a tokenizer from a stranger may do: how much longer they can make a text."""

import math
from collections.abc import Iterator
from typing import Any, Final

from learnkit.bounded_json import shorten

MAX_GROWTH: Final = 500  # letters out of one
_MAX_STEPS: Final = 16
_MAX_PIECES: Final = 16  # of a template
_PARTS: Final = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
_LISTS: Final = ("normalizers", "pretokenizers", "processors", "decoders")  # of a Sequence
# Each step that is run, with the letters that one letter can become. U+FDFA is 18 in NFKC.
_GROWTH: Final = {
    **dict.fromkeys(("NFKC", "NFKD"), 18),
    **dict.fromkeys(("NFC", "NFD"), 4),
    "BertNormalizer": 24,  # blanks around, accents apart, lower case: 3 * 4 * 2
    "ByteLevel": 5,  # four bytes, and a blank before
    **dict.fromkeys(("Lowercase", "Prepend", "Metaspace"), 2),
    **dict.fromkeys(("Replace", "Sequence", "Strip", "StripAccents"), 1),
    **dict.fromkeys(("BertPreTokenizer", "Digits", "Punctuation", "Split"), 1),
    **dict.fromkeys(("Whitespace", "WhitespaceSplit"), 1),
    **dict.fromkeys(("BertProcessing", "RobertaProcessing", "TemplateProcessing"), 1),
    **dict.fromkeys(("BPEDecoder", "ByteFallback", "Fuse", "WordPiece"), 1),
}
# Those of known tokenizers (T5, CLIP). Another could match nothing, at every place of a text.
_PATTERNS: Final = (r"\s+", r"\s{2,}", " +", " {2,}")


def check_steps(document: dict[str, Any]) -> None:
    """Check all steps of a tokenizer's JSON.

    Raises:
        ValueError: saying in a sentence without its full stop what is wrong with one.
    """
    parts = {part: list(_steps(document.get(part))) for part in _PARTS}
    steps = [step for found in parts.values() for step in found]
    if len(steps) > _MAX_STEPS:
        raise ValueError(f"it has {len(steps)} steps; at most {_MAX_STEPS} are run")
    for step in steps:
        _check_step(step)
    before = [*parts["normalizer"], *parts["pre_tokenizer"]]  # the others see tokens, not texts
    growth = math.prod(_GROWTH[step["type"]] for step in before)
    if growth > MAX_GROWTH:
        raise ValueError(
            f"its steps can make a letter {growth:,} letters; at most {MAX_GROWTH} are allowed"
        )


def _steps(value: Any) -> Iterator[dict[str, Any]]:
    """Give a step and those in it. The library guesses what a step without a type may be."""
    if value is None:
        return
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise ValueError(f"its step {shorten(value)} must be a JSON object that names its type")
    yield value
    for name in _LISTS:
        inner = value.get(name)
        for item in inner if isinstance(inner, list) else ():
            yield from _steps(item)


def _check_step(step: dict[str, Any]) -> None:
    kind = step["type"]
    if kind not in _GROWTH:
        raise ValueError(f"its step {shorten(kind)} is not among those that are run")
    for name in ("content", "prepend"):
        if len(str(step.get(name, ""))) > 1:
            raise ValueError(f"its step {kind} puts in more than one letter at a time")
    if kind == "Replace":
        _check_pattern(step.get("pattern"))
    if kind == "TemplateProcessing":
        _check_template(step)


def _check_pattern(pattern: Any) -> None:
    if isinstance(pattern, dict) and len(pattern) == 1:
        ((name, text),) = pattern.items()
        if (name == "String" and isinstance(text, str) and text) or (
            name == "Regex" and text in _PATTERNS
        ):
            return
    raise ValueError(
        f"its step Replace looks for {shorten(pattern)}; known are a String of at least one letter "
        f"and the Regex {', '.join(map(repr, _PATTERNS))}"
    )


def _check_template(step: dict[str, Any]) -> None:
    lists = [step.get("single"), step.get("pair")]
    signs = step.get("special_tokens")
    if not isinstance(signs, dict) or len(signs) > _MAX_PIECES:
        raise ValueError(f"its template must have at most {_MAX_PIECES} special tokens")
    lists += [sign.get("ids") if isinstance(sign, dict) else None for sign in signs.values()]
    if not all(isinstance(each, list) and len(each) <= _MAX_PIECES for each in lists):
        raise ValueError(f"its template must have lists of at most {_MAX_PIECES} pieces")
