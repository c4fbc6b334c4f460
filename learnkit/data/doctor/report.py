"""What a check of data returns."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from learnkit.data.doctor.balance import ClassCounts
from learnkit.data.doctor.finding import Aside, Finding, Kind, counted
from learnkit.data.doctor.table import (
    AT_MOST,
    summary,
    table_of_classes,
    table_of_findings,
)
from learnkit.data.skipped import printable


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class DataReport:
    """What is wrong with data; ``print(report)`` shows it as a table.

    Attributes:
        title: what was checked.
        root: the folder that names of files start from; None where there are no files.
        counts: samples by class and part.
        findings: everything found.
        notes: what was not looked for, and why.
    """

    title: str
    root: Path | None
    counts: ClassCounts
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Leaks, files that cannot be read, and values that no model can learn from."""
        return tuple(found for found in self.findings if found.severity == "error")

    def of(self, *kinds: Kind) -> tuple[Finding, ...]:
        """Return the findings of some kinds."""
        return tuple(found for found in self.findings if found.kind in kinds)

    @property
    def asides(self) -> tuple[tuple[Aside, Finding], ...]:
        """The files that ``--fix`` moves, each once, with the first finding that asks for it."""
        found: dict[str, tuple[Aside, Finding]] = {}
        for finding in self.findings:
            for aside in finding.aside:
                found.setdefault(aside.file, (aside, finding))
        return tuple(found.values())

    def table(self, *, at_most: int | None = AT_MOST) -> str:
        """Return the report as lines for a terminal.

        Args:
            at_most: how many findings of a kind are shown; None shows all.
        """
        found = table_of_findings(self.findings, at_most=at_most)
        parts = [
            [printable(self._headline())],
            table_of_classes(self.counts),
            found,
            [*self.notes, summary(self.findings)],
        ]
        return "\n\n".join("\n".join(lines) for lines in parts if lines)

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return {
            "root": None if self.root is None else str(self.root),
            "parts": dict(zip(self.counts.parts, self.counts.totals, strict=True)),
            "classes": {
                name: dict(zip(self.counts.parts, row, strict=True))
                for name, row in zip(self.counts.classes, self.counts.counts, strict=True)
            },
            "findings": [
                {
                    "kind": found.kind,
                    "severity": found.severity,
                    "files": list(found.files),
                    "words": found.words,
                    "aside": [aside.file for aside in found.aside],
                }
                for found in self.findings
            ],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"DataReport({self._headline()}; {summary(self.findings)})"

    def _headline(self) -> str:
        one, many = ("sample", "samples") if self.root is None else ("photo", "photos")
        n = counted(sum(self.counts.totals), one, many)
        classes = counted(len(self.counts.classes), "class", "classes")
        return f"{self.title}: {n}" + (f" of {classes}" if self.counts.classes else "")
