"""Check image files: everything that the doctor knows, over labelled files of all parts."""

from collections.abc import Sequence
from pathlib import Path

from learnkit.data.doctor.alike import find_alike
from learnkit.data.doctor.balance import count_classes, find_uneven
from learnkit.data.doctor.copies import find_copies
from learnkit.data.doctor.faults import find_faults
from learnkit.data.doctor.finding import Sample
from learnkit.data.doctor.look import HashOf, Seen, look_at_all
from learnkit.data.doctor.options import CheckOptions
from learnkit.data.doctor.phash import load_hasher
from learnkit.data.doctor.report import DataReport
from learnkit.errors import MissingExtraError


def check_files(
    samples: Sequence[Sample],
    parts: Sequence[str],
    *,
    root: Path,
    title: str,
    classes: Sequence[str] = (),
    options: CheckOptions,
    seen: Seen | None = None,
) -> DataReport:
    """Read every file once and say what is wrong.

    Args:
        samples: the files, with names relative to ``root`` (or absolute). One that is listed twice
            in a part under one label counts once.
        parts: ``("train", "valid")`` and the like, in the order of the table.
        root: the folder.
        title: what the report is of.
        classes: in the model's order, where they are known.
        options: the limits.
        seen: called once in a while, to show how far it is.
    """
    samples = list(dict.fromkeys(samples))
    hash_of, notes = _hasher(options.near)
    looks = look_at_all(root, [sample.name for sample in samples], hash_of, seen=seen)
    digests = [look.sha256 if look.problem is None else None for look in looks]
    copies = find_copies(samples, digests, root)
    counts = count_classes(samples, parts, classes)
    findings = [
        *find_faults(samples, looks, options),
        *copies.findings,
        *(find_alike(samples, looks, copies.kept, options.near or 0) if hash_of else ()),
        *find_uneven(counts, options.max_imbalance),
    ]
    return DataReport(title=title, root=root, counts=counts, findings=tuple(findings), notes=notes)


def _hasher(near: int | None) -> tuple[HashOf | None, tuple[str, ...]]:
    """Return what computes hashes, or a note that says why nothing does."""
    if near is None:
        return None, ()
    try:
        return load_hasher(), ()
    except MissingExtraError as error:
        return None, (f"Near duplicates were not looked for. {error}",)
