"""Make a trained model smaller: prune it, round its weights to 8 bits, or learn them as signs.

::

    prune(learn.model, 0.8)                        weights of 0, which stay so in training
    learn.fit(2)
    small = with_model(learn, compress(learn.model, "pruned"))
    small.export("small")

torch's own quantisation (``torch.ao``) is deprecated and goes away, so 8-bit weights here are our
own: they are kept as int8 and computed in float. Files get smaller, answers do not come faster;
`thin` is what makes a model faster.
"""

import io
from typing import Final, Literal, TypeAlias, get_args

import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

from learnkit.checkpoint import tensor_bytes
from learnkit.errors import ModelError
from learnkit.learner import Learner
from learnkit.models.compressed import CompressedModel
from learnkit.models.packings import PACKINGS
from learnkit.models.spec import build_from_spec
from learnkit.models.straight_through import (
    be_binary,
    finite,
    is_binary,
    plain_state,
    weighted_layers,
    weights_of,
)
from learnkit.names import checked_keywords, did_you_mean
from learnkit.tensor_file import read_layout

How: TypeAlias = Literal["binary", "int8", "pruned"]
By: TypeAlias = Literal["weight", "channel"]

_PRUNED: Final = "_orig"


@checked_keywords
def prune(model: nn.Module, amount: float, *, by: By = "weight") -> nn.Module:
    """Set the smallest weights of linear and convolution layers to 0, where they stay.

    By magnitude, after training (Han et al. 2015, arXiv 1506.02626); what is left may be trained
    on. Biases, norms, embeddings and recurrent layers are left as they are.

    Args:
        model: changed in place. A second time prunes ``amount`` of what is left.
        amount: the share, in (0, 1).
        by: ``"weight"``: single weights, the smallest of all layers together; ``"channel"``: in
            each convolution that share of its output channels, by their norm (Li et al. 2017, arXiv
            1608.08710).

    Returns:
        The model.

    Raises:
        ValueError: when an option is out of range.
        ModelError: when there is no layer to prune.

    Example:
        >>> from learnkit import models
        >>> model = prune(models.mlp(4, 8, 2), 0.5)
        >>> sum(int((layer.weight == 0).sum()) for layer in (model[1], model[3]))
        24
    """
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 < amount < 1:
        raise ValueError(f"prune: amount must be above 0 and below 1; got {amount!r}.")
    _check_word("prune: by", by, get_args(By))
    layers = [layer for layer in weighted_layers(model).values() if not is_binary(layer)]
    if by == "channel":
        layers = [layer for layer in layers if not isinstance(layer, nn.Linear)]
    if not layers:
        kind = "convolution" if by == "channel" else "linear or convolution layer"
        raise ModelError(f"prune: the model has no {kind} to prune.")
    if by == "channel":
        for layer in layers:
            torch_prune.ln_structured(layer, "weight", amount, n=2, dim=0)  # type: ignore[no-untyped-call]
    else:
        for layer in layers:  # torch reads their weights in one row
            for name, held in (*layer.named_parameters(), *layer.named_buffers()):
                if name.startswith("weight"):
                    held.data = held.data.contiguous()
        pairs = [(layer, "weight") for layer in layers]
        method = torch_prune.L1Unstructured
        torch_prune.global_unstructured(pairs, pruning_method=method, amount=amount)
    return model


@checked_keywords
def binarize(model: nn.Module) -> nn.Module:
    """Let a model train with weights of two values by channel: signs times a scale.

    All linear and convolution layers but the first and the last, as in Rastegari et al. 2016, arXiv
    1603.05279, section 4.1: those have few weights and lose most. The numbers behind the signs are
    what the optimizer moves (Courbariaux et al. 2015, arXiv 1511.00363). Best before training,
    with BatchNorm behind the layers.

    Args:
        model: changed in place.

    Returns:
        The model.

    Raises:
        ModelError: when it has fewer than three such layers.
    """
    layers = list(weighted_layers(model).values())
    if len(layers) < 3:
        raise ModelError(
            f"binarize leaves the first and the last layer as they are, and needs one between; "
            f"the model has {len(layers)} linear and convolution layers."
        )
    for layer in layers[1:-1]:
        be_binary(layer)
    return model


@checked_keywords
def compress(model: nn.Module, how: How) -> CompressedModel:
    """Return a copy of a model to predict with, whose file is smaller; the model stays as it is.

    Args:
        model: one that learnkit built, so that the copy can be exported.
        how: ``"int8"``: every weight of two axes or more, recurrent layers and embeddings too, in
            8 bits with a step for each output channel; ``"pruned"``: only weights that are not 0,
            after `prune`; ``"binary"``: a bit for each weight that `binarize` made binary.

    Raises:
        ValueError: when ``how`` is another word.
        ModelError: when learnkit did not build the model, it was not pruned or made binary
            before, or has weights that are not finite.

    Example:
        >>> from learnkit import models
        >>> model = models.mlp(256, 64, 10)
        >>> file_size(model), file_size(compress(model, "int8"))
        (68672, 18048)
    """
    _check_word("compress: how", how, get_args(How))
    spec = getattr(model, "spec", None)
    if spec is None or isinstance(model, CompressedModel):
        raise ModelError(
            "compress takes a model that learnkit built and that is not compressed yet: a model "
            "with a .spec of its own; see docs/models.md."
        )
    inner = build_from_spec(spec)
    own = inner.state_dict()
    state = plain_state(model, list(own))
    if bad := finite(state):
        raise ModelError(f"compress: {bad[0]} holds NaN or infinity.")
    names = _chosen(model, state, how)
    parts = {name: PACKINGS[how].pack(state[name].float()) for name in names}
    kept = {name: len(held.get("kept", ())) for name, held in parts.items()}
    made = CompressedModel(inner, {name: (how, kept[name]) for name in names})
    rest = {name: value for name, value in state.items() if name not in parts}
    packed = {f"{name}.{part}": t for name, held in parts.items() for part, t in held.items()}
    made.load_state_dict(rest | packed)
    return made


def _chosen(model: nn.Module, state: dict[str, torch.Tensor], how: How) -> list[str]:
    """Return the weights to pack."""
    wide = [name for name, value in state.items() if value.ndim > 1 and value.is_floating_point()]
    if how == "int8":
        return wide
    if how == "binary":
        binary = weights_of(model)
        if not binary:
            raise ModelError("compress: no weight is binary; binarize(model) before training.")
        return [name for name in wide if name in binary]
    pruned = {name.removesuffix(_PRUNED) for name in model.state_dict() if name.endswith(_PRUNED)}
    if not pruned:
        raise ModelError("compress: no weight is pruned; prune(model, 0.8) before.")
    return [name for name in wide if name in pruned]


def with_model(learn: Learner, model: nn.Module) -> Learner:
    """Return a learner of another model, such as a compressed one, and all else of ``learn``.

    Data, task, metrics, device, folder, seed and normalisation; no callbacks and no history.
    """
    return Learner(
        learn.data,
        model,
        task=learn.task,
        metrics=learn.metrics,
        device=learn.device,
        path=learn.path,
        seed=learn.seed,
        normalize=learn.normalize,
    )


def file_size(model: nn.Module) -> int:
    """Return how many bytes the weights of a model take in an export."""
    data = tensor_bytes(model.state_dict())
    read_layout(io.BytesIO(data), len(data))
    return len(data)


def _check_word(what: str, word: object, options: tuple[str, ...]) -> None:
    if word not in options:
        raise ValueError(
            f"{what} must be one of {', '.join(options)}; got {word!r}."
            f"{did_you_mean(str(word), options)}"
        )
