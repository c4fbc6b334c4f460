"""Precision, recall and F1 of each class, beside the table of a fit."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from learnkit.errors import MetricError
from learnkit.metrics.problem import problem_of
from learnkit.metrics.recipe import check_threshold
from learnkit.names import checked_keywords


@dataclass(frozen=True)
class ClassScores:
    """One class: shares in [0, 1], 0 where nothing could be counted; ``support`` in samples."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class PerClass:
    """The scores of all classes, in their order; prints as a table."""

    rows: tuple[ClassScores, ...]

    def __getitem__(self, name: str) -> ClassScores:
        """Return the scores of the class called ``name``."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def __str__(self) -> str:
        width = max(len("class"), *(len(row.name) for row in self.rows))
        lines = [f"{'class':<{width}}  precision  recall      f1  support"]
        lines += [
            f"{r.name:<{width}}  {r.precision:9.3f}  {r.recall:6.3f}  {r.f1:6.3f}  {r.support:7d}"
            for r in self.rows
        ]
        return "\n".join(lines)


@checked_keywords
def per_class(
    preds: Tensor, targets: Tensor, *, classes: Sequence[str] = (), threshold: float = 0.5
) -> PerClass:
    """Return precision, recall and F1 of each class.

    Args:
        preds: raw predictions (N, K), as ``learn.get_preds(activate=False)`` gives them; dense
            ones (N, K, H, W) too. Probabilities do for one of K classes.
        targets: class numbers (N,), or labels of 0 and 1 (N, K).
        classes: names in the order of the outputs; their numbers by default.
        threshold: above which a label's probability is a yes.

    Raises:
        MetricError: when these do not belong together, or a target is out of range.

    Example:
        >>> print(per_class(torch.eye(2), torch.tensor([0, 0]), classes=["cat", "dog"]))
        class  precision  recall      f1  support
        cat        1.000   0.500   0.667        2
        dog        0.000   0.000   0.000        0
    """
    check_threshold("per_class", threshold)
    problem = problem_of("per_class", preds, targets)
    if classes and len(classes) != max(problem.n, 2 if problem.kind == "binary" else 1):
        raise MetricError(
            f"per_class got {len(classes)} names of classes for an output of width {problem.n}."
        )
    said, true = problem.labels(preds, threshold=threshold), problem.targets(targets)
    if bool(((true < 0) | (true > problem.top()) | (true != true.long())).any()):
        raise MetricError(f"per_class takes targets from 0 to {problem.top()}, whole numbers.")
    if problem.kind != "multilabel":
        n = max(problem.n, 2)
        said, true = _one_hot(said, n), _one_hot(true, n)
    names = classes or [str(k) for k in range(said.shape[1])]
    hits = (said.bool() & true.bool()).sum(0).tolist()
    rows = zip(names, hits, said.sum(0).tolist(), true.sum(0).tolist(), strict=True)
    return PerClass(tuple(_scores(*row) for row in rows))


def _one_hot(labels: Tensor, n: int) -> Tensor:
    return labels.long()[:, None] == torch.arange(n, device=labels.device)  # (N, K)


def _scores(name: str, hits: int, said: int, true: int) -> ClassScores:
    return ClassScores(
        name=name,
        precision=hits / said if said else 0.0,
        recall=hits / true if true else 0.0,
        f1=2 * hits / (said + true) if said + true else 0.0,
        support=int(true),
    )
