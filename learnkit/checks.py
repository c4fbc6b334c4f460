"""What a Learner makes of its arguments before anything runs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import is_dataclass, replace
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from learnkit.callback import Callback
from learnkit.data.batch import Normalize
from learnkit.data.bunch import DataBunch
from learnkit.data.image_base import ImageBunchBase
from learnkit.data.image_inputs import ImageInputs
from learnkit.data.inputs import Inputs
from learnkit.losses import binary_cross_entropy_of_logits, default_loss
from learnkit.metrics import MetricLike
from learnkit.models.backbone import Backbone
from learnkit.models.transfer import CnnModel
from learnkit.models.unet import UnetModel
from learnkit.named import named_callback
from learnkit.optim import LayerGroups
from learnkit.tasks import Classification, MultiLabel, Regression, Supervised, Task
from learnkit.types import LossFn

Callbacks: TypeAlias = Callback | str | Sequence[Callback | str]
Metrics: TypeAlias = MetricLike | str | Sequence[MetricLike | str]
Splitter: TypeAlias = Callable[[nn.Module], LayerGroups]

_OF_A_TASK = (
    "turn",
    "forward",
    "loss",
    "check",
    "compare",
    "classes",
    "activate",
    "question",
    "decode",
    "describe",
)


def model_inputs(data: DataBunch, normalize: Normalize | None) -> Inputs | None:
    """Return how raw items are prepared for the model; None when the data holds tensors."""
    if data.inputs is not None or not isinstance(data, ImageBunchBase):
        return data.inputs
    mean, std = (normalize.mean, normalize.std) if normalize is not None else ((), ())
    return ImageInputs(size=data.size, resize=data.resize, mean=mean, std=std)


def pretrained_normalize(model: nn.Module) -> Normalize | None:
    """Return how photos were normalised for the model's pretrained weights; None without such."""
    if not isinstance(model, CnnModel | UnetModel) or not model.pretrained:
        return None
    return Normalize(model.backbone.mean, model.backbone.std)


def place(model: nn.Module, device: torch.device, *, channels_last: bool) -> None:
    """Move the model, its convolutions in channels-last order where that is wanted."""
    model.to(device)
    if channels_last and any(p.ndim == 4 for p in model.parameters()):
        model.to(memory_format=torch.channels_last)


def choose_loss(given: LossFn | None, data: DataBunch) -> LossFn:
    """Return the loss given, the data's own, or the one that goes with the targets."""
    chosen = given if given is not None else data.loss_func
    if chosen is not None:
        return _checked_loss(chosen)
    if data.classes:
        return functional.cross_entropy
    return default_loss(data.one_batch().y)


def _checked_loss(loss_func: LossFn) -> LossFn:
    if isinstance(loss_func, type):
        name = loss_func.__name__
        raise TypeError(f"loss_func takes a function or an object: pass {name}(), not {name}.")
    if not callable(loss_func):
        raise TypeError(
            "loss_func must be a function (preds, targets) to a scalar; "
            f"got {type(loss_func).__name__}."
        )
    return loss_func


def choose_task(task: Task | None, loss_func: LossFn | None, data: DataBunch) -> Task:
    """Return what is predicted: as given, as the data says, or as its targets look.

    Raises:
        TypeError: when ``task`` is none, or the loss is no function.
        ModelError: when the targets have no default loss.
    """
    chosen = task if task is not None else data.task
    if chosen is not None:
        return _with_loss(chosen, loss_func)
    loss = choose_loss(loss_func, data)
    if data.classes:
        return Classification(loss, tuple(data.classes))
    return MultiLabel(loss) if loss is binary_cross_entropy_of_logits else Regression(loss)


def _with_loss(task: object, loss_func: LossFn | None) -> Task:
    missing = [name for name in _OF_A_TASK if not hasattr(task, name)]
    if isinstance(task, type) or missing:
        hint = f"pass {task.__name__}(...)" if isinstance(task, type) else f"it lacks {missing[0]}"
        found = task.__name__ if isinstance(task, type) else type(task).__name__
        raise TypeError(f"task must be a Task, such as Classification(loss); got {found}: {hint}.")
    if loss_func is None:
        return cast("Task", task)
    if not isinstance(task, Supervised) or not is_dataclass(task):
        raise TypeError(
            f"{type(task).__name__} computes its own loss: leave loss_func= out, or give another "
            "task=."
        )
    return replace(task, loss_func=_checked_loss(loss_func))


