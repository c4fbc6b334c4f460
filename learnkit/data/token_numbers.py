"""Which token numbers the model of a description knows. Knows no texts and no modules."""

from collections.abc import Mapping
from typing import Any


def known_tokens(spec: Mapping[str, Any]) -> int | None:
    """Return how many token numbers a model takes; None where it takes none.

    Args:
        spec: a description that ``check_spec`` takes.
    """
    if isinstance(spec.get("inner"), Mapping):  # of a compressed model
        spec = spec["inner"]
    for name in ("n_vocab", "n_tokens"):
        if name in spec:
            return int(spec[name])
    if isinstance(spec.get("config"), Mapping):  # of a transformer
        return int(spec["config"].get("vocab_size", 0)) + int(spec.get("shift", 0))
    return None


def unfit_tokens(spec: Mapping[str, Any], n: int) -> str:
    """Say why a model cannot take the token numbers below ``n``; empty when it can.

    A token number that its embedding does not have would end a program on a GPU.
    """
    known = known_tokens(spec)
    if known is None:
        return f"texts become token numbers, but the model {spec.get('model')} takes none"
    return f"texts have {n} different tokens, but the model knows {known}" if known < n else ""
