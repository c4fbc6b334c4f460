"""Ratings of items by users: the learner, and what it has learned of each item by name.

Users import these names from `learnkit` or `learnkit.tabular`.
"""

from collections.abc import Sequence
from typing import Unpack

import torch
from torch import Tensor

from learnkit.data.bunch import DataBunch
from learnkit.data.tabular.category import Category
from learnkit.data.tabular.inputs import TableInputs
from learnkit.errors import DataError, ModelError
from learnkit.inference import Predictor
from learnkit.learner import Learner
from learnkit.learner_options import LearnerOptions
from learnkit.models.collab import CollabModel, collab
from learnkit.names import checked_keywords, did_you_mean
from learnkit.types import Batch, batches_of


@checked_keywords
def collab_learner(
    data: DataBunch,
    *,
    n_factors: int = 50,
    use_nn: bool = False,
    layers: Sequence[int] = (100, 50),
    dropout: float = 0.0,
    y_range: tuple[float, float] | None = None,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """Put factors of users and items on ratings: their dot product and biases, or layers.

    Args:
        data: a `CollabDataBunch`.
        n_factors: numbers that describe each user and each item.
        use_nn: whether layers take the place of the dot product.
        layers: widths of the hidden layers, with ``use_nn``.
        dropout: fraction dropped after each hidden layer, in [0, 1), with ``use_nn``.
        y_range: lowest and highest rating that is predicted. By default from 0 (or the lowest
            rating, where that is negative) to the highest in training and a tenth of the span, so
            that the sigmoid can reach it.
        options: those of `Learner`.

    Raises:
        DataError: when the data is of no ratings.
        ValueError: for an option that cannot be used.

    Example::

        from learnkit.tabular import CollabDataBunch

        rows = {"user": ["Ann", "Bob", "Cid"] * 40, "film": ["Up", "Jaws", "Alien", "Heat"] * 30}
        data = CollabDataBunch.from_df({**rows, "stars": [5, 4, 1, 3, 2] * 24})
        learn = collab_learner(data, n_factors=5)
        learn.fit_one_cycle(2, 5e-3)
        answer = learn.predict({"user": "Ann", "film": "Heat"})
    """
    inputs = table_of(data, "collab_learner", "CollabDataBunch.from_df(df)")
    if not inputs.process.whole:
        raise DataError("collab_learner takes a CollabDataBunch; for tables: tabular_learner.")
    y = training_rows(data).y
    users, items = inputs.process.categories
    ends = y_range if y_range is not None else _range_of(y)
    model = collab(
        users.size,
        items.size,
        n_factors=n_factors,
        layers=tuple(layers) if use_nn else (),
        dropout=dropout,
        y_range=ends,
        seed=seed_of(data, options),
    )
    share = ((y.double().mean() - ends[0]) / (ends[1] - ends[0])).clamp(0.01, 0.99)
    with torch.no_grad():
        model.bias.copy_(torch.logit(share))  # who is not known gets the mean
    return Learner(data, model, **options)


def _range_of(y: Tensor) -> tuple[float, float]:
    low, high = float(y.min()), float(y.max())
    low = min(low, 0.0)
    room = (high - low) / 10 or 1.0
    return (low - room if low < 0 else low), high + room


def collab_bias(
    learner: Learner | Predictor, names: Sequence[object] | None = None, *, user: bool = False
) -> dict[str, float]:
    """Return how much better (or worse) items are rated, whoever rates: their biases.

    Args:
        learner: of `collab_learner`, or its export loaded.
        names: of items; all that training saw by default.
        user: whether to answer for users instead.

    Raises:
        DataError: for a name that training did not see, naming the nearest.
    """
    model, column = _ratings_of(learner, user)
    places = _places(column, names)
    table = model.user_bias if user else model.item_bias
    values = table.weight.detach().cpu()[list(places.values()), 0]
    return dict(zip(places, values.tolist(), strict=True))


def collab_weight(
    learner: Learner | Predictor, names: Sequence[object] | None = None, *, user: bool = False
) -> dict[str, Tensor]:
    """Return the factors of items, float32 (n_factors,) on the CPU; options as `collab_bias`.

    Raises:
        DataError: for a name that training did not see, naming the nearest.
    """
    model, column = _ratings_of(learner, user)
    places = _places(column, names)
    table = model.user_factors if user else model.item_factors
    rows = table.weight.detach().cpu()[list(places.values())]
    return dict(zip(places, rows.unbind(0), strict=True))


def _places(column: Category, names: Sequence[object] | None) -> dict[str, int]:
    listed = list(column.words if names is None else names)
    places = column.places(listed)
    for name, place in zip(listed, places, strict=True):
        if place == 0:
            raise DataError(
                f"{name!r} is not in the column {column.name!r} of the training rows."
                f"{did_you_mean(str(name), column.words)}"
            )
    return {column.words[place - 1]: place for place in places}


def _ratings_of(learner: Learner | Predictor, user: bool) -> tuple[CollabModel, Category]:
    inputs = learner.data.inputs if isinstance(learner, Learner) else learner.card.inputs
    if not isinstance(learner.model, CollabModel) or not isinstance(inputs, TableInputs):
        raise ModelError("only a collab_learner, or its export, has biases and factors of items.")
    users, items = inputs.process.categories
    return learner.model, users if user else items


def training_rows(data: DataBunch) -> Batch:
    """Return the x and y of all training rows."""
    with batches_of(data.train_dl) as loaded:
        batches = [one.batch for one in loaded]
    return Batch(*(torch.cat(parts) for parts in zip(*batches, strict=True)))


def table_of(data: object, caller: str, way: str) -> TableInputs:
    """Return how a table's rows become x; DataError where the data is of no table."""
    if isinstance(data, DataBunch) and isinstance(data.inputs, TableInputs):
        return data.inputs
    raise DataError(f"{caller} needs data of a table; found {type(data).__name__}. Make it: {way}.")


def seed_of(data: DataBunch, options: LearnerOptions) -> int:
    """Return the learner's seed, which is the data's by default."""
    seed = options.get("seed")
    return data.seed if seed is None else seed
