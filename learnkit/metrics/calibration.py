"""Whether probabilities mean what they say."""

from typing import Final, Literal, TypeAlias

from learnkit.errors import MetricError
from learnkit.metrics.built import Built
from learnkit.metrics.class_metric import ClassMetric
from learnkit.metrics.protocol import metric_factory
from learnkit.metrics.recipe import Recipe
from learnkit.names import checked_keywords, did_you_mean

Norm: TypeAlias = Literal["mean", "max", "rms"]
_NORMS: Final = {"mean": "l1", "max": "max", "rms": "l2"}


@metric_factory
@checked_keywords
def calibration_error(
    *, bins: int = 15, norm: Norm = "mean", name: str | None = None
) -> ClassMetric:
    """Return the expected calibration error: how far confidence is from accuracy, in [0, 1].

    Samples are sorted into bins of one width by their highest probability (by that of a yes where
    the model has one output); the error is the gap between mean probability and share of right
    answers, over bins weighted by their samples. C. Guo et al., "On calibration of modern neural
    networks" (2017), arXiv 1706.04599, equation 3.

    Args:
        bins: how many, from 1 on.
        norm: ``mean`` is the usual ECE; ``max`` the largest gap (MCE), ``rms`` the root of the
            mean square.
        name: of the column.

    Raises:
        MetricError: for an option that does not fit.
        MissingExtraError: when torchmetrics is not installed.

    Example:
        >>> calibration_error()(torch.tensor([[0.0, 9.0]]), torch.tensor([1]))
        tensor(0.0001, dtype=torch.float64)
    """
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 1:
        raise MetricError(f"calibration_error(bins=...) is a whole number from 1 on; got {bins!r}.")
    if norm not in _NORMS:
        raise MetricError(
            f"calibration_error(norm=...) takes {', '.join(_NORMS)}; got {norm!r}."
            f"{did_you_mean(str(norm), _NORMS)}"
        )
    build = Built("calibration_error", "CalibrationError", {"n_bins": bins, "norm": _NORMS[norm]})
    return ClassMetric(
        Recipe(
            name=name or "calibration_error",
            higher_is_better=False,
            build=build,
            kinds=("multiclass", "binary"),
            sees="probabilities",
        )
    )
