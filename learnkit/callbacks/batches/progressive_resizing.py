"""Begin with small photos and end with whole ones."""

from torch import Tensor
from torch.nn.functional import interpolate
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.state import State
from learnkit.types import Batch


class ProgressiveResizing(Callback):
    """Train on photos that grow over the fit: the early epochs take a fraction of the time.

    Howard's progressive resizing (Howard and Gugger 2020, Deep Learning for Coders, ch. 7), with
    sizes that grow evenly, as in EfficientNetV2 (Tan and Le 2021, arXiv 2104.00298, sec. 4). The
    batch is made smaller on the device, bilinearly and antialiased, after augmentation. Validation
    always sees whole photos. The model must take any size, as convolutional nets do.

    Args:
        start: size of the first photos, as a fraction of whole ones per side, in (0, 1].
        until: fraction of the fit, in steps, after which photos are whole, in [0, 1].
        multiple_of: pixels; sides are rounded to multiples of it, so that few sizes occur.

    Raises:
        ValueError: when an option is out of range.
        DataError: at the first batch, when x is not (B, C, H, W), or targets are maps of its size.

    Example:
        ``learn.fit_one_cycle(10, callbacks=ProgressiveResizing(0.5, until=0.75))``
    """

    @checked_keywords
    def __init__(self, start: float = 0.5, *, until: float = 0.75, multiple_of: int = 32) -> None:
        if not (_is_number(start) and 0 < start <= 1):
            raise ValueError(
                "ProgressiveResizing(): start must be a fraction of a whole photo's side in "
                f"(0, 1], found {start!r}."
            )
        if not (_is_number(until) and 0 <= until <= 1):
            raise ValueError(
                "ProgressiveResizing(): until must be a fraction of the fit in [0, 1], found "
                f"{until!r}."
            )
        whole = isinstance(multiple_of, int) and not isinstance(multiple_of, bool)
        if not (whole and multiple_of >= 1):
            raise ValueError(
                "ProgressiveResizing(): multiple_of must be a whole number of at least 1, found "
                f"{multiple_of!r}."
            )
        self.start = start
        self.until = until
        self.multiple_of = multiple_of

    def size_at(self, fraction: float, full: int) -> int:
        """Return the pixels of a side when ``fraction`` of the fit is done.

        Args:
            fraction: in [0, 1].
            full: pixels of the whole photo's side.
        """
        if fraction >= self.until:
            return full
        scale = self.start + (1 - self.start) * fraction / self.until
        step = self.multiple_of
        return min(full, max(step, round(full * scale / step) * step))

    @override
    def before_batch(self, state: State) -> None:
        if not state.training:
            return
        x, y = state.batch
        _check(x, y)
        height, width = x.shape[-2:]
        fraction = state.progress.fraction
        size = self.size_at(fraction, height), self.size_at(fraction, width)
        if size == (height, width):
            # another tensor here too: else a frozen body would remember features from here on, in
            # batches that a fit that goes on from a checkpoint does not know
            smaller = x.view_as(x)
        else:
            smaller = interpolate(x, size, mode="bilinear", antialias=True)
        state.batch = Batch(smaller, y)


def _check(x: object, y: object) -> None:
    if not (isinstance(x, Tensor) and x.ndim == 4 and x.is_floating_point()):
        found = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else f"type {type(x).__name__}"
        if isinstance(x, Tensor) and x.ndim == 4:
            found = f"dtype {str(x.dtype).removeprefix('torch.')}"
        raise DataError(
            f"ProgressiveResizing changes photos, floats x (B, C, H, W); found x of {found}. "
            "Leave it out for other data."
        )
    if isinstance(y, Tensor) and y.ndim > 2 and y.shape[-2:] == x.shape[-2:]:
        raise DataError(
            f"ProgressiveResizing would leave targets of shape {tuple(y.shape)} as large as they "
            "are; it takes one target a photo. Leave it out for targets that are maps."
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
