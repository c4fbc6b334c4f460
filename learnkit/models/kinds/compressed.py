"""A model of another kind, with packed weights."""

from typing import Any, Final

from torch import nn

from learnkit.errors import ExportError, ModelError
from learnkit.models.compressed import CompressedModel
from learnkit.models.kinds.kind import MAX_PARAMETERS, Kind, Values
from learnkit.models.spec_fields import MAX_NAME, refusal

_MAX_WEIGHTS: Final = 10_000


def _be_model(where: str, value: object) -> None:
    if not isinstance(value, dict) or value.get("model") == "compressed":
        raise refusal(where, "the description of a model that is not compressed", value)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_NAME


def _be_names(where: str, value: object) -> None:
    if not isinstance(value, list) or len(value) > _MAX_WEIGHTS or not all(map(_is_name, value)):
        raise refusal(where, f"a list of at most {_MAX_WEIGHTS} names", value)


def _is_count(value: object) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 0 <= value <= MAX_PARAMETERS  # type: ignore[operator]


def _be_counts(where: str, value: object) -> None:
    fits = isinstance(value, dict) and len(value) <= _MAX_WEIGHTS
    if not fits or not all(_is_name(k) and _is_count(v) for k, v in value.items()):  # type: ignore[attr-defined]
        expected = f"an object of at most {_MAX_WEIGHTS} names with numbers of weights"
        raise refusal(where, expected, value)


def _check(values: Values) -> None:
    from learnkit.models.spec import check_spec  # which finds this module by its table

    check_spec(values["inner"])
    names = [*values["int8"], *values["binary"], *values["pruned"]]
    if len(set(names)) != len(names):
        raise ExportError("The model description compresses a weight twice.")


def _build(values: Values) -> nn.Module:
    from learnkit.models.spec import build_from_spec

    packed: dict[str, tuple[str, int]] = dict.fromkeys(values["int8"], ("int8", 0))
    packed |= dict.fromkeys(values["binary"], ("binary", 0))
    packed |= {name: ("pruned", kept) for name, kept in values["pruned"].items()}
    try:
        return CompressedModel(build_from_spec(values["inner"]), packed)
    except ModelError as error:
        raise ExportError(f"The model description cannot be followed: {error}") from error


def _n_outputs(values: Values) -> int | None:
    from learnkit.models.spec import n_outputs

    return n_outputs(values["inner"])


def _takes_photos(values: Values, height: int, width: int) -> bool:
    from learnkit.models.spec import takes_photos

    return takes_photos(values["inner"], height, width)


_FIELDS: Final[dict[str, Any]] = {
    "inner": _be_model,
    "int8": _be_names,
    "binary": _be_names,
    "pruned": _be_counts,
}
KIND: Final = Kind(
    fields=_FIELDS,
    check=_check,
    build=_build,
    n_outputs=_n_outputs,
    takes_photos=_takes_photos,
)
