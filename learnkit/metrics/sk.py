"""Functions of scikit-learn as metrics."""

import inspect
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias, get_args

import torch
from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics.mean import name_of
from learnkit.metrics.problem import Problem, problem_of
from learnkit.names import did_you_mean

Needs: TypeAlias = Literal["labels", "probabilities", "scores"]
_NEEDS: Final[tuple[str, ...]] = get_args(Needs)
_SCORED: Final = ("y_score", "y_proba", "y_prob")
# scikit-learn's own rule for names: "Defining your scoring strategy from metric functions"
_WORSE: Final = ("_error", "_loss", "_deviance")


def sk_metric(
    function: Callable[..., Any],
    *,
    needs: Needs | None = None,
    name: str | None = None,
    higher_is_better: bool | None = None,
    **options: Any,
) -> "SkMetric":
    """Return a metric of any function ``(y_true, y_pred)`` of scikit-learn, or of its kind.

    It is called once, at the end of a phase, with all the predictions, which are gathered on the
    CPU: so it gives scikit-learn's number for any batching, and the host waits at each batch.

    Args:
        function: such as ``f1_score``.
        needs: ``labels``, what raw predictions decide on (the highest of K classes, else a
            probability above 0.5); ``probabilities``, (N, K), or (N,) of class 1 where there are
            two classes or one output; ``scores``, raw predictions as they are. By default
            probabilities where the function's second argument is ``y_score`` or ``y_proba``; else
            scores where there is one output and the targets of the phase are floats other than 0
            and 1, as those of real values are; else labels.
        name: of the column; the function's own by default.
        higher_is_better: by default scikit-learn's rule for names: True for ``..._score``, False
            for ``..._error``, ``..._loss`` and ``..._deviance``, open for others.
        options: of the function, such as ``average="macro"``.

    Raises:
        MetricError: when something else than a function is given, or an option it does not have.

    Example:
        >>> from sklearn.metrics import f1_score
        >>> sk_metric(f1_score, average="macro").name
        'f1_score'
    """
    if not callable(function) or isinstance(function, type):
        raise MetricError(
            f"sk_metric takes a function (y_true, y_pred) of scikit-learn; got {function!r}."
        )
    arguments = _arguments(function, options)
    if needs is None and len(arguments) > 1 and arguments[1] in _SCORED:
        needs = "probabilities"
    if needs is not None and needs not in _NEEDS:
        raise MetricError(
            f"sk_metric(needs=...) takes {', '.join(_NEEDS)}; got {needs!r}."
            f"{did_you_mean(str(needs), _NEEDS)}"
        )
    own = name_of(function)
    if higher_is_better is None and own.endswith(("_score", *_WORSE)):
        higher_is_better = own.endswith("_score")
    return SkMetric(function, options, needs, name or own, higher_is_better)


class SkMetric:
    """Gathers a phase's predictions for a function of scikit-learn; made by `sk_metric`."""

    def __init__(
        self,
        function: Callable[..., Any],
        options: Mapping[str, Any],
        needs: Needs | None,
        name: str,
        higher_is_better: bool | None,
    ) -> None:
        self._function, self._options, self._needs = function, dict(options), needs
        self.name, self.higher_is_better = name, higher_is_better
        self._warned = False
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._problem: Problem | None = None
        self._nan = False  # whether a prediction is NaN, of which no label tells
        self._preds: list[Tensor] = []
        self._targets: list[Tensor] = []

    def update(self, preds: Tensor, targets: Tensor) -> None:
        """Add one batch.

        Raises:
            MetricError: when labels or probabilities are asked for, and predictions and targets do
                not belong together, see `problem_of`, or a target is no label; or when batches of
                one phase are of several kinds.
        """
        # numpy has no bfloat16, and scikit-learn wants rows that sum to 1 more closely than float32
        seen, given = preds.detach().cpu().double(), targets.detach().cpu()
        self._nan |= bool(seen.isnan().any())
        if self._needs != "scores":
            problem = problem_of(self.name, seen, given)
            self._check_same(problem)
            given = problem.targets(given)
            if self._needs is None and problem.kind == "binary" and given.is_floating_point():
                seen = seen.flatten()  # values, or labels of 0 and 1: the whole phase tells
            else:
                seen, given = self._seen(problem, seen), self._labels(problem, given)
        self._preds.append(seen)
        self._targets.append(given)

    def compute(self) -> float:
        """Return the function's number over all batches since `reset`; NaN if there were none.

        NaN also where a prediction is, and, with one warning in scikit-learn's words, where it
        cannot be computed, as when the phase lacks a class: an error would lose the fit.

        Raises:
            MetricError: when the function gives several numbers.
        """
        if not self._targets or self._nan:
            return math.nan
        true, seen = (tensor.numpy() for tensor in self._gathered())
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                value = self._function(true, seen, **self._options)
        except ValueError as error:
            self._warn(f"{self.name} is NaN: {' '.join(str(error).split())}")
            return math.nan
        for warning in told:
            self._warn(f"{self.name}: {' '.join(str(warning.message).split())}")
        if getattr(value, "shape", ()) or not isinstance(value, float | int):
            if not hasattr(value, "item") or getattr(value, "size", 0) != 1:
                raise MetricError(
                    f"{self.name} computes {_kind(value)}; a column of the table is one number. "
                    'Give it an average, such as average="macro".'
                )
            value = value.item()
        return float(value)

    def __repr__(self) -> str:
        return f"SkMetric({self.name})"

    def _check_same(self, problem: Problem) -> None:
        if self._problem is None:
            self._problem = problem
        elif problem != self._problem:
            raise MetricError(
                f"metric {self.name!r} began with {self._problem.words()} and now gets "
                f"{problem.words()}; within a phase all batches have one kind."
            )

    def _labels(self, problem: Problem, given: Tensor) -> Tensor:
        labels = given.long()
        wrong = int(((labels != given) | (labels < 0) | (labels > problem.top())).sum())
        if wrong:
            raise MetricError(
                f"{self.name} with {problem.words()} takes targets from 0 to {problem.top()}, "
                f"whole numbers; {wrong} of this batch are none. Check the dataset's targets, or "
                'give it predictions as they are: sk_metric(..., needs="scores").'
            )
        return labels

    def _gathered(self) -> tuple[Tensor, Tensor]:
        """Return the phase's targets, and what the function sees."""
        true, seen = torch.cat(self._targets), torch.cat(self._preds)
        either = self._needs is None and true.is_floating_point()  # see `update`
        if either and self._problem is not None and bool(((true == 0) | (true == 1)).all()):
            return true.long(), self._problem.labels(seen)
        return true, seen

    def _seen(self, problem: Problem, preds: Tensor) -> Tensor:
        if self._needs != "probabilities":
            return problem.labels(preds)
        probabilities = problem.probabilities(preds)
        two = problem.kind == "multiclass" and problem.n == 2
        return probabilities[:, 1] if two else probabilities

    def _warn(self, words: str) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(words, UserWarning, stacklevel=3)


def _arguments(function: Callable[..., Any], options: Mapping[str, Any]) -> list[str]:
    """Return the names of a function's arguments, and check that it has the options."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a builtin that does not tell
        return []
    names = list(parameters)
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return names
    for option in options:
        if option not in names[2:]:
            hint = did_you_mean(option, names[2:]) or f" It takes: {', '.join(names[2:])}."
            raise MetricError(f"{name_of(function)} has no option {option!r}.{hint}")
    return names


def _kind(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"numbers of shape {tuple(shape)}" if shape else f"a {type(value).__name__}"
