"""Objects of torchmetrics for a problem that is known only when the first batch is there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from learnkit.extras import require
from learnkit.metrics.problem import Kind, Problem

_PREFIX: Final[dict[Kind, str]] = {
    "binary": "Binary",
    "multiclass": "Multiclass",
    "multilabel": "Multilabel",
}
_WIDTH: Final[dict[Kind, str]] = {"multiclass": "num_classes", "multilabel": "num_labels"}


@dataclass(frozen=True)
class Built:
    """Makes an object such as ``MulticlassF1Score(num_classes=5)``.

    Its own checks are off: each would make the host wait for the device at every batch, and
    `ClassMetric` has made them.

    Args:
        purpose: the metric's name, for the message when torchmetrics is missing.
        of: the class's name without the kind of problem: ``F1Score``.
        options: of the class; ``average`` is left out where there is one output.

    Raises:
        MissingExtraError: at once, and not after an epoch, when torchmetrics is not installed.
    """

    purpose: str
    of: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._classes()

    def __call__(self, problem: Problem) -> Any:
        """Return a fresh object."""
        kind = problem.kind
        options = {k: v for k, v in self.options.items() if k != "average" or kind != "binary"}
        if kind in _WIDTH:
            options[_WIDTH[kind]] = problem.n
        make = getattr(self._classes(), _PREFIX[kind] + self.of)
        return make(**options, validate_args=False)

    def _classes(self) -> Any:
        return require("torchmetrics.classification", extra="metrics", purpose=self.purpose)
