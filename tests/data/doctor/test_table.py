"""What a terminal shows."""

from learnkit.data.doctor.balance import ClassCounts
from learnkit.data.doctor.finding import KINDS, Finding
from learnkit.data.doctor.table import summary, table_of_classes, table_of_findings
from learnkit.data.skipped import printable


def counts_of(rows, unlabelled=(0, 0)):
    return ClassCounts(
        classes=tuple(rows),
        parts=("train", "valid"),
        counts=tuple(rows.values()),
        unlabelled=unlabelled,
    )


def found(kind, severity, words, n=1):
    return Finding(kind=kind, severity=severity, files=("x",) * n, words=words)


def test_each_class_has_a_row():
    assert table_of_classes(counts_of({"cat": (1200, 3), "dog": (7, 0)}, (0, 2))) == [
        "class      train   valid",
        "cat        1,200       3",
        "dog            7       0",
        "no class       0       2",
        "total      1,207       5",
    ]


def test_targets_that_are_no_classes_lack_none():
    assert table_of_classes(counts_of({}, (240, 60))) == [
        "          train   valid",
        "samples     240      60",
    ]


def test_of_many_classes_the_largest_and_the_smallest_are_shown():
    lines = table_of_classes(counts_of({f"c{n}": (n, 1) for n in range(100)}))
    assert len(lines) == 23
    assert lines[1].split() == ["c99", "99", "1"]
    assert lines[10:12] == ["c90              90       1", "... 80 more"]
    assert lines[21].split() == ["c0", "0", "1"]
    assert lines[22].split() == ["total", "4,950", "100"]


def test_errors_come_first_and_of_many_the_first_are_shown():
    findings = [
        found("rotated", "info", "2 photos turned"),
        *(found("copies", "warning", f"{n} = {n}") for n in range(5)),
        found("leak", "error", "a = b"),
        found("unreadable", "error", "c cannot be read."),
    ]
    assert table_of_findings(findings) == [
        "error    unreadable     1: training leaves them out",
        "  c cannot be read.",
        "error    leak           1: the same in two parts: trained on, and measured on",
        "  a = b",
        "warning  copies         5: the same more than once",
        "  0 = 0",
        "  1 = 1",
        "  2 = 2",
        "  ... and 2 more",
        "info     rotated        2 photos turned",
    ]
    assert "  4 = 4" in table_of_findings(findings, at_most=None)
    assert "  ... and 2 more" not in table_of_findings(findings, at_most=None)


def test_no_kind_is_wider_than_its_column():
    lines = [table_of_findings([found(kind, "warning", "words")])[0] for kind in KINDS]
    assert {line[:9] for line in lines} == {"warning  "}
    assert {line[23] for line in lines} == {" "}
    assert all(line[24] != " " for line in lines)


def test_the_last_line_counts():
    assert summary([]) == "no errors, no warnings"
    assert summary([found("rotated", "info", "")]) == "no errors, no warnings"
    assert summary([found("leak", "error", "")]) == "1 error, 0 warnings"
    assert summary([found("tiny", "warning", "")] * 2) == "0 errors, 2 warnings"


def test_a_name_cannot_move_the_cursor_or_break_the_line():
    assert printable("naïve 猫.jpg") == "naïve 猫.jpg"
    assert printable("a\x1b[2Jb\nc\udcff.jpg") == r"a\x1b[2Jb\nc\udcff.jpg"
    (_, line) = table_of_findings([found("leak", "error", "a\n = b")])
    assert line == r"  a\n = b"
