"""The losses of a running fit as lines over epochs, point by point."""

from learnkit.curves import Line


class LiveLosses:
    """Gathers points while a fit runs: the loss between two looks, and the numbers of its rows."""

    def __init__(self) -> None:
        self._looks: tuple[list[float], list[float]] = ([], [])
        self._rows: dict[str, tuple[list[float], list[float]]] = {
            "train_loss": ([], []),
            "valid_loss": ([], []),
        }
        self._total, self._batches = 0.0, 0

    def open_phase(self) -> None:
        """Begin a phase: its mean loss starts anew."""
        self._total, self._batches = 0.0, 0

    def look(self, place: float, mean: float, batches: int) -> None:
        """Add the mean loss of the batches since the last look.

        Args:
            place: in epochs, from 0.
            mean: of the phase up to now.
            batches: of the phase up to now.
        """
        new = batches - self._batches
        if new > 0:
            self._looks[0].append(place)
            self._looks[1].append((mean * batches - self._total) / new)
            self._total, self._batches = mean * batches, batches

    def row(self, epoch: int, name: str, value: float | None) -> None:
        """Add an epoch's number, epochs from 1; None adds nothing."""
        if value is not None and name in self._rows:
            self._rows[name][0].append(epoch)
            self._rows[name][1].append(value)

    def lines(self) -> list[Line]:
        """Return what there is to draw."""
        places, losses = self._looks
        found = [Line(name="while training", x=places, y=losses, faint=True)]
        found += [Line(name=name, x=x, y=y, marked=True) for name, (x, y) in self._rows.items()]
        return [line for line in found if len(line.y)]