def check_parts(data: object, model: object) -> None:
    """Raise TypeError when ``data`` or ``model`` is something else altogether."""
    if not isinstance(data, DataBunch):
        raise TypeError(
            f"Learner's data must be a DataBunch; got {type(data).__name__}. Wrap raw loaders: "
            "DataBunch.from_dls(train_dl, valid_dl, classes=[...])."
        )
    if not isinstance(model, nn.Module):
        hint = " Call it: pass MyModel(), not MyModel." if isinstance(model, type) else ""
        if isinstance(model, Backbone):
            hint = f" cnn_learner(data, models.{model.name}) makes a model of it."
        name = model.__name__ if isinstance(model, type) else type(model).__name__
        raise TypeError(f"Learner's model must be a torch.nn.Module; got {name}.{hint}")


def check_factory(opt_func: object) -> None:
    """Raise TypeError when ``opt_func`` cannot make an optimizer."""
    if isinstance(opt_func, Optimizer):
        name = type(opt_func).__name__
        raise TypeError(f"opt_func makes the optimizer: pass torch.optim.{name}, not one of them.")
    if not callable(opt_func):
        raise TypeError(
            "opt_func must make an optimizer from parameter groups, such as adamw, sgd or "
            f"torch.optim.Adam; got {opt_func!r}."
        )


def check_groups(groups: object) -> LayerGroups:
    """Return what a splitter gave.

    Raises:
        TypeError: when it is no list of lists of parameters.
        ValueError: when a parameter is in two groups.
    """
    listed = [list(group) if isinstance(group, Iterable) else group for group in _items(groups)]
    flat = [p for group in listed for p in (group if isinstance(group, list) else [group])]
    if not listed or any(not isinstance(g, list) for g in listed) or not _all_parameters(flat):
        raise TypeError(
            "splitter must return layer groups, early to late, each a list of parameters: "
            "[list(model.body.parameters()), list(model.head.parameters())]."
        )
    if len({id(p) for p in flat}) < len(flat):
        raise ValueError("splitter put a parameter into two layer groups; each belongs to one.")
    return cast("LayerGroups", listed)


def _items(groups: object) -> list[object]:
    return list(groups) if isinstance(groups, Iterable) and not isinstance(groups, Tensor) else []


def _all_parameters(values: Iterable[object]) -> bool:
    return all(isinstance(value, nn.Parameter) for value in values)


def check_normalize(normalize: object) -> None:
    """Raise TypeError when ``normalize`` is no `Normalize`."""
    if normalize is not None and not isinstance(normalize, Normalize):
        raise TypeError(
            f"normalize must be Normalize(mean, std) or None; got {normalize!r}. cnn_learner "
            "takes mean and std from the backbone."
        )


def as_callbacks(given: Callbacks) -> tuple[Callback, ...]:
    """Return one or many callbacks as a tuple, words made into what they name.

    Raises:
        TypeError: for classes and strangers.
        PluginError: for a word that names nothing, or what cannot be imported or made.
    """
    listed: tuple[object, ...] = (given,)
    if isinstance(given, Iterable) and not isinstance(given, type | str):
        listed = tuple(given)
    callbacks = tuple(named_callback(one) if isinstance(one, str) else one for one in listed)
    for callback in callbacks:
        if isinstance(callback, type) and issubclass(callback, Callback):
            name = callback.__name__
            raise TypeError(f"callbacks takes instances: pass {name}(), not {name}.")
        if not isinstance(callback, Callback):
            raise TypeError(
                f"callbacks takes Callback objects; got {type(callback).__name__}. Subclass "
                "learnkit.Callback and pass an instance."
            )
    return cast("tuple[Callback, ...]", callbacks)
