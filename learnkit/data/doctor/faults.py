"""What single files tell: unreadable, wrongly named, tiny, stretched, blank, turned."""

from collections.abc import Sequence

from learnkit.data.doctor.finding import Aside, Finding, Sample, counted
from learnkit.data.doctor.formats import promised_format
from learnkit.data.doctor.look import Look
from learnkit.data.doctor.options import CheckOptions


def find_faults(
    samples: Sequence[Sample], looks: Sequence[Look], options: CheckOptions
) -> list[Finding]:
    """Find what is wrong with single files; one finding for all of a kind but the unreadable."""
    pairs = list(zip(samples, looks, strict=True))
    return [
        *_unreadable(pairs),
        *_extensions(pairs),
        *_tiny(pairs, options.min_side),
        *_extreme(pairs, options.max_aspect),
        *_blank(pairs),
        *_rotated(pairs),
    ]


_Pairs = list[tuple[Sample, Look]]


def _unreadable(pairs: _Pairs) -> list[Finding]:
    return [
        Finding(
            kind="unreadable",
            severity="error",
            files=(sample.name,),
            words=look.problem,
            aside=(Aside(sample.name, look.sha256),),
        )
        for sample, look in pairs
        if look.problem is not None
    ]


def _extensions(pairs: _Pairs) -> list[Finding]:
    """Group files by what their name promises and what they are; learnkit reads both."""
    groups: dict[tuple[str, str], list[str]] = {}
    for sample, look in pairs:
        promised = promised_format(sample.name)
        if promised is not None and look.format is not None and promised != look.format:
            groups.setdefault((look.format, promised), []).append(sample.name)
    return [
        Finding(
            kind="extension",
            severity="warning",
            files=tuple(names),
            words=f"{counted(len(names), 'file is', 'files are')} {held}, named as {promised}: "
            f"{_first(names)}",
        )
        for (held, promised), names in groups.items()
    ]


def _tiny(pairs: _Pairs, min_side: int) -> list[Finding]:
    sizes = {s.name: look.size for s, look in pairs if look.size and min(look.size) < min_side}
    if not sizes:
        return []
    name = min(sizes, key=lambda name: (min(sizes[name]), max(sizes[name])))
    words = (
        f"{counted(len(sizes), 'photo', 'photos')} with a short side below {min_side} pixels; the "
        f"smallest is {name}, {_size(sizes[name])}"
    )
    return [Finding(kind="tiny", severity="warning", files=tuple(sizes), words=words)]


def _extreme(pairs: _Pairs, max_aspect: float) -> list[Finding]:
    sizes = {s.name: look.size for s, look in pairs if look.size and _aspect(look) > max_aspect}
    if not sizes:
        return []
    name = max(sizes, key=lambda name: max(sizes[name]) / min(sizes[name]))
    words = (
        f"{counted(len(sizes), 'photo', 'photos')} more than {max_aspect:g} times as long as wide; "
        f"the longest is {name}, {_size(sizes[name])}"
    )
    return [Finding(kind="extreme", severity="warning", files=tuple(sizes), words=words)]


def _aspect(look: Look) -> float:
    return 1.0 if look.size is None else max(look.size) / min(look.size)


def _size(size: tuple[int, int]) -> str:
    return f"{size[1]} x {size[0]} pixels"


def _blank(pairs: _Pairs) -> list[Finding]:
    names = [sample.name for sample, look in pairs if look.blank]
    words = f"{counted(len(names), 'photo', 'photos')} of one colour all over: {_first(names)}"
    found = Finding(kind="blank", severity="warning", files=tuple(names), words=words)
    return [found] if names else []


def _rotated(pairs: _Pairs) -> list[Finding]:
    names = [sample.name for sample, look in pairs if look.orientation != 1]
    words = f"{counted(len(names), 'photo', 'photos')} turned by EXIF: {_first(names)}"
    found = Finding(kind="rotated", severity="info", files=tuple(names), words=words)
    return [found] if names else []


def _first(names: list[str]) -> str:
    return names[0] + (", ..." if len(names) > 1 else "") if names else ""
