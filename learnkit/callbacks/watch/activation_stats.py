"""Look at what passes through a model: means, spreads, and units that no longer answer."""

from collections.abc import Iterator, Sequence
from os import PathLike
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.data.warn import warn_user
from learnkit.figures import finish, new_figure
from learnkit.models.fast_body import has_fast_body
from learnkit.names import checked_keywords, did_you_mean
from learnkit.state import State

NEAR_ZERO: Final = 1e-6
MANY_DEAD: Final = 0.5
Kinds: TypeAlias = tuple[type[nn.Module], ...]
_ACTIVATIONS: Final[Kinds] = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.GELU,
    nn.SiLU,
    nn.Hardswish,
    nn.ELU,
)
_LAYERS: Final[Kinds] = (nn.Linear, nn.Conv1d, nn.Conv2d)
_STATS: Final = ("mean", "std", "near_zero")


class ActivationStats(Callback):
    """Record mean, standard deviation and share of zeros of activations, and find dead units.

    A unit (a channel of a convolution, a column of a linear layer) is dead when it gave zero for
    every sample that was looked at in an epoch; a layer with more than half of its units dead is
    named in a warning, once. Numbers stay on the device until the phase ends. A pretrained body
    that does not train is not looked at: it is computed folded, and gives the same every time. Of
    a batch in parts the first one counts.

    Args:
        every: batches of training from one look to the next, at least 1.
        layers: names of modules, as ``model.named_modules()`` has them; all activation functions by
            default, or without any all layers of weights.

    Raises:
        ValueError: when ``every`` is out of range; at the start of a fit, for a name that the model
            does not have.

    Attributes:
        stats: for each layer float32 (looks, 3): mean, std, and share within 1e-6 of zero.
        dead: for each layer the share of units that were dead in the last epoch, in [0, 1].
    """

    looks_on = True

    @checked_keywords
    def __init__(self, *, every: int = 10, layers: Sequence[str] | None = None) -> None:
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(
                "ActivationStats(): every must be a whole number of batches of at least 1, "
                f"found {every!r}."
            )
        self.every, self.layers = every, layers
        self.stats: dict[str, Tensor] = {}
        self.dead: dict[str, float] = {}
        self._seen: dict[str, list[Tensor]] = {}
        self._alive: dict[str, Tensor] = {}
        self._told: set[str] = set()
        self._handles: list[RemovableHandle] = []
        self._looking = False

    @override
    def before_fit(self, state: State) -> None:
        self.stats, self.dead, self._seen, self._alive = {}, {}, {}, {}
        self._told = set()
        _chosen(state.model, self.layers)  # a wrong name is said now

    @override
    def before_phase(self, state: State) -> None:
        if state.training:
            self._alive = {}
            for name, module in _chosen(state.model, self.layers).items():
                self._handles.append(module.register_forward_hook(self._looker(name)))

    @override
    def before_batch(self, state: State) -> None:
        self._looking = state.training and state.progress.batches_done % self.every == 0

    @override
    def after_loss(self, state: State) -> None:
        self._looking = False  # what is computed again, as by SAM or checkpoints, is no other look

    @override
    def after_phase(self, state: State) -> None:
        self._remove()
        if state.training:
            self._flush()
            self.dead = {n: 1 - float(alive.float().mean()) for n, alive in self._alive.items()}
            self._tell()

    @override
    def on_error(self, state: State, error: BaseException) -> None:
        self._remove()

    @override
    def after_fit(self, state: State) -> None:
        self._remove()
        self._flush()

    @override
    def state_dict(self) -> dict[str, Any]:
        self._flush()
        alive = {name: value.cpu() for name, value in self._alive.items()}
        return {"stats": self.stats, "dead": self.dead, "alive": alive, "told": sorted(self._told)}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.stats, self.dead = dict(state["stats"]), dict(state["dead"])
        self._alive, self._told = dict(state["alive"]), set(state["told"])

    @checked_keywords
    def plot(self, *, path: str | PathLike[str] | None = None) -> None:
        """Draw mean, standard deviation and share of zeros of each layer over the looks.

        Args:
            path: a file to save the picture to; None shows it on the screen or in the notebook.
        """
        figure = new_figure((12, 3.5), path=path, purpose="ActivationStats.plot()")
        for i, (title, axes) in enumerate(zip(_STATS, figure.subplots(1, 3), strict=True)):
            for name, values in self.stats.items():
                axes.plot(values[:, i].tolist(), label=name)
            axes.set(title=title.replace("_", " "), xlabel=f"look, every {self.every} batches")
        if self.stats:
            figure.legend(*axes.get_legend_handles_labels(), loc="outside right", fontsize="small")
        finish(figure, path=path, purpose="ActivationStats.plot()")

    def _looker(self, name: str) -> Any:
        def look(module: nn.Module, inputs: object, output: object) -> None:
            if self._looking and isinstance(output, Tensor):
                self._look(name, output.detach())

        return look

    def _look(self, name: str, output: Tensor) -> None:
        with torch.no_grad():
            values, zero = output.float(), output.abs() <= NEAR_ZERO
            std, mean = torch.std_mean(values, correction=0)
            self._seen.setdefault(name, []).append(torch.stack([mean, std, zero.float().mean()]))
            unit = 1 if output.ndim > 3 else output.ndim - 1
            alive = (~zero).movedim(unit, 0).flatten(1).any(1)
            before = self._alive.get(name)
            self._alive[name] = alive if before is None else before.to(alive.device) | alive

    def _flush(self) -> None:
        for name, values in self._seen.items():
            rows = torch.stack(values).cpu()
            before = self.stats.get(name)
            self.stats[name] = rows if before is None else torch.cat([before, rows])
        self._seen = {}

    def _tell(self) -> None:
        for name, share in self.dead.items():
            if share > MANY_DEAD and name not in self._told:
                self._told.add(name)
                warn_user(
                    f"ActivationStats: {share:.0%} of the units of {name} gave zero for every "
                    "sample of this epoch and can no longer learn. A lower rate, a warm-up or "
                    "LeakyReLU keeps units alive."
                )

    def _remove(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles, self._looking = [], False


def _chosen(model: nn.Module, names: Sequence[str] | None) -> dict[str, nn.Module]:
    modules = dict(model.named_modules())
    if names is not None:
        for name in names:
            if name not in modules:
                raise ValueError(
                    f"ActivationStats(): the model has no layer {name!r}."
                    f"{did_you_mean(name, modules)}"
                )
        return {name: modules[name] for name in names}
    frozen = set(_frozen_body(model))
    looked = {name: module for name, module in modules.items() if id(module) not in frozen}
    return _kinds(looked, _ACTIVATIONS) or _kinds(looked, _LAYERS)


def _kinds(modules: dict[str, nn.Module], kinds: Kinds) -> dict[str, nn.Module]:
    return {name: module for name, module in modules.items() if isinstance(module, kinds)}


def _frozen_body(model: nn.Module) -> Iterator[int]:
    """Give the ids of the modules of a body that is computed without being run itself."""
    if has_fast_body(model) and not any(p.requires_grad for p in model.body.parameters()):
        yield from map(id, model.body.modules())
