"""Whether a model is what its code makes: modules, settings, and which tensors are shared."""

from collections.abc import Iterator

from torch import Tensor, nn

from learnkit.eject.values import settings_of
from learnkit.errors import ExportError
from learnkit.models.fast_body import has_hooks


def compare(model: nn.Module, from_code: nn.Module) -> None:
    """Make sure that the written code makes the same modules, settings and shared tensors.

    Raises:
        ExportError: naming the first part that is another one.
    """
    made = dict(from_code.named_modules(remove_duplicate=False))
    own = dict(model.named_modules(remove_duplicate=False))
    odd = next((name for name, module in own.items() if has_hooks(module)), None)
    if odd is None and made.keys() != own.keys():
        odd = min(made.keys() ^ own.keys())
    if odd is None:
        odd = next((name for name, module in own.items() if not _alike(module, made[name])), None)
    if odd is not None:
        what = f"The model's part {odd!r}" if odd else "The model itself"
        raise ExportError(
            f"{what} is no longer what its constructor makes (another setting, a buffer, a hook "
            "or another layer), and eject writes constructors. Build it of layers of torch.nn in "
            "nn.Sequential."
        )
    _compare_shared(_shared(model), _shared(from_code))


def _compare_shared(shared: list[tuple[str, ...]], made: list[tuple[str, ...]]) -> None:
    if shared != made:
        groups = [group for group in shared if group not in made] or shared
        names = " and ".join(groups[0]) if groups else "Parts of its constructor's model"
        raise ExportError(
            f"{names} share one tensor in {'this model' if groups else 'a new model alone'}, and "
            "eject writes constructors, which say nothing of it. Give each layer tensors of its "
            "own, or put the model into a script of your own."
        )


def _shared(model: nn.Module) -> list[tuple[str, ...]]:
    """Return the groups of names that stand for one tensor, of parameters and of buffers."""
    groups: dict[int, list[str]] = {}
    for name, tensor in _tensors(model):
        where = tensor.data_ptr() if tensor.numel() else id(tensor)  # two can share their memory
        groups.setdefault(where, []).append(name)
    return sorted(tuple(names) for names in groups.values() if len(names) > 1)


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def _alike(own: nn.Module, made: nn.Module) -> bool:
    tensors = [
        {name: (tuple(t.shape), t.dtype) for name, t in _own_tensors(module).items()}
        for module in (own, made)
    ]
    if tensors[0] != tensors[1] or own.extra_repr() != made.extra_repr():
        return False
    plain = type(own).__module__.startswith("torch.nn.modules.")
    if plain and type(own) is type(made):
        return settings_of(own) == settings_of(made)
    names = {"CnnModel": "Net", "ScratchModel": "Sequential"}
    return names.get(type(own).__name__, type(own).__name__) == type(made).__name__


def _own_tensors(module: nn.Module) -> dict[str, Tensor]:
    return {
        **dict(module.named_parameters(recurse=False)),
        **dict(module.named_buffers(recurse=False)),
    }
