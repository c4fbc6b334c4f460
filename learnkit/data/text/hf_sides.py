"""Both sides of a Hugging Face dataset of texts."""

from learnkit.data.hf import (
    HFDataset,
    hf_classes,
    hf_label_sets,
    hf_labels,
    hf_parts,
    hf_values,
    label_column,
    text_column,
)
from learnkit.data.labels import is_missing
from learnkit.data.text.rows import TextRows
from learnkit.data.text.sides import TextSides, hold_out
from learnkit.errors import DataError


def sides_of_hf(
    dataset: HFDataset,
    *,
    train: str | None,
    valid: str | None,
    text_col: str | None,
    label_col: str | None,
    valid_pct: float | None,
    stratified: bool,
    seed: int,
) -> TextSides:
    """Read the splits of a dataset; where there is none to validate on, hold a part out.

    Raises:
        DataError: naming the split, column or row that cannot be used.
    """
    parts = hf_parts(dataset, train=train, valid=valid)
    texts, labels = text_column(parts.train, text_col), label_column(parts.train, label_col)
    first = _rows(parts.train, texts, labels, parts.where[0])
    if parts.valid is None:
        return hold_out(first, valid_pct, stratified=stratified, seed=seed)
    if valid_pct is not None:
        raise DataError(
            f"valid_pct={valid_pct:g} was given, but the dataset has a {parts.where[1]} to "
            "validate on. Leave valid_pct out, or give the training split alone."
        )
    second = _rows(
        parts.valid, text_column(parts.valid, texts), label_column(parts.valid, labels),
        parts.where[1],
    )  # fmt: skip
    advice = "Name every class in classes=."
    return TextSides(first, second, advice, f"as the dataset's: {' and '.join(parts.where)}")


def classes_of(
    dataset: HFDataset, train: str | None, label_col: str | None
) -> tuple[str, ...] | None:
    """Return the names of the dataset's own ``ClassLabel``, in its order; None without one."""
    part = hf_parts(dataset, train=train).train
    return hf_classes(part, label_column(part, label_col))


def _rows(part: HFDataset, text_col: str, label_col: str, where: str) -> TextRows:
    texts = hf_values(part, text_col)
    names = [f"Row {row} (counted from 0) of {where}" for row in range(len(texts))]
    for name, text in zip(names, texts, strict=True):
        if is_missing(text):
            raise DataError(
                f"{name} has no text: column {text_col!r} is {text!r}. Take the rows without one "
                "out with dataset.filter."
            )
    sets = hf_label_sets(part, label_col, where)
    labels = hf_labels(part, label_col, where) if sets is None else [""] * len(texts)
    return TextRows([str(text) for text in texts], labels, names, where, sets)
