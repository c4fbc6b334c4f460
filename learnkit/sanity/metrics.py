"""Numbers of an epoch that are none. Knows no model."""

import math
from collections.abc import Mapping

from learnkit.sanity.kept import BadBatch
from learnkit.sanity.names import few
from learnkit.types import BatchLoader


def not_finite(
    metrics: Mapping[str, float],
    epoch: int,
    *,
    bad: BadBatch | None = None,
    loader: BatchLoader | None = None,
) -> str | None:
    """Say which numbers of an epoch are NaN or infinite, or None.

    Args:
        metrics: the epoch's numbers so far.
        epoch: counted from 1.
        bad: the first batch of validation with such a loss.
        loader: names its samples.
    """
    wrong = [f"{name} is {value}" for name, value in metrics.items() if not math.isfinite(value)]
    if not wrong:
        return None
    if bad is None or loader is None:
        return (
            f"{few(wrong)} in epoch {epoch}. Such a number is never an improvement, so nothing "
            "that watches it saves or stops; look for a division by zero, or a class without "
            "samples."
        )
    samples = few([loader.describe(index) for index in bad.indices.tolist()])
    return (
        f"{few(wrong)} in epoch {epoch}, from validation batch {bad.number} on: {samples}. Look at "
        "these samples and at what the model gives for them; precision='fp32' tells whether the "
        "number format is at fault."
    )
