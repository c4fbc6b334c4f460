"""A learner so small that a fit takes milliseconds, with all that a callback may stumble over."""

from typing import Final, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from learnkit.checks import Callbacks, Metrics
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.names import checked_keywords, did_you_mean
from learnkit.optim import LayerGroups, adamw
from learnkit.sanity.names import CHECKS
from learnkit.types import LossFn, OptimizerFactory

Kind: TypeAlias = Literal["arrays", "images"]

N_TRAIN: Final = 14  # batches of 4, 4, 4 and 2
N_VALID: Final = 6  # batches of 4 and 2
BATCH_SIZE: Final = 4


@checked_keywords
def tiny_learner(
    *,
    kind: Kind = "arrays",
    metrics: Metrics = accuracy,
    callbacks: Callbacks = (),
    loss_func: LossFn | None = None,
    opt_func: OptimizerFactory = adamw,
    n_classes: int = 2,
    seed: int = 5,
) -> Learner:
    """Return a learner on the CPU whose fit of one epoch takes about 5 ms.

    Its 14 training samples make four batches, the last a smaller one, and its 6 validation samples
    two. The model has BatchNorm and Dropout, and two layer groups. Equal arguments give learners
    with equal weights and equal data, drawn from generators of their own.

    Example:
        >>> history = tiny_learner().fit(2, progress=False)
        >>> len(history)
        2

    Args:
        kind: ``"arrays"``: x float32 (B, 4) and an MLP; ``"images"``: x float32 (B, 3, 8, 8) and a
            small convolutional net.
        metrics: as in `Learner`.
        callbacks: as in `Learner`.
        loss_func: as in `Learner`; cross entropy by default.
        opt_func: as in `Learner`.
        n_classes: at least 2; y int64 (B,).
        seed: of data, weights and fit.

    Raises:
        ValueError: when ``kind`` is another word, or ``n_classes`` is below 2.
    """
    if kind not in get_args(Kind):
        hint = did_you_mean(str(kind), get_args(Kind))
        raise ValueError(f'tiny_learner: kind must be "arrays" or "images"; got {kind!r}.{hint}')
    if n_classes < 2:
        raise ValueError(f"tiny_learner: n_classes must be at least 2; got {n_classes!r}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _mlp(n_classes) if kind == "arrays" else _convnet(n_classes)
    return Learner(
        _data((4,) if kind == "arrays" else (3, 8, 8), n_classes, seed),
        model,
        loss_func=loss_func,
        opt_func=opt_func,
        splitter=_body_and_head,
        metrics=metrics,
        callbacks=callbacks,
        device="cpu",
        precision="fp32",
        mute=CHECKS,  # type: ignore[arg-type]
    )


def _data(shape: tuple[int, ...], n_classes: int, seed: int) -> DataBunch:
    drawn = torch.Generator().manual_seed(seed)
    x = torch.randn(N_TRAIN + N_VALID, *shape, generator=drawn)
    y = _labels(x, n_classes)
    # of many classes one may be missing among so few, of which arrays would warn
    return DataBunch.from_dataset(
        TensorDataset(x[:N_TRAIN], y[:N_TRAIN]),
        TensorDataset(x[N_TRAIN:], y[N_TRAIN:]),
        classes=list(range(n_classes)),
        batch_size=BATCH_SIZE,
        seed=seed,
    )


def _labels(x: Tensor, n_classes: int) -> Tensor:
    """Cut the samples' means in as many equal parts as there are classes, so that all occur."""
    ranks = x.flatten(1).mean(1).argsort().argsort()
    return ranks * n_classes // len(ranks)


def _mlp(n_classes: int) -> nn.Module:
    body = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh())
    return nn.Sequential(body, nn.Sequential(nn.Dropout(0.2), nn.Linear(6, n_classes)))


def _convnet(n_classes: int) -> nn.Module:
    body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(body, nn.Sequential(*pool, nn.Dropout(0.2), nn.Linear(4, n_classes)))


def _body_and_head(model: nn.Module) -> LayerGroups:
    body, head = model.children()
    return [list(body.parameters()), list(head.parameters())]
