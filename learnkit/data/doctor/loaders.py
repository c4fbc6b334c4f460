"""Check what a DataBunch loads: its files where it has files, else its batches."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from learnkit.data.doctor.balance import count_classes, find_uneven
from learnkit.data.doctor.check import check_files
from learnkit.data.doctor.copies import find_copies
from learnkit.data.doctor.finding import Finding, Sample, Severity
from learnkit.data.doctor.options import CheckOptions
from learnkit.data.doctor.report import DataReport
from learnkit.data.doctor.rows import Rows
from learnkit.data.loader import ImageLoader
from learnkit.data.source import FileSource
from learnkit.types import BatchLoader

_SOFTER: Final[dict[Severity, Severity]] = {"error": "warning", "warning": "info", "info": "info"}


def check_loaders(
    loaders: Mapping[str, BatchLoader | None],
    *,
    title: str,
    classes: Sequence[str],
    options: CheckOptions,
) -> DataReport:
    """Check the samples of some loaders.

    Args:
        loaders: by part: ``"train"``, ``"valid"``, ``"test"``; None for one that is not there.
        title: what the report is of.
        classes: the names of the labels; empty for targets that are no classes.
        options: the limits.
    """
    present = {part: loader for part, loader in loaders.items() if loader is not None}
    sources = _file_sources(present)
    if not sources:
        return _check_rows(present, title=title, classes=classes, options=options)
    if any(_several(loader) for loader in present.values()):
        classes = ()  # which are counted as one for each photo
    root = _root_of(list(sources.values()))
    samples = [
        Sample(part, _below(root, source.describe(index)), label)
        for part, source in sources.items()
        for index, label in enumerate(_labels(present[part], classes))
    ]
    return check_files(
        samples, tuple(present), root=root, title=title, classes=classes, options=options
    )


def _file_sources(loaders: Mapping[str, BatchLoader]) -> dict[str, FileSource]:
    """Return where each part's files are; nothing when one of them loads something else."""
    sources = {}
    for part, loader in loaders.items():
        if not isinstance(loader, ImageLoader) or not isinstance(loader.source, FileSource):
            return {}
        sources[part] = loader.source
    return sources


def _labels(loader: BatchLoader, classes: Sequence[str]) -> Iterator[str | None]:
    """Give each file's class; None where it has none, or several."""
    for label in loader.labels.tolist() if isinstance(loader, ImageLoader) else ():
        known = isinstance(label, int) and 0 <= label < len(classes)
        yield classes[label] if known else None


def _several(loader: BatchLoader) -> bool:
    """Whether samples have several labels or values each."""
    return isinstance(loader, ImageLoader) and loader.labels.ndim > 1


def _root_of(sources: Sequence[FileSource]) -> Path:
    """Return the folder of all, or one that theirs are in."""
    roots = {source.root for source in sources}
    if len(roots) == 1:
        return roots.pop()
    return Path(os.path.commonpath([root.absolute() for root in roots]))


def _below(root: Path, name: str) -> str:
    """Return a name relative to ``root`` where it is inside; what is outside stays absolute."""
    path = Path(name)
    if not path.is_relative_to(root):
        path = path.absolute()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _check_rows(
    loaders: Mapping[str, BatchLoader],
    *,
    title: str,
    classes: Sequence[str],
    options: CheckOptions,
) -> DataReport:
    rows = Rows()
    for part, loader in loaders.items():
        rows.read(part, loader, classes)
    copies = find_copies(rows.samples, rows.digests, None).findings
    counts = count_classes(rows.samples, tuple(loaders), classes)
    findings = [
        *rows.findings(len(classes)),
        *(copies if rows.wide else map(_softened, copies)),
        *(find_uneven(counts, options.max_imbalance) if classes else ()),
    ]
    return DataReport(title=title, root=None, counts=counts, findings=tuple(findings))


def _softened(found: Finding) -> Finding:
    """Take it less seriously: rows of a few numbers are often equal by chance."""
    return replace(found, severity=_SOFTER[found.severity])
