"""Tables and ratings: what ``from learnkit.tabular import *`` gives, and their learners."""

from collections.abc import Mapping, Sequence
from typing import Unpack

import torch
from torch import Tensor

from learnkit.callback import Callback
from learnkit.callbacks import CSVLog, EarlyStopping, SaveBest
from learnkit.collab import (
    collab_bias,
    collab_learner,
    collab_weight,
    seed_of,
    table_of,
    training_rows,
)
from learnkit.data.bunch import DataBunch
from learnkit.data.tabular.bunch import TabularDataBunch
from learnkit.data.tabular.collab_bunch import CollabDataBunch
from learnkit.data.tabular.inputs import TableInputs
from learnkit.errors import DataError, ModelError
from learnkit.history import History
from learnkit.inference import Prediction, Predictor, load_learner
from learnkit.learner import Learner
from learnkit.learner_options import LearnerOptions
from learnkit.metrics import accuracy, error_rate
from learnkit.models.piecewise import edges_of
from learnkit.models.tabular import TabularModel, embedding_size, tabular
from learnkit.names import checked_keywords, did_you_mean
from learnkit.optim import adamw, sgd

__all__ = [
    "CSVLog",
    "Callback",
    "CollabDataBunch",
    "DataBunch",
    "EarlyStopping",
    "History",
    "Learner",
    "Prediction",
    "Predictor",
    "SaveBest",
    "TabularDataBunch",
    "accuracy",
    "adamw",
    "collab_bias",
    "collab_learner",
    "collab_weight",
    "error_rate",
    "load_learner",
    "sgd",
    "tabular_learner",
]


@checked_keywords
def tabular_learner(
    data: DataBunch,
    *,
    layers: Sequence[int] = (200, 100),
    embedding_sizes: Mapping[str, int] | None = None,
    dropout: float | Sequence[float] = 0.0,
    embedding_dropout: float = 0.0,
    pieces: int = 64,
    y_range: tuple[float, float] | None = None,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """Put embeddings and layers on a table.

    Values to predict need no scaling: the model's outputs are stretched to the mean and deviation
    of the training targets, or by a sigmoid to ``y_range``.

    Args:
        data: a `TabularDataBunch`.
        layers: widths of the hidden layers.
        embedding_sizes: width of a column's embedding by its name; fastai's rule, min(600,
            1.6 n^0.56) for n codes, gives the others.
        dropout: fraction dropped after each hidden layer, in [0, 1), or one for each.
        embedding_dropout: fraction of the embeddings that is dropped.
        pieces: quantiles at which each number's line may bend, see `models.piecewise`: with 64, as
            many of the values and of the different values. 0 takes numbers as they are, as fastai.
        y_range: lowest and highest value that is predicted.
        options: those of `Learner`.

    Raises:
        DataError: when the data is of no table.
        ModelError: for ``y_range`` where there are classes.
        ValueError: for an option that cannot be used, or a column that is not there.

    Example::

        rows = {"city": ["Ulm", "Bonn", "Kiel"] * 40, "rooms": [1.5, 2.0, 3.5, 4.0] * 30}
        data = TabularDataBunch.from_df({**rows, "rent": [500.0, 610, 990, 800] * 30}, "rent")
        learn = tabular_learner(data)
        learn.fit_one_cycle(2)
        answer = learn.predict({"city": "Ulm", "rooms": 3})
    """
    inputs = table_of(data, "tabular_learner", "TabularDataBunch.from_df(df, y_cols=...)")
    if inputs.process.whole:
        raise DataError("tabular_learner takes a TabularDataBunch; for ratings: collab_learner.")
    if not isinstance(pieces, int) or isinstance(pieces, bool) or not 0 <= pieces <= 1_000:
        raise ValueError(f"pieces must be a whole number from 0 to 1000; found {pieces!r}.")
    if data.classes and y_range is not None:
        raise ModelError(
            f"y_range={y_range} is for values, but this data has {data.n_classes} classes. Leave "
            "it out."
        )
    x, y = training_rows(data)
    n_codes = len(inputs.category_sizes)
    edges = [edges_of(column, pieces) for column in x[:, n_codes:].unbind(1)] if pieces else []
    model = tabular(
        list(inputs.category_sizes.values()),
        len(inputs.number_names),
        data.n_classes or y.shape[1],
        embedding_sizes=_widths(inputs, embedding_sizes),
        layers=layers,
        dropout=dropout,
        embedding_dropout=embedding_dropout,
        pieces=[len(line) - 1 for line in edges],
        y_range=y_range,
        seed=seed_of(data, options),
    )
    _fit_scales(model, edges, y if not data.classes and y_range is None else None)
    return Learner(data, model, **options)


def _fit_scales(model: TabularModel, edges: Sequence[Tensor], y: Tensor | None) -> None:
    if model.pieces is not None:
        model.pieces.set_edges(edges)
    if y is not None:
        deviation, mean = torch.std_mean(y.double(), dim=0, correction=0)
        model.scale.copy_(torch.stack([mean, torch.where(deviation > 0, deviation, 1.0)]))


def _widths(inputs: TableInputs, given: Mapping[str, int] | None) -> list[int]:
    sizes = inputs.category_sizes
    for name in given or {}:
        if name not in sizes:
            raise ValueError(
                f"embedding_sizes names {name!r}, which is no column of categories."
                f"{did_you_mean(name, sizes)} They are: {', '.join(sizes) or 'none'}."
            )
    return [(given or {}).get(name, embedding_size(n)) for name, n in sizes.items()]
