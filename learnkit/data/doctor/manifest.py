"""The list of what lies in a quarantine: JSON, true at every instant, read with suspicion."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, TypeAlias, get_args

from learnkit.data.member import leads_out
from learnkit.errors import CheckpointError, DataError
from learnkit.files import write_file
from learnkit.regular_file import open_regular, size_of
from learnkit.version import __version__

State: TypeAlias = Literal["moving", "aside", "left", "back", "gone"]

FORMAT: Final = 1
NAME: Final = "manifest.json"
_LARGEST: Final = 256 << 20  # bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One file of a quarantine.

    Attributes:
        source: where it was, relative to the folder checked, with ``/``.
        target: where it is put, relative to the folder of the manifest.
        why: the words of the finding.
        kind: the kind of the finding.
        sha256: of its bytes, None where they could not be read.
        when: of this entry's state: ISO 8601, UTC.
        state: ``"moving"``: at one of both places, look; ``"aside"``: at ``target``; ``"left"``:
            still at ``source``; ``"back"``: at ``source`` again; ``"gone"``: at neither.
        problem: why it was left, or not put back.
    """

    source: str
    target: str
    why: str
    kind: str
    sha256: str | None
    when: str
    state: State = "moving"
    problem: str = ""


def write_manifest(folder: Path, entries: Sequence[Entry]) -> None:
    """Write the list into ``folder``, flushed to the disk, replacing the one there at once.

    Raises:
        DataError: when it cannot be written; the one that was there is untouched.
    """
    document = {
        "format": FORMAT,
        "learnkit": __version__,
        "files": [_as_json(entry) for entry in entries],
    }
    try:
        write_file(folder / NAME, json.dumps(document, indent=1).encode())
    except CheckpointError as error:
        raise DataError(f"The list of what is moved could not be written: {error}") from error


def read_manifest(folder: Path) -> list[Entry]:
    """Read the list of a quarantine.

    Raises:
        DataError: when it is missing or damaged, or names a place outside.
    """
    path = folder / NAME
    try:
        with open_regular(path) as file:
            if size_of(file) > _LARGEST:
                raise DataError(f"{path} is larger than {_LARGEST >> 20} MiB; it was not read.")
            document = json.loads(file.read(_LARGEST))
        number, files = document["format"], list(document["files"])
        if number != FORMAT:
            raise DataError(f"{path} has format {number}; this learnkit reads format {FORMAT}.")
        return [_entry(values) for values in files]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path} is damaged ({type(error).__name__}: {error}).") from error


_NAMES: Final = {"source": "from", "target": "to"}


def _as_json(entry: Entry) -> dict[str, Any]:
    return {_NAMES.get(name, name): value for name, value in asdict(entry).items()}


def _entry(values: dict[str, Any]) -> Entry:
    sha = values["sha256"]
    if sha is not None and not isinstance(sha, str):
        raise ValueError(f"sha256 is {sha!r}")
    if values["state"] not in get_args(State):
        raise ValueError(f"state is {values['state']!r}")
    texts = {name: values[_NAMES.get(name, name)] for name in Entry.__dataclass_fields__}
    for name, value in texts.items():
        if name != "sha256" and not isinstance(value, str):
            raise ValueError(f"{name} is {value!r}")
    for name in ("source", "target"):
        check_inside(texts[name])
    return Entry(**texts)


def check_inside(name: str) -> None:
    """Raise ValueError unless a name leads to a place inside of the folder it starts from."""
    path = PurePosixPath(name)
    if leads_out(path, name) or not path.parts or "\0" in name:
        raise ValueError(f"{name!r} leads out of the folder")
