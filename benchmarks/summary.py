"""From the records of all runs to rows, and from rows to a table. Knows no workload."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]  # one case of one process, with workload, contender and pair
Row = dict[str, Any]

OURS = "learnkit"
WORDS = ("workload", "case", "contender")
HEADER = (*WORDS, "wall s", "CPU s", "RSS MB", "PSS MB", "accuracy", "x learnkit", "spread")


def ratios(ours: Mapping[int, float], theirs: Mapping[int, float]) -> list[float]:
    """Return theirs / ours for each pair that both finished, in the order of the pairs."""
    both = sorted(ours.keys() & theirs.keys())
    return [theirs[pair] / ours[pair] for pair in both if ours[pair] > 0]


def summarise(records: Iterable[Record]) -> list[Row]:
    """Return a row for each case and contender: medians, and ratios by pairs."""
    groups: dict[tuple[str, str], dict[str, list[Record]]] = {}
    for record in records:
        group = groups.setdefault((record["workload"], record["case"]), {})
        group.setdefault(record["contender"], []).append(record)
    return [
        {"workload": workload, "case": case, "contender": contender}
        | _numbers(mine, group.get(OURS, []))
        for (workload, case), group in groups.items()
        for contender, mine in group.items()
    ]


def _numbers(mine: Sequence[Record], ours: Sequence[Record]) -> Row:
    wall = ratios(_by_pair(ours, "wall"), _by_pair(mine, "wall"))
    cpu = ratios(_by_pair(ours, "cpu"), _by_pair(mine, "cpu"))
    return {
        "pairs": len(mine),
        "wall": _median(mine, "wall"),
        "cpu": _median(mine, "cpu"),
        "peak_rss_mb": _median(mine, "peak_rss_mb"),
        "peak_pss_mb": _median(mine, "peak_pss_mb"),
        "accuracy": _mean(mine, "accuracy"),
        "precision": next((r["precision"] for r in mine if r.get("precision")), ""),
        "details": _details(mine),
        "ratio": statistics.median(wall) if wall else None,
        "ratio_min": min(wall, default=None),
        "ratio_max": max(wall, default=None),
        "cpu_ratio": statistics.median(cpu) if cpu else None,
    }


def _by_pair(records: Iterable[Record], name: str) -> dict[int, float]:
    return {record["pair"]: record[name] for record in records}


def _values(records: Iterable[Record], name: str) -> list[float]:
    return [record[name] for record in records if record.get(name) is not None]


def _median(records: Iterable[Record], name: str) -> float | None:
    values = _values(records, name)
    return statistics.median(values) if values else None


def _mean(records: Iterable[Record], name: str) -> float | None:
    """Return the mean; of accuracies over seeds a median would hide a bad one."""
    values = _values(records, name)
    return statistics.fmean(values) if values else None


def _details(records: Sequence[Record]) -> dict[str, float | None]:
    parts = [record.get("details") or {} for record in records]
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: _median(parts, name) for name in names}


def table(rows: Iterable[Row]) -> str:
    """Return the rows as text in columns; a repeated workload or case is left blank."""
    lines: list[Sequence[str]] = [HEADER]
    before: tuple[str, str] = ("", "")
    for row in rows:
        place = (row["workload"], row["case"])
        shown = ["" if place[:1] == before[:1] else place[0], "" if place == before else place[1]]
        lines.append([*shown, row["contender"], *_cells(row)])
        before = place
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
    return "\n".join(_aligned(line, widths) for line in lines)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(
        cell.ljust(width) if i < len(WORDS) else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ).rstrip()


def _cells(row: Row) -> list[str]:
    spread = "-"
    if row["ratio"] is not None:
        spread = f"{row['ratio_min']:.2f}..{row['ratio_max']:.2f}"
    return [
        _number(row["wall"], 3),
        _number(row["cpu"], 3),
        _number(row["peak_rss_mb"], 0),
        _number(row["peak_pss_mb"], 0),
        _number(row["accuracy"], 4),
        _number(row["ratio"], 2),
        spread,
    ]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
