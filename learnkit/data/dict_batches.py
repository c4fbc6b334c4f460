"""Batches that are dicts, as Hugging Face collators give them: what is x, and what is y."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from torch import Tensor

from learnkit.errors import DataError
from learnkit.names import did_you_mean
from learnkit.types import Batch

TARGET_KEYS: Final = ("labels", "label", "targets", "target", "y")


@dataclass(frozen=True)
class DictReader:
    """Says which entries of a dict batch are the input and which is the target.

    Attributes:
        x_keys: one key makes x that tensor; several make x a dict of tensors. None takes every
            other key that holds a tensor.
        y_key: None takes the first of "labels", "label", "targets", "target" and "y" that is there.
    """

    x_keys: tuple[str, ...] | None = None
    y_key: str | None = None

    @classmethod
    def checked(cls, x_keys: str | Sequence[str] | None, y_key: str | None) -> "DictReader":
        """Check what the user gave.

        Raises:
            DataError: when a key is no text, is there twice, or there is none.
        """
        keys = (x_keys,) if isinstance(x_keys, str) else x_keys
        if keys is not None:
            keys = tuple(keys)
            if not keys or not all(isinstance(key, str) for key in keys):
                raise DataError(f"x_keys must be a key or a list of keys: found {x_keys!r}.")
            if len({*keys, y_key}) < len(keys) + 1:
                raise DataError(f"A key is named twice: x_keys={x_keys!r}, y_key={y_key!r}.")
        if y_key is not None and not isinstance(y_key, str):
            raise DataError(f"y_key must be a key: found {y_key!r}.")
        return cls(keys, y_key)

    def read(self, batch: Mapping[str, Any]) -> Batch:
        """Return the batch as (x, y).

        Raises:
            DataError: when a key is missing, naming the nearest, or there is nothing to be x.
        """
        keys = [str(key) for key in batch]
        target = self.y_key or next((key for key in TARGET_KEYS if key in batch), None)
        if target is None:
            raise DataError(
                f"A batch is a dict of {_listed(keys)}, and none of these is known to be the "
                "target. Name it in y_key=."
            )
        _check_there(target, keys, "y_key")
        inputs = self.x_keys
        if inputs is None:
            inputs = tuple(k for k in keys if k != target and isinstance(batch[k], Tensor))
            if not inputs:
                raise DataError(
                    f"A batch is a dict of {_listed(keys)}, and besides {target!r} none of these "
                    "holds a tensor to be x."
                )
        for key in inputs:
            _check_there(key, keys, "x_keys")
        if len(inputs) == 1:
            return Batch(batch[inputs[0]], batch[target])
        x: Any = {key: batch[key] for key in inputs}  # the loop takes a dict of tensors too
        return Batch(x, batch[target])


def _check_there(key: str, keys: list[str], option: str) -> None:
    if key not in keys:
        raise DataError(
            f"A batch has no key {key!r} (option {option}).{did_you_mean(key, keys)} Its keys are: "
            f"{', '.join(keys) or 'none'}."
        )


def _listed(keys: list[str]) -> str:
    return ", ".join(map(repr, keys)) or "nothing"
