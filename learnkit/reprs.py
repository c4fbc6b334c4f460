"""Small HTML for notebooks: facts in rows, everything escaped. Knows values, not who has them."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np

from learnkit.types import BatchLoader

_CLASSES: Final = 12  # named in full; of more, the first and how many there are


def table(rows: Sequence[Sequence[object]], *, head: Sequence[object] = ()) -> str:
    """Return an HTML table; cells are shown by ``str`` and escaped."""
    top = f"<tr>{''.join(f'<th>{escape(str(cell))}</th>' for cell in head)}</tr>" if head else ""
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table>{top}{body}</table>"


def facts(title: str, rows: Mapping[str, object]) -> str:
    """Return a title over a table of names and values; values that are "" are left out."""
    kept = [(name, value) for name, value in rows.items() if value != ""]
    return f"<b>{escape(title)}</b>{table(kept)}"


def few(names: Sequence[str]) -> str:
    """Return names in a row; of many the first ones, and how many there are."""
    if len(names) <= _CLASSES:
        return ", ".join(names)
    return f"{', '.join(names[:_CLASSES])}, ... ({len(names):,} in all)"


def figure(value: float) -> str:
    """Return a number as the table of a fit shows it."""
    return f"{value:.6f}" if abs(value) < 1000 else f"{value:.6g}"


def bunch_html(
    title: str, loaders: Mapping[str, BatchLoader | None], classes: Sequence[str]
) -> str:
    """Return the sizes of a bunch's parts, and the samples of each class where they are known.

    Nothing is loaded: labels are counted where a loader has them at hand.

    Args:
        title: what it is.
        loaders: by the name of the part; None for one that is not there.
        classes: in the order of the labels.
    """
    rows = [_part(name, loader) for name, loader in loaders.items() if loader is not None]
    sizes = table(rows, head=("part", "samples", "batches", "batch size"))
    counts = _counts(loaders, len(classes))
    if not classes:
        return f"<b>{escape(title)}</b>{sizes}"
    if not counts or len(classes) > _CLASSES:
        names = escape(few(classes))
        return f"<b>{escape(title)}</b>{sizes}<p>{len(classes):,} classes: {names}</p>"
    by_class = [(name, *(n[i] for n in counts.values())) for i, name in enumerate(classes)]
    return f"<b>{escape(title)}</b>{sizes}{table(by_class, head=('class', *counts))}"


def _part(name: str, loader: BatchLoader) -> tuple[str, str, str, int]:
    return name, f"{loader.n_samples:,}", f"{len(loader):,}", loader.batch_size


def _counts(loaders: Mapping[str, BatchLoader | None], n: int) -> dict[str, list[int]]:
    """Return the samples of each class, by part, of the loaders that have labels at hand."""
    found: dict[str, list[int]] = {}
    for name, loader in loaders.items():
        labels: Any = getattr(loader, "labels", None)
        if isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind in "iu":
            found[name] = np.bincount(labels[labels >= 0], minlength=n).tolist()[:n]
    return found
