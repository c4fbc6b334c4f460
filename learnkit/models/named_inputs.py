"""Models that take their inputs by name, such as those of Hugging Face transformers."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from learnkit.errors import ModelError


class ByName(nn.Module):
    """Calls ``model(**x)`` with the entries of a dict batch, and returns its logits.

    Where x is a tensor, the model is called with it alone.

    Args:
        model: takes the keys of x as keywords. It returns a tensor; an object or dict with
            ``logits``; or a tuple whose first entry is the tensor.

    Raises:
        ModelError: when called, when the model does not take a key, or returns something else.

    Example:
        ``Learner(DataBunch.from_dls(train, valid), by_name(transformer))``
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor | Mapping[str, Tensor]) -> Tensor:
        """Return the logits: float (B, ...)."""
        if isinstance(x, Tensor):
            return _logits(self.model(x))
        try:
            return _logits(self.model(**x))
        except TypeError as error:
            if "unexpected keyword argument" not in str(error):
                raise
            raise ModelError(
                f"{type(self.model).__name__} does not take the inputs {', '.join(x)}: {error}. "
                "Name those that it takes in x_keys= of DataBunch.from_dls."
            ) from error


def by_name(model: nn.Module) -> ByName:
    """Return a model that takes the entries of dict batches by their names; see ``ByName``."""
    return ByName(model)


def _logits(out: Any) -> Tensor:
    found = out.get("logits") if isinstance(out, Mapping) else getattr(out, "logits", out)
    if isinstance(found, tuple) and found:
        found = found[0]
    if not isinstance(found, Tensor):
        raise ModelError(
            f"The model returned {type(out).__name__} without logits: expected a tensor, or an "
            "object with logits."
        )
    return found
