"""Which parameters train, and which modules are in training mode. Knows no architecture."""

from collections.abc import Sequence

from torch import nn

BATCH_NORMS = (nn.modules.batchnorm._BatchNorm,)
# fastai's norm_types, and GroupNorm, which timm's newer models have in their place.
NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)


def set_requires_grad(
    groups: Sequence[Sequence[nn.Parameter]],
    model: nn.Module,
    upto: int,
    *,
    train_bn: bool | None = None,
) -> None:
    """Freeze the groups before ``upto`` and unfreeze the others.

    Args:
        groups: the parameters of ``model``, early to late.
        model: where the norm layers are looked up.
        upto: the first group that trains; counted from the end when negative, so -1 trains the
            last group alone and 0 trains all.
        train_bn: None lets norm layers follow their group. True trains those of frozen groups too,
            as fastai does: their scales and statistics follow the new photos. False keeps the
            BatchNorm layers of all groups but the last as they came, also when the group trains:
            their statistics belong to the pretrained weights.

    Raises:
        ValueError: when there is no such group.
    """
    if not -len(groups) <= upto <= len(groups):
        raise ValueError(
            f"The model has {len(groups)} layer groups, so a group to freeze up to is between "
            f"{-len(groups)} and {len(groups)}; found {upto}."
        )
    first = upto if upto >= 0 else len(groups) + upto
    always = _parameters_of(model, NORMS) if train_bn is True else set()
    never = _parameters_of(model, BATCH_NORMS) if train_bn is False else set()
    for i, group in enumerate(groups):
        kept = never if i < len(groups) - 1 else set()
        for parameter in group:
            trains = i >= first or id(parameter) in always
            parameter.requires_grad_(trains and id(parameter) not in kept)


def _parameters_of(model: nn.Module, kinds: tuple[type[nn.Module], ...]) -> set[int]:
    return {
        id(p)
        for module in model.modules()
        if isinstance(module, kinds)
        for p in module.parameters(recurse=False)
    }


def train_mode(model: nn.Module) -> None:
    """Put ``model`` into training mode, all but what is frozen.

    A module that has parameters of which none trains runs in eval mode, since its statistics and
    its dropout belong to the frozen weights. A module without parameters follows the nearest
    module around it that has some.
    """
    model.train()
    _set_mode(model, inherited=True)


def _set_mode(module: nn.Module, *, inherited: bool) -> None:
    parameters = list(module.parameters())
    trains = any(p.requires_grad for p in parameters) if parameters else inherited
    module.training = trains
    for child in module.children():
        _set_mode(child, inherited=trains)
