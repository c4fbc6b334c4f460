"""What was seen of one set of data, over all fits on it."""

from collections.abc import Mapping, Sequence
from typing import Any

from learnkit.sanity.images import same_images
from learnkit.sanity.labels import LabelWatch
from learnkit.types import BatchLoader


class SeenData:
    """The labels of two loaders, and whether their files were compared.

    Args:
        classes: the classes' names.

    Attributes:
        labels: what came so far.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = classes
        self._loaders: tuple[BatchLoader | None, BatchLoader | None] = None, None
        self._compared = False
        self.labels = LabelWatch(classes)

    def begin(self, train_dl: BatchLoader | None, valid_dl: BatchLoader | None) -> None:
        """Begin a fit: on with the same loaders, anew with others."""
        if self._loaders[0] is not train_dl or self._loaders[1] is not valid_dl:
            self.labels, self._compared = LabelWatch(self._classes), False
        self._loaders = train_dl, valid_dl
        self.labels.begin_epoch()
        self.labels.batch_size = train_dl.batch_size if train_dl is not None else 1

    def same_images(self) -> str | None:
        """Compare the files of both sides, the first time that this is asked."""
        first, self._compared = not self._compared, True
        return same_images(*self._loaders) if first else None

    def state_dict(self) -> dict[str, Any]:
        """Return what was seen, as plain values."""
        return {"compared": self._compared, "labels": self.labels.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned, about the loaders of this fit."""
        self._compared = bool(state["compared"])
        self.labels.load_state_dict(state["labels"])
