"""How sure the model is of its answers."""

from torch import Tensor


def glow(preds: Tensor, targets: Tensor) -> Tensor:
    """Return the mean probability of the class that the model names, in [1/K, 1].

    Well above the accuracy, the model is more sure than it is right.

    Args:
        preds: logits (B, K).
        targets: not looked at.
    """
    return preds.softmax(1).amax(1).mean()
