"""Check a folder of class folders, as ``ImageDataBunch.from_folder`` would read it."""

import os
from collections.abc import Iterator
from pathlib import Path

from learnkit.data.doctor.check import check_files
from learnkit.data.doctor.finding import Sample
from learnkit.data.doctor.look import Seen
from learnkit.data.doctor.options import CheckOptions
from learnkit.data.doctor.report import DataReport
from learnkit.data.items import UNLABELLED, existing_folder
from learnkit.data.labels import Labelled, sorted_classes
from learnkit.data.layout import read_folders, read_test
from learnkit.data.sides import hold_out_files
from learnkit.names import checked_keywords


@checked_keywords
def check_folder(
    path: str | os.PathLike[str],
    *,
    train: str = "train",
    valid: str = "valid",
    test: str | None = None,
    valid_pct: float | None = None,
    stratified: bool = True,
    seed: int = 42,
    options: CheckOptions | None = None,
    seen: Seen | None = None,
) -> DataReport:
    """Check ``path/train/<class>/*.jpg`` and ``path/valid/<class>/*.jpg``, or ``path/<class>``.

    What ``from_folder`` refuses is a finding here: a class that only one side has, or a single one.

    Args:
        path: the folder.
        train: the folder of training images, in ``path``.
        valid: the folder of validation images, in ``path``.
        test: a folder in ``path`` of images to predict.
        valid_pct: the fraction that training will hold out of class folders without a validation
            folder. Without it these are checked as one part, in which nothing can leak.
        stratified: as given to ``from_folder``.
        seed: as given to ``from_folder``, so that the same images are held out.
        options: the limits; their own defaults for None.
        seen: called once in a while, to show how far it is.

    Raises:
        DataError: naming the folder, what was found there, and both accepted layouts.

    Example:
        report = check_folder("flowers")
        print(report)
        assert not report.errors
    """
    root = existing_folder(path)
    one_part = valid_pct is None and not (root / train).is_dir() and not (root / valid).is_dir()
    files = read_folders(
        path, train=train, valid=valid, test=test, valid_pct=0.5 if one_part else valid_pct
    )
    if one_part:
        sides = {"all": files.train}
    elif files.valid is not None:
        sides = {"train": files.train, "valid": files.valid}
    else:
        both = hold_out_files(root, files.train, valid_pct or 0.0, stratified=stratified, seed=seed)
        sides = {"train": both.train, "valid": both.valid}
    samples = [sample for part, side in sides.items() for sample in _samples(part, side)]
    parts = (*sides, "test") if test is not None else tuple(sides)
    if test is not None:
        samples += _test_samples(root, test, sorted_classes(files.train.labels))
    return check_files(
        samples,
        parts,
        root=root,
        title=str(root),
        options=options or CheckOptions(),
        seen=seen,
    )


def _samples(part: str, side: Labelled) -> Iterator[Sample]:
    return (Sample(part, name, label) for name, label in zip(side.names, side.labels, strict=True))


def _test_samples(root: Path, test: str, classes: tuple[str, ...]) -> Iterator[Sample]:
    items = read_test(root, test, classes)
    for name, label in zip(items.names, items.labels.tolist(), strict=True):
        yield Sample("test", name, None if label == UNLABELLED else classes[label])
