"""Objects of torchmetrics, as the user made them."""

from typing import Any

from torch import Tensor, nn

from learnkit.errors import MetricError
from learnkit.metrics.protocol import snake


class TorchMetric:
    """Give a torchmetrics object the `Metric` interface.

    It is moved to the device of the first predictions, and receives logits as they are:
    torchmetrics takes the argmax of (B, K) scores and the sigmoid of binary ones itself.
    """

    def __init__(self, metric: nn.Module) -> None:
        self.metric: Any = metric
        self.name = snake(type(metric).__name__)
        higher = getattr(metric, "higher_is_better", None)
        self.higher_is_better: bool | None = None if higher is None else bool(higher)
        self._updated = False

    def reset(self) -> None:
        """Forget all batches."""
        self.metric.reset()
        self._updated = False

    def update(self, preds: Tensor, targets: Tensor) -> None:
        """Add one batch."""
        if not self._updated:
            self.metric.to(preds.device)
            self._updated = True
        self.metric.update(preds.detach(), targets)

    def compute(self) -> float:
        """Return the number over all batches since `reset`; NaN if there were none."""
        if not self._updated:
            return float("nan")
        value = self.metric.compute()
        if not isinstance(value, Tensor) or value.numel() != 1:
            found = f"{tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise MetricError(
                f"metric {self.name!r} computes {found}; expected one number. "
                'Give it an average, such as average="macro".'
            )
        return float(value)

    def __repr__(self) -> str:
        return f"TorchMetric({self.name})"
