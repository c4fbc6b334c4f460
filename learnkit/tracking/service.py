"""The few words that every service which keeps runs understands."""

from collections.abc import Mapping
from typing import Literal, Protocol, TypeAlias

from learnkit.tracking.settings import Settings

Status: TypeAlias = Literal["finished", "failed", "killed"]


class Service(Protocol):
    """Keeps the points of one run at a time. Any method may raise whatever it likes."""

    @property
    def purges(self) -> bool:
        """Whether `open` takes away the points of a run from ``step`` on."""

    def open(self, key: str, *, goes_on: bool, settings: Settings, step: int) -> str:
        """Open a run and return the name that the service has for it.

        Args:
            key: of the run, 32 hexadecimal digits.
            goes_on: the run with this key has points up to ``step``; it may yet be missing, when
                the process was killed before it was opened.
            settings: to keep with it.
            step: that the run is at.
        """

    def send(self, step: int, numbers: Mapping[str, float]) -> None:
        """Add the numbers of a step."""

    def close(self, status: Status, reason: str) -> None:
        """End the run; ``reason`` says why, or is empty."""
