"""A pretrained body with a new head: the model that ``cnn_learner`` trains.

Knows backbones and heads; nothing of data, losses or loops.
"""

from typing import Any, Literal, TypeAlias

from torch import Tensor, nn

from learnkit.errors import ModelError
from learnkit.models.backbone import Backbone, ParameterGroups, Weights
from learnkit.models.catalogue import is_known
from learnkit.models.fast_body import FastBody, has_hooks
from learnkit.models.head import ConcatPool, MeanPool, fastai_head, plain_head
from learnkit.models.seeded import seeded
from learnkit.models.value_range import Range, ValueRange, check_range
from learnkit.names import checked_keywords, did_you_mean

Json: TypeAlias = dict[str, Any]
Head: TypeAlias = Literal["fastai", "plain"] | nn.Module

_DEFAULT_DROPOUT = {"fastai": 0.5, "plain": 0.0}


class CnnModel(nn.Module):
    """Body, then head: float32 (B, 3, H, W) -> logits (B, n_classes).

    Attributes:
        body: gives maps (B, C, h, w).
        head: gives logits from them.
        fast: runs the body while it is in use; None else.
        backbone: what the body was built from.
        pretrained: whether the body came with weights.
        spec: plain values from which ``build_from_spec`` rebuilds the model, or None when the
            backbone or the head is not of the library's own.
    """

    def __init__(
        self,
        body: nn.Module,
        head: nn.Module,
        *,
        backbone: Backbone,
        spec: Json | None,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.body = body
        self.head = head
        self.backbone = backbone
        self.pretrained = pretrained
        self.spec = spec
        self.fast: FastBody | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, n_classes)."""
        fast = self.fast  # once: another thread may take it away
        if fast is not None and fast.fits(self.body, x):
            return self._from_features(fast, x)
        logits: Tensor = self.head(self.body(x))
        return logits

    def _from_features(self, fast: FastBody, x: Tensor) -> Tensor:
        pool, rest = _after_pool(self.head)
        logits = fast.features(self.body, pool, x)
        for module in rest:
            logits = module(logits)
        return logits

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle takes along; nobody runs the copy's body in another way."""
        return {**self.__dict__, "fast": None}

    def layer_groups(self) -> ParameterGroups:
        """Return the parameters in three groups: early body, late body, head."""
        return [*self.backbone.layer_groups(self.body), list(self.head.parameters())]


def _after_pool(head: nn.Module) -> tuple[nn.Module | None, list[nn.Module]]:
    """Split a head of learnkit's into its pooling, which learns nothing, and the rest."""
    modules = list(head) if type(head) is nn.Sequential else []
    pools = bool(modules) and type(modules[0]) in (ConcatPool, MeanPool)
    if not pools or has_hooks(head) or has_hooks(modules[0]):
        return None, [head]
    return modules[0], modules[1:]


@checked_keywords
def build_cnn(
    backbone: Backbone,
    n_classes: int,
    *,
    weights: Weights = "default",
    head: Head = "fastai",
    dropout: float | None = None,
    y_range: Range | None = None,
    seed: int = 0,
) -> CnnModel:
    """Build a model of a backbone and a new head.

    Example:
        >>> from learnkit import models
        >>> model = build_cnn(models.resnet18, 10, weights=None)
        >>> [len(group) for group in model.layer_groups()]
        [30, 30, 6]

    The random numbers depend on ``seed`` alone, the head's not on the weights; the caller's
    generators are left as they were. A head of your own keeps its own initialisation.

    Args:
        backbone: such as ``models.resnet34``.
        n_classes: width of the logits, or how many values are predicted.
        weights: as in ``Backbone.build_body``.
        head: ``"fastai"``, ``"plain"``, or a module that takes maps (B, n_features, h, w).
        dropout: of the head; its own default when None.
        y_range: lowest and highest value, which a sigmoid behind the head is stretched to; None
            leaves the head's outputs as they are.
        seed: of the initialisation.

    Raises:
        WeightsError: when the weights cannot be had or do not fit.
        ModelError: when ``head`` is no head.
        ValueError: when ``y_range`` is no range.
    """
    _check(backbone, head, dropout)
    ends = check_range(y_range)
    with seeded(seed, "body"):
        body = backbone.build_body(weights)
    with seeded(seed, "head"):
        module = _ranged(_build_head(backbone, n_classes, head, dropout), ends)
    return CnnModel(
        body,
        module,
        backbone=backbone,
        spec=_spec(backbone, n_classes, head, dropout, ends),
        pretrained=weights is not None,
    )


def _check(backbone: Backbone, head: object, dropout: float | None) -> None:
    if not isinstance(backbone, Backbone):
        raise ModelError(
            "A backbone is a value such as models.resnet34 or models.timm(NAME); "
            f"found {backbone!r}."
        )
    if isinstance(head, nn.Module):
        if dropout is not None:
            raise ModelError("dropout= is for learnkit's heads; a head of your own has its own.")
    elif not isinstance(head, str) or head not in _DEFAULT_DROPOUT:
        hint = did_you_mean(head, _DEFAULT_DROPOUT) if isinstance(head, str) else ""
        raise ModelError(f'head must be "fastai", "plain" or a module; found {head!r}.{hint}')


def _build_head(backbone: Backbone, n_classes: int, head: Head, dropout: float | None) -> nn.Module:
    if isinstance(head, nn.Module):
        return head
    fraction = _DEFAULT_DROPOUT[head] if dropout is None else dropout
    if head == "plain":
        return plain_head(backbone.n_features, n_classes, dropout=fraction)
    # The maximum of one pixel is its mean: concatenating would double every feature.
    return fastai_head(
        backbone.n_features, n_classes, dropout=fraction, concat_pool=not backbone.pooled
    )


def _ranged(head: nn.Module, ends: Range | None) -> nn.Module:
    """Put the range behind a head; into it where it is a row of layers, as learnkit's are."""
    if ends is None:
        return head
    layers = head if type(head) is nn.Sequential else [head]
    return nn.Sequential(*layers, ValueRange(*ends))


def _spec(
    backbone: Backbone, n_classes: int, head: Head, dropout: float | None, ends: Range | None
) -> Json | None:
    if isinstance(head, nn.Module) or not is_known(backbone):
        return None
    values = {
        "model": "cnn",
        "backbone": backbone.name,
        "n_classes": n_classes,
        "head": head,
        "dropout": _DEFAULT_DROPOUT[head] if dropout is None else dropout,
    }
    # only where there is one, so that older releases read the exports of all other models
    return values if ends is None else {**values, "y_range": list(ends)}
