"""How far predictions and targets agree beyond what chance would give."""

import math
from collections.abc import Callable
from typing import Final, Literal, TypeAlias, get_args

import torch
from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics.built import Built
from learnkit.metrics.class_metric import ClassMetric
from learnkit.metrics.problem import Kind
from learnkit.metrics.protocol import metric_factory
from learnkit.metrics.recipe import Recipe, check_ignored, check_threshold
from learnkit.names import checked_keywords, did_you_mean

Distance: TypeAlias = Literal["linear", "quadratic"]
_DISTANCES: Final[tuple[str, ...]] = get_args(Distance)
_ONE_LABEL: Final[tuple[Kind, ...]] = ("multiclass", "binary")


@metric_factory
@checked_keywords
def mcc(
    *, threshold: float = 0.5, ignore_index: int | None = None, name: str | None = None
) -> ClassMetric:
    """Return Matthews' correlation coefficient, in [-1, 1], of any number of classes.

    J. Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient"
    (2004), equation 8, from the confusion matrix of torchmetrics. It is 0 where either side has
    one class only, as in scikit-learn.

    Args:
        threshold: above which a probability is a yes, where the model has one output.
        ignore_index: a class number that is no target.
        name: of the column.

    Raises:
        MetricError: for an option that does not fit.
        MissingExtraError: when torchmetrics is not installed.
    """
    return _agreement("mcc", _matthews, threshold, ignore_index, name)


@metric_factory
@checked_keywords
def kappa(
    *,
    weights: Distance | None = None,
    threshold: float = 0.5,
    ignore_index: int | None = None,
    name: str | None = None,
) -> ClassMetric:
    """Return Cohen's kappa (1960): the agreement beyond chance, over the most there could be.

    NaN where targets and predictions all have the same one class, as in scikit-learn. With
    ``weights`` the distance of two classes is that of their numbers; scikit-learn leaves out
    classes that are neither in the targets nor predicted, which moves the others together, and its
    number then differs, unless it is called with ``labels=range(K)``.

    Args:
        weights: for classes with an order, how a wrong answer grows with its distance from the
            right one: ``linear`` or ``quadratic`` (Cohen 1968); None counts each alike.
        threshold: as in `mcc`.
        ignore_index: as in `mcc`.
        name: of the column.

    Raises:
        MetricError: for an option that does not fit.
        MissingExtraError: when torchmetrics is not installed.
    """
    if weights is not None and weights not in _DISTANCES:
        raise MetricError(
            f"kappa(weights=...) takes linear, quadratic or None; got {weights!r}."
            f"{did_you_mean(str(weights), _DISTANCES)}"
        )
    power = {None: 0, "linear": 1, "quadratic": 2}[weights]

    def cohen(confusion: Tensor) -> Tensor:
        return _cohen(confusion, power)

    return _agreement("kappa", cohen, threshold, ignore_index, name)


def _agreement(
    word: str,
    finish: Callable[[Tensor], Tensor],
    threshold: float,
    ignore_index: int | None,
    name: str | None,
) -> ClassMetric:
    check_threshold(word, threshold)
    check_ignored(word, ignore_index)
    return ClassMetric(
        Recipe(
            name=name or word,
            higher_is_better=True,
            build=Built(word, "ConfusionMatrix"),
            kinds=_ONE_LABEL,
            finish=finish,
            threshold=threshold,
            ignore_index=ignore_index,
        )
    )


def _matthews(confusion: Tensor) -> Tensor:
    counts = confusion.double().cpu()  # (K, K), rows are targets
    n, right = counts.sum(), counts.trace()
    true, said = counts.sum(1), counts.sum(0)
    spread = (n * n - true @ true) * (n * n - said @ said)
    if spread == 0:
        return torch.zeros(())
    return (right * n - true @ said) / spread.sqrt()


def _cohen(confusion: Tensor, power: int) -> Tensor:
    counts = confusion.double().cpu()
    expected = torch.outer(counts.sum(1), counts.sum(0)) / counts.sum()
    places = torch.arange(len(counts), dtype=torch.float64)
    apart = (places[:, None] - places).abs()
    cost = apart**power if power else (apart > 0).double()
    chance = (cost * expected).sum()
    if chance == 0:
        return torch.tensor(math.nan)
    return 1 - (cost * counts).sum() / chance
