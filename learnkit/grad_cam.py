"""Where a model looked: the parts of a photo that speak for a class."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learnkit.data.batch import BatchPipeline, Normalize
from learnkit.data.decode import ImageLike
from learnkit.data.image_inputs import ImageInputs
from learnkit.errors import ModelError
from learnkit.figures import finish, new_figure
from learnkit.inference import Predictor
from learnkit.learner import Learner
from learnkit.models.compressed import inner_of
from learnkit.names import checked_keywords, did_you_mean
from learnkit.types import Loaded, batches_of


@dataclass(frozen=True, eq=False)
class Heatmap:
    """What of a photo speaks for a class.

    Attributes:
        values: float32 (H, W) in [0, 1]; 1 where most speaks for it, 0 where nothing does.
        photo: as the model saw it, before normalisation: float32 (3, H, W) in [0, 1].
        label: the class.
        index: its place among the classes.
        probability: what the model gives it, in [0, 1].
    """

    values: Tensor
    photo: Tensor
    label: str
    index: int
    probability: float

    def __repr__(self) -> str:
        height, width = self.values.shape
        return f"Heatmap({self.label!r} {self.probability:.1%}, {height} x {width})"

    @checked_keywords
    def draw(self, path: str | PathLike[str] | None = None, *, alpha: float = 0.5) -> None:
        """Draw the photo, and the photo under its heat map.

        Args:
            path: a file to save the picture to; None shows it on the screen or in the notebook.
            alpha: how much of the heat map covers the photo, in [0, 1].

        Raises:
            MissingExtraError: when matplotlib is not installed.
        """
        figure = new_figure((6.4, 3.5), path=path, purpose="Heatmap.draw")
        left, right = figure.subplots(1, 2)
        pixels = self.photo.permute(1, 2, 0).numpy()
        for axes in (left, right):
            axes.imshow(pixels)
            axes.set_axis_off()
        right.imshow(self.values.numpy(), cmap="jet", alpha=alpha, vmin=0, vmax=1)
        title = f"{self.label} ({self.probability:.1%})"
        right.set_title(title, fontsize=10, parse_math=False)
        finish(figure, path=path, purpose="Heatmap.draw")


@checked_keywords
def grad_cam(
    source: Learner | Predictor,
    photo: ImageLike,
    *,
    class_: str | int | None = None,
    layer: nn.Module | None = None,
) -> Heatmap:
    """Say where in a photo a model sees a class: Grad-CAM.

    Selvaraju et al. 2017, arXiv 1610.02391, equations 1 and 2: the maps of the last convolutional
    layer, weighted by the mean gradient of the class's logit, where their sum is above 0. In
    float32; of the model nothing is changed but that it is in eval mode.

    Args:
        source: a learner of photos, or what `load_learner` gives.
        photo: as for ``predict``.
        class_: the name of a class, or its place; None takes the most probable one.
        layer: whose maps (B, C, h, w) are looked at; by default the model's ``body``, or else the
            last layer that gives maps of more than one pixel.

    Raises:
        DataError: when the photo cannot be read.
        ModelError: when the model takes no photos or has no such layer.
        ValueError: when there is no such class.

    Example:
        ``grad_cam(learn, "some.jpg").draw("heat.png")``
    """
    predictor = _predictor(source)
    inputs = predictor.card.inputs
    if not isinstance(inputs, ImageInputs):
        raise ModelError("grad_cam explains answers about photos; this model takes none.")
    with batches_of(inputs.loader([photo], batch_size=1)) as batches:
        loaded = next(iter(batches))
    x = _prepared(inputs, loaded, predictor.device)
    maps, logits = _run(predictor.model, x, layer)
    index = _class_index(predictor.classes, class_, logits)
    (gradient,) = torch.autograd.grad(logits[0, index], maps)
    heat = F.relu((gradient.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True)).detach()
    heat = F.interpolate(heat, size=x.shape[2:], mode="bilinear", align_corners=False)[0, 0]
    pixels = loaded.batch.x[0]
    return Heatmap(
        values=(heat / heat.max().clamp_min(torch.finfo(heat.dtype).tiny)).cpu(),
        photo=(pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels).cpu(),
        label=predictor.classes[index],
        index=index,
        probability=float(predictor.card.reader.activate(logits.detach())[0, index]),
    )


def _predictor(source: object) -> Predictor:
    if isinstance(source, Predictor):
        return source
    if isinstance(source, Learner):
        return Predictor(
            source.model, source._card(), device=source.device, precision=source.precision
        )
    raise TypeError(
        f"grad_cam takes a Learner, or what load_learner gives; got {type(source).__name__}."
    )


def _prepared(inputs: ImageInputs, loaded: Loaded, device: torch.device) -> Tensor:
    normalize = Normalize(inputs.mean, inputs.std) if inputs.mean else None
    x = BatchPipeline(device=device, normalize=normalize).prepare(loaded, keys=None).x
    return x.detach().clone().requires_grad_()  # so that frozen layers pass gradients on


def _run(model: nn.Module, x: Tensor, layer: nn.Module | None) -> tuple[Tensor, Tensor]:
    """Return the maps (1, C, h, w) of a layer and the logits (1, K), with their graph."""
    model.eval()
    chosen = layer if layer is not None else _last_maps(model, x)
    held: list[Tensor] = []
    with torch.enable_grad(), _listening(chosen, lambda module, given, out: held.append(out)):
        logits = model(x)
    if not held or not _are_maps(held[-1]):
        found = tuple(held[-1].shape) if held and isinstance(held[-1], Tensor) else "no tensor"
        raise ModelError(
            f"grad_cam: the layer {type(chosen).__name__} must give maps (B, C, h, w) of more than "
            f"one pixel; it gave {found}."
        )
    return held[-1], logits


def _last_maps(model: nn.Module, x: Tensor) -> nn.Module:
    """Return the model's body, or the last layer that gives maps."""
    inner = inner_of(model)
    body = getattr(inner, "body", None)
    if isinstance(body, nn.Module):
        return body
    last: list[nn.Module] = []

    def look(module: nn.Module, given: Any, out: Any) -> None:
        if _are_maps(out):
            last[:] = [module]

    leaves = [module for module in model.modules() if not list(module.children())]
    with torch.no_grad(), _listening_all(leaves, look):
        model(x)
    if not last:
        raise ModelError("grad_cam: no layer of the model gives maps (B, C, h, w).")
    return last[0]


def _are_maps(out: object) -> bool:
    return isinstance(out, Tensor) and out.ndim == 4 and out.shape[2] * out.shape[3] > 1


@contextmanager
def _listening(module: nn.Module, hook: Any) -> Iterator[None]:
    with _listening_all([module], hook):
        yield


@contextmanager
def _listening_all(modules: list[nn.Module], hook: Any) -> Iterator[None]:
    """Hang a hook into modules, and take it out again whatever happens."""
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _class_index(classes: tuple[str, ...], wanted: str | int | None, logits: Tensor) -> int:
    if not classes or logits.ndim != 2:
        raise ModelError("grad_cam explains answers of a model with classes; this one has none.")
    if wanted is None:
        return int(logits[0].argmax())
    if isinstance(wanted, str) and wanted in classes:
        return classes.index(wanted)
    if isinstance(wanted, int) and not isinstance(wanted, bool) and 0 <= wanted < len(classes):
        return wanted
    hint = did_you_mean(str(wanted), classes)
    raise ValueError(
        f"grad_cam: class_ must be one of the {len(classes)} classes or its place; got "
        f"{wanted!r}.{hint}"
    )
