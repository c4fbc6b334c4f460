"""A report as lines for a terminal."""

from collections.abc import Iterator, Sequence
from typing import Final

from learnkit.data.doctor.balance import ClassCounts
from learnkit.data.doctor.finding import KINDS, Finding, Kind, Severity, counted
from learnkit.data.skipped import printable

AT_MOST: Final = 3
_CLASSES: Final = 20

# Of these there is a finding for each group of files, and a line for each under this one; of the
# others one finding says it all.
_HEADINGS: Final[dict[Kind, str]] = {
    "unreadable": "training leaves them out",
    "leak": "the same in two parts: trained on, and measured on",
    "near leak": "nearly the same in two parts (of 256 bits, so many differ)",
    "conflict": "the same under two labels",
    "near conflict": "nearly the same under two labels",
    "copies": "the same more than once",
    "near copies": "nearly the same in one part",
}


def table_of_classes(counts: ClassCounts) -> list[str]:
    """Return a row for each class; of more than 20, the largest and the smallest ones."""
    rows = [(name, row) for name, row in zip(counts.classes, counts.counts, strict=True)]
    if len(rows) > _CLASSES:
        rows.sort(key=lambda row: -row[1][0])
        left_out = (f"... {len(rows) - _CLASSES:,} more", ())
        rows = [*rows[: _CLASSES // 2], left_out, *rows[-_CLASSES // 2 :]]
    if any(counts.unlabelled):
        rows.append(("no class" if rows else "samples", counts.unlabelled))
    if counts.classes or not rows:
        rows.append(("total", counts.totals))
    names = [printable(name) for name, _ in rows]
    width = max(len("class"), *map(len, names))
    cells = [tuple(f"{n:,}" for n in row) for _, row in rows]
    columns = [
        max(7, len(part), *(len(c[i]) for c in cells if c)) for i, part in enumerate(counts.parts)
    ]
    head = "class" if counts.classes else ""
    lines = [(head, counts.parts), *zip(names, cells, strict=True)]
    return [
        name.ljust(width) + "".join(c.rjust(w + 1) for c, w in zip(row, columns, strict=False))
        for name, row in lines
    ]


def table_of_findings(findings: Sequence[Finding], *, at_most: int | None = AT_MOST) -> list[str]:
    """Return a line for each kind of finding, errors first, and the first of each kind.

    Args:
        findings: all of them.
        at_most: how many of a kind; None shows all.
    """
    lines: list[str] = []
    for severity in ("error", "warning", "info"):
        for kind in KINDS:
            some = [f for f in findings if f.kind == kind and f.severity == severity]
            if some:
                lines += _of_kind(severity, kind, some, at_most)
    return lines


def _of_kind(
    severity: Severity, kind: Kind, found: list[Finding], at_most: int | None
) -> Iterator[str]:
    heading = _HEADINGS.get(kind)
    if heading is None:
        for finding in found:
            yield f"{severity:<8} {kind:<14} {printable(finding.words)}"
        return
    yield f"{severity:<8} {kind:<14} {len(found):,}: {heading}"
    kept = found[:at_most]
    for finding in kept:
        yield f"  {printable(finding.words)}"
    if len(found) > len(kept):
        yield f"  ... and {len(found) - len(kept):,} more"


def summary(findings: Sequence[Finding]) -> str:
    """Return ``2 errors, 1 warning``."""
    n = dict.fromkeys(("error", "warning", "info"), 0)
    for finding in findings:
        n[finding.severity] += 1
    if not n["error"] + n["warning"]:
        return "no errors, no warnings"
    return (
        f"{counted(n['error'], 'error', 'errors')}, {counted(n['warning'], 'warning', 'warnings')}"
    )
