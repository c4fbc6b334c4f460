"""Map-style torch datasets and arrays as the two sides of a bunch."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from torch import Tensor
from torch.utils.data import Dataset, Subset, TensorDataset

from learnkit.data.dataset_loader import DatasetLoader
from learnkit.data.numbers import input_numbers
from learnkit.data.samples import Samples, Split, check_one_way, divided, split_name
from learnkit.data.sampling import Sampling, weights_of
from learnkit.data.split import held_out_words, split_random
from learnkit.data.targets import known_targets
from learnkit.data.warn import warn_user
from learnkit.errors import DataError
from learnkit.randomness import FloatArray

ArrayLike: TypeAlias = Tensor | npt.NDArray[Any] | Sequence[Any]


def tensor_dataset(x: ArrayLike, y: Tensor) -> TensorDataset:
    """Pair inputs with targets; float64 becomes float32.

    Raises:
        DataError: when they are not equally long; for inputs that are no finite numbers.
    """
    values = input_numbers(x)
    if len(values) != len(y):
        raise DataError(f"x and y must be equally long: found {len(values)} and {len(y)}.")
    return TensorDataset(values, y)


def hold_out(
    train: Dataset[Any],
    valid: Dataset[Any] | None,
    valid_pct: float | None,
    seed: int,
    *,
    option: str = "valid_ds",
    split: Split | None = None,
    samples: Callable[[], Samples] | None = None,
) -> tuple[Dataset[Any], Dataset[Any]]:
    """Return both sides.

    Args:
        train: what is trained on, and divided where ``valid`` is None.
        valid: what is validated on.
        valid_pct: the fraction that is held out at random; 0.2 by default.
        seed: of that.
        option: how the user gave ``valid``.
        split: another way to divide ``train``.
        samples: what is told to ``split``.

    Raises:
        DataError: when two of them are given, or a dataset is empty or has no length.
    """
    for name, dataset in (("training", train), ("validation", valid)):
        if dataset is not None and not hasattr(dataset, "__len__"):
            raise DataError(
                f"The {name} dataset {type(dataset).__name__} has no length. Give a map-style "
                "dataset, or a DataLoader to from_dls."
            )
        if dataset is not None and not len(dataset):
            raise DataError(f"The {name} dataset is empty.")
    if valid is not None:
        if valid_pct is not None:
            raise DataError(f"{option} and valid_pct={valid_pct:g} were both given: give one.")
        if split is not None:
            raise DataError(f"{option} and split were both given: give one.")
        return train, valid
    n: int = len(train)  # type: ignore[arg-type]
    if split is not None:
        check_one_way(valid_pct=valid_pct)
        kept, held = divided(Samples(n) if samples is None else samples(), split)
    else:
        kept, held = split_random(n, 0.2 if valid_pct is None else valid_pct, seed)
    return (
        Subset(train, kept.tolist()),
        Subset(train, held.tolist()),
    )


def weights_of_side(
    sampling: Sampling, side: Dataset[Any], whole: Callable[[], Samples]
) -> FloatArray | None:
    """Return how often each training sample comes; see ``weights_of``.

    Args:
        sampling: the user's.
        side: what `hold_out` gave to train on.
        whole: all samples that it was taken from.
    """
    if sampling is None:
        return None
    samples = whole()
    if not isinstance(side, Subset) or samples.n == len(side):
        return weights_of(sampling, samples)
    kept = np.asarray(side.indices, dtype=np.int64)
    return weights_of(sampling, samples.take(kept), kept, samples.n)


def samples_of(dataset: Dataset[Any], names: Sequence[str] | None) -> Samples:
    """Return what is known of a dataset's samples without loading one."""
    n: int = len(dataset)  # type: ignore[arg-type]
    targets = known_targets(dataset)
    if targets is None or (names is not None and max(targets, default=-1) >= len(names)):
        return Samples(n)
    return Samples(n, [names[t] if names else str(t) for t in targets])


def split_words(
    valid: object, valid_pct: float | None, seed: int, split: Split | None = None
) -> str:
    """Say how `hold_out` came to its two sides."""
    if valid is not None:
        return "as given"
    if split is not None:
        return split_name(split)
    return held_out_words(0.2 if valid_pct is None else valid_pct, seed, stratified=False)


def dataset_loaders(
    train: Dataset[Any],
    valid: Dataset[Any],
    batch_size: int,
    num_workers: int | None,
    seed: int,
    weights: FloatArray | None = None,
) -> tuple[DatasetLoader, DatasetLoader]:
    """Return the loaders of two datasets."""
    warn_if_few(len(train), batch_size)  # type: ignore[arg-type]
    return (
        DatasetLoader(
            train,
            batch_size=batch_size,
            shuffle=True,
            seed=seed,
            num_workers=num_workers,
            weights=weights,
        ),
        DatasetLoader(
            valid, batch_size=batch_size, shuffle=False, seed=seed, num_workers=num_workers
        ),
    )


def warn_if_few(n: int, batch_size: int) -> None:
    """Say so when there is less to train on than one batch."""
    if n < batch_size:
        warn_user(
            f"There are fewer training samples ({n}) than batch_size={batch_size}: "
            f"each epoch is one batch of {n}."
        )
