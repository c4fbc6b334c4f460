"""A Hugging Face transformer of one of a few families, described by plain numbers and words."""

from typing import Any, Final

from torch import nn

from learnkit.errors import ExportError, LearnkitError
from learnkit.json_fields import is_number
from learnkit.models.kinds.kind import Kind, Values, check_size
from learnkit.models.spec_fields import MAX_LAYERS, be_one_of, be_width, refusal
from learnkit.models.transformer import FAMILIES, build_transformer, plain_fields

_MAX_FIELDS: Final = 100
_MAX_NUMBER: Final = 1_000_000
_MAX_LETTERS: Final = 100
_LAYERS: Final = ("num_hidden_layers", "n_layers")
_WIDTHS: Final = ("hidden_size", "dim", "embedding_size")
_INNER: Final = ("intermediate_size", "hidden_dim")
_TABLES: Final = ("vocab_size", "max_position_embeddings", "type_vocab_size")


def _be_config(where: str, value: object) -> None:
    if not isinstance(value, dict) or not len(value) <= _MAX_FIELDS:
        raise refusal(where, f"an object of at most {_MAX_FIELDS} fields", value)
    for name, item in value.items():
        if isinstance(item, str) and len(item) <= _MAX_LETTERS:
            continue
        if item is None or isinstance(item, bool):
            continue
        if not is_number(item) or abs(item) > _MAX_NUMBER:
            expected = f"a word, true, false, null or a number up to {_MAX_NUMBER}"
            raise refusal(f"{where}.{name[:_MAX_LETTERS]}", expected, item)


def _check(values: Values) -> None:
    config = values["config"]
    try:  # the library too, which makes tensors, is imported before the outline is built
        known = plain_fields(values["family"], {})
    except LearnkitError as error:
        raise ExportError(str(error)) from error
    for name in config:
        if name not in known:
            raise ExportError(
                f"The description of the transformer has the unknown field {name[:_MAX_LETTERS]!r}."
            )
    layers = _most(config, known, _LAYERS)
    if not 1 <= layers <= MAX_LAYERS:
        raise refusal("transformer.config", f"of 1 to {MAX_LAYERS} layers", layers)
    for name in _TABLES:
        if name in known and _most(config, known, (name,)) < 1:
            raise refusal(f"transformer.config.{name}", "a whole number of at least 1", 0)
    padding = config.get("pad_token_id", known.get("pad_token_id"))
    _check_padding(padding, config, known)
    least = padding + 2 if values["family"] == "roberta" and padding is not None else 1
    if _most(config, known, ("max_position_embeddings",)) < least:  # roberta counts from padding on
        raise refusal(
            "transformer.config.max_position_embeddings",
            f"a whole number of at least {least}",
            config.get("max_position_embeddings"),
        )
    width, inner = _most(config, known, _WIDTHS), _most(config, known, _INNER)
    rows = sum(_most(config, known, (name,)) for name in _TABLES) + values["n_classes"]
    check_size("transformer", layers * width * (4 * width + 2 * inner) + rows * width)


def _check_padding(found: object, config: dict[str, Any], known: dict[str, Any]) -> None:
    n = _most(config, known, ("vocab_size",))
    if found is None:
        return
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < n:
        raise refusal(
            "transformer.config.pad_token_id", f"null, or a whole number from 0 to {n - 1}", found
        )


def _most(config: dict[str, Any], known: dict[str, Any], names: tuple[str, ...]) -> int:
    """Return the largest of some fields, each a whole number of at least 0."""
    found = [config.get(name, known[name]) for name in names if name in known]
    for value in found:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise refusal(f"transformer.config.{names[0]}", "a whole number", value)
    return max(found, default=0)


def _build(values: Values) -> nn.Module:
    try:
        return build_transformer({"model": "transformer", **values})
    except LearnkitError as error:
        raise ExportError(str(error)) from error


KIND: Final = Kind(
    fields={
        "family": be_one_of(*FAMILIES),
        "n_classes": be_width,
        "shift": be_one_of(0, 1),
        "config": _be_config,
    },
    check=_check,
    build=_build,
    n_outputs=lambda values: int(values["n_classes"]),
)
