"""Metrics and the clipping of gradients, as code."""

from collections.abc import Mapping, Sequence
from typing import Any

from learnkit.callbacks.gradients.gradient_clip import GradientClip
from learnkit.eject.kept import KeptFit
from learnkit.eject.values import literal
from learnkit.errors import ExportError


def metric_code(metrics: Sequence[Any]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return those that are written, by name and code, and the names of the others."""
    from learnkit.metrics import MeanMetric, accuracy, error_rate
    from learnkit.metrics.accuracies import _top_k

    written, left_out = [], []
    for metric in metrics:
        fn = metric.fn if type(metric) is MeanMetric else None
        k: Mapping[str, Any] = getattr(fn, "keywords", {})
        if fn is accuracy:
            code = "(preds.argmax(1) == y).mean(dtype=torch.float32)"
        elif fn is error_rate:
            code = "(preds.argmax(1) != y).mean(dtype=torch.float32)"
        elif getattr(fn, "func", None) is _top_k:
            hits = f"(preds.topk({k['k']}, dim=1).indices == y.unsqueeze(1))"
            code = f"{hits}.any(1).mean(dtype=torch.float32)"
        else:
            left_out.append(str(metric.name))
            continue
        written.append((str(metric.name), code))
    return written, left_out


def clip_code(fits: Sequence[KeptFit]) -> str:
    """Return the lines that clip gradients; every fit must have the same.

    Raises:
        ExportError: when only some fits clip, or clip otherwise.
    """
    lines = []
    for fit in fits:
        clips = [c for c in fit.callbacks if isinstance(c, GradientClip)]
        lines.append("\n".join(map(_clip_line, clips)))
    if len(set(lines)) > 1:
        raise ExportError(
            "The fits clip gradients in different ways, and eject writes one for all of them. "
            "Give the same GradientClip to each, or eject after the first."
        )
    return lines[0]


def _clip_line(clip: GradientClip) -> str:
    what, limit = ("norm", clip.max_norm) if clip.max_norm is not None else ("value", clip.value)
    return (
        'parameters = [p for g in optimizer.param_groups for p in g["params"]]\n'
        f"nn.utils.clip_grad_{what}_([p for p in parameters if p.grad is not None], "
        f"{literal(limit)})"
    )
