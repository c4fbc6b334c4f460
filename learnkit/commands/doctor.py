"""``learnkit doctor``: what is wrong with a folder of photos, and moving it aside."""

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from learnkit.data.doctor.finding import Finding, counted
from learnkit.data.doctor.folders import check_folder
from learnkit.data.doctor.look import Seen
from learnkit.data.doctor.options import CheckOptions
from learnkit.data.doctor.quarantine import FOLDER, Moved, move_aside
from learnkit.data.doctor.report import DataReport
from learnkit.data.doctor.table import AT_MOST
from learnkit.data.doctor.undo import put_back
from learnkit.data.skipped import printable
from learnkit.display import make_display

BAD_DATA = 1


def run(args: Namespace) -> int:
    """Check, print, move if asked to; return 1 while there are leaks or unreadable files."""
    if args.undo is not None:
        return _undo(args)
    options = CheckOptions(
        near=args.near,
        min_side=args.min_side,
        max_aspect=args.max_aspect,
        max_imbalance=args.max_imbalance,
    )
    with _bar() as seen:
        report = check_folder(
            args.path,
            train=args.train,
            valid=args.valid,
            test=args.test,
            valid_pct=args.valid_pct,
            seed=args.seed,
            options=options,
            seen=seen,
        )
    if not args.json:
        print(report.table(at_most=None if args.all else AT_MOST))
    moved = move_aside(report) if args.fix else None
    if args.json:
        print(json.dumps(report.as_json() | ({} if moved is None else _as_json(moved)), indent=1))
    else:
        _say_moved(args.path, report, moved)
    done = set(moved.done if moved is not None else ())
    return BAD_DATA if any(not _is_settled(found, done) for found in report.errors) else 0


@contextmanager
def _bar() -> Iterator[Seen | None]:
    """Draw a bar while files are looked at, if somebody is watching."""
    if not sys.stderr.isatty():
        yield None
        return
    display = make_display("terminal", sys.stderr)
    opened = False

    def seen(done: int, total: int) -> None:
        nonlocal opened
        if not opened:
            display.open_bar(total, title="photos")
            opened = True
        display.move_bar(done, "")

    try:
        yield seen
    finally:
        display.close()


def _is_settled(found: Finding, done: set[str]) -> bool:
    """Say whether what was moved leaves nothing of a finding: of duplicates one may stay."""
    left = [name for name in found.files if name not in done]
    return len(left) <= (0 if found.kind == "unreadable" else 1)


def _as_json(moved: Moved) -> dict[str, Any]:
    return {
        "quarantine": str(moved.folder),
        "moved": list(moved.done),
        "left": [{"file": name, "problem": problem} for name, problem in moved.left],
    }


def _say_moved(path: str, report: DataReport, moved: Moved | None) -> None:
    n = len(report.asides)
    if moved is None:
        if n:
            print(
                f"learnkit doctor {printable(path)} --fix moves {counted(n, 'file', 'files')} to "
                f"{printable(str(report.root))}/{FOLDER}; --undo puts back."
            )
        return
    if not n:
        print("nothing to move")
        return
    _say_left(moved)
    print(
        f"{counted(len(moved.done), 'file', 'files')} moved to {printable(str(moved.folder))}; "
        f"to put back: learnkit doctor {printable(path)} --undo"
    )


def _say_left(moved: Moved) -> None:
    for name, problem in moved.left:
        print(f"learnkit doctor: {printable(name)} stays: {problem}.", file=sys.stderr)


def _undo(args: Namespace) -> int:
    moved = put_back(args.path, args.undo or None)
    _say_left(moved)
    folder = printable(str(moved.folder))
    print(f"{counted(len(moved.done), 'file', 'files')} put back from {folder}")
    return BAD_DATA if moved.left else 0
