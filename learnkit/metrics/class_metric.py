"""A metric of classes whose number of classes is that of the first batch."""

import math
import warnings
from typing import Any

import torch
from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics.positives import Positives
from learnkit.metrics.problem import Problem, problem_of
from learnkit.metrics.recipe import Recipe


class ClassMetric:
    """Compute a metric of torchmetrics for whichever problem the batches show.

    One of K classes, one output of yes or no, or K of these: see `Problem`. It takes raw
    predictions, and activates them itself. After the first batch of a phase the host waits for
    nothing before `compute`.

    Args:
        recipe: what is computed; functions such as `f1` make it.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self.name, self.higher_is_better = recipe.name, recipe.higher_is_better
        self._warned = False
        self.reset()

    def reset(self) -> None:
        """Forget all batches, and the kind of problem."""
        self._inner: Any = None
        self._problem: Problem | None = None
        self._positives: Positives | None = None
        self._wrong: Tensor | None = None  # how many targets are no labels
        self._nan: Tensor | None = None  # whether a prediction is NaN

    def update(self, preds: Tensor, targets: Tensor) -> None:
        """Add one batch: raw predictions and targets, see `problem_of`.

        Raises:
            MetricError: when they do not belong together, or are of another kind than before, or
                a target of the phase's first batch is no label.
        """
        problem = problem_of(self.name, preds, targets)
        first = self._problem is None
        if self._problem is None:
            self._begin(problem, preds.device)
        elif problem != self._problem:
            raise MetricError(
                f"metric {self.name!r} began with {self._problem.words()} and now gets "
                f"{problem.words()}; within a phase all batches have one kind."
            )
        assert self._wrong is not None
        assert self._nan is not None
        seen, labels, wrong = self._prepared(problem, preds, targets)
        self._wrong += wrong.sum()
        self._nan |= preds.isnan().any()
        if first:
            self._refuse_wrong()
        if self._positives is not None:
            self._positives.add(labels)
        if labels.numel():
            self._inner.update(*self._of_one(problem, seen, labels))

    def compute(self) -> float:
        """Return the number over all batches since `reset`; NaN if there were none.

        NaN also where a prediction is, or, with one warning, where a class has no samples that the
        number needs.

        Raises:
            MetricError: when a target is no label.
        """
        if self._inner is None or self._nan is None or not self._inner.update_called:
            return math.nan
        self._refuse_wrong()
        if bool(self._nan) or not self._exists():
            return math.nan
        value: Tensor = self._inner.compute()
        if self._recipe.finish is not None:
            value = self._recipe.finish(value)
        if value.ndim and self._recipe.label is not None:
            value = value[self._recipe.label]
        return float(value)

    def __call__(self, preds: Tensor, targets: Tensor) -> Tensor:
        """Return the number of one batch alone, float64 ()."""
        alone = type(self)(self._recipe)
        alone.update(preds, targets)
        return torch.tensor(alone.compute(), dtype=torch.float64)

    def __repr__(self) -> str:
        return f"ClassMetric({self.name})"

    def _begin(self, problem: Problem, device: torch.device) -> None:
        recipe = self._recipe
        if problem.kind not in recipe.kinds:
            raise MetricError(
                f"{self.name} is not defined for {problem.words()}, only for "
                f"{' and '.join(recipe.kinds)} predictions."
            )
        if recipe.label is not None and (problem.n == 1 or recipe.label >= problem.n):
            raise MetricError(
                f"{self.name} looks at class {recipe.label}, but the model gives {problem.n} "
                f"output{'s' if problem.n > 1 else ''}."
                + (" Leave label= out: one output is a number already." if problem.n == 1 else "")
            )
        if recipe.ignore_index is not None and problem.kind == "multilabel":
            raise MetricError(f"{self.name}: ignore_index is for class numbers, not for labels.")
        one = recipe.label is not None and recipe.sees == "probabilities"
        self._inner = recipe.build(Problem("binary", 1) if one else problem).to(device)
        self._problem = problem
        self._positives = Positives(problem, device) if recipe.needs is not None else None
        self._wrong = torch.zeros((), dtype=torch.int64, device=device)
        self._nan = torch.zeros((), dtype=torch.bool, device=device)

    def _prepared(
        self, problem: Problem, preds: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return what torchmetrics sees, labels that are in range, and which were not."""
        recipe = self._recipe
        if recipe.sees == "labels":
            seen = problem.labels(preds, threshold=recipe.threshold)
        else:
            seen = problem.probabilities(preds)
        given = problem.targets(targets)
        if recipe.ignore_index is not None:
            kept = given != recipe.ignore_index
            seen, given = seen[kept], given[kept]
        labels = given.long().clamp(0, problem.top())
        return seen, labels, labels != given

    def _of_one(self, problem: Problem, seen: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Leave of probabilities those of the one class that is looked at, against the rest."""
        label = self._recipe.label
        if label is None or self._recipe.sees == "labels":
            return seen, labels
        of_one = labels == label if problem.kind == "multiclass" else labels[:, label]
        return seen[:, label], of_one.long()

    def _refuse_wrong(self) -> None:
        wrong, problem = int(self._wrong or 0), self._problem
        if wrong and problem is not None:
            raise MetricError(
                f"{self.name} with {problem.words()} takes targets from 0 to {problem.top()}, "
                f"whole numbers; {wrong} of this phase are none. Check the dataset's targets."
            )

    def _exists(self) -> bool:
        if self._positives is None:
            return True
        others = self._recipe.needs == "both"
        lacking = self._positives.lacking(others=others, label=self._recipe.label)
        if lacking and not self._warned:
            self._warned = True
            warnings.warn(f"{self.name} is NaN: {lacking}", UserWarning, stacklevel=3)
        return not lacking
