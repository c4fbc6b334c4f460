"""What a tokenizer's JSON may hold, so that one from a stranger can only cut texts.

The format is that of the library ``tokenizers``; reading it runs no code. Some of its parts can
make a text grow a thousandfold, or pad it to any length: these are refused, or bounded.
"""

from collections.abc import Iterator
from typing import Any, Final

from learnkit.bounded_json import parse_json, shorten

MAX_JSON: Final = 3 << 20  # bytes; a BERT's is 0.7 MB, GPT-2's 1.4 MB
_MAX_PARTS: Final = 400_000  # lists and objects: each merge of a BPE is one
_MAX_STEPS: Final = 16
_MAX_PIECES: Final = 16  # of a template
_MODELS: Final = ("BPE", "WordLevel", "WordPiece")
_STEPS: Final = (
    *("BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Replace", "Prepend"),
    *("Sequence", "Strip", "StripAccents"),
    *("BertPreTokenizer", "ByteLevel", "Digits", "Metaspace", "Punctuation", "Split"),
    *("Whitespace", "WhitespaceSplit"),
    *("BertProcessing", "RobertaProcessing", "TemplateProcessing"),
    *("BPEDecoder", "ByteFallback", "Fuse", "WordPiece"),
)


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
    kind = document["model"].get("type")
    if kind not in _MODELS:
        raise ValueError(f"its model is {shorten(kind)}; known are {', '.join(_MODELS)}")
    parts = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
    steps = [step for part in parts for step in _steps(document.get(part))]
    if len(steps) > _MAX_STEPS:
        raise ValueError(f"it has {len(steps)} steps; at most {_MAX_STEPS} are run")
    for step in steps:
        _check_step(step)


def _steps(value: Any) -> Iterator[dict[str, Any]]:
    """Give every object below a value that names its type."""
    if isinstance(value, dict):
        if "type" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _steps(item)


def _check_step(step: dict[str, Any]) -> None:
    kind = step["type"]
    if not isinstance(kind, str) or kind not in _STEPS:
        raise ValueError(f"its step {shorten(kind)} is not among those that are run")
    for name in ("content", "prepend"):
        if len(str(step.get(name, ""))) > 1:
            raise ValueError(f"its step {kind} puts in more than one letter at a time")
    if kind == "TemplateProcessing":
        _check_template(step)


def _check_template(step: dict[str, Any]) -> None:
    lists = [step.get("single"), step.get("pair")]
    signs = step.get("special_tokens")
    if not isinstance(signs, dict) or len(signs) > _MAX_PIECES:
        raise ValueError(f"its template must have at most {_MAX_PIECES} special tokens")
    lists += [sign.get("ids") if isinstance(sign, dict) else None for sign in signs.values()]
    if not all(isinstance(each, list) and len(each) <= _MAX_PIECES for each in lists):
        raise ValueError(f"its template must have lists of at most {_MAX_PIECES} pieces")
