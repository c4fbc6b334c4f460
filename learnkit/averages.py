"""Averages of the tensors of a model that train, and their turn in the model's place.

Knows tensors and their names; which average it is, and when it moves, is the callback's business.
No second model is kept: a list of tensors does.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

Move: TypeAlias = Callable[[Sequence[Tensor], Sequence[Tensor]], None]

# The averages of one model that is trained: each must know before another takes the model's place.
_BESIDE: Final[WeakKeyDictionary[nn.Module, list["Averages"]]] = WeakKeyDictionary()


class Averages:
    """An average of each tensor that trains, beside the model or in it.

    What trains are parameters with ``requires_grad``, and the floating buffers of modules in
    training mode (BatchNorm's statistics). Nothing else is written to. Before an average takes the
    place of the model's own values, all averages of that model put these aside: so each of them
    goes on with the right ones, and puts the right ones back, in any order.

    Attributes:
        inside: whether the model holds the averages.
    """

    def __init__(self) -> None:
        self.inside = False
        self._of_model: dict[str, Tensor] = {}
        self._values: dict[str, Tensor] = {}
        self._begun: list[str] = []  # buffers whose averages began in this phase
        self._raw: dict[str, Tensor] | None = None
        self._beside: list[Averages] = []

    def begin(self, model: nn.Module) -> None:
        """Begin anew, with averages of nothing yet."""
        self.release()
        self._of_model = {name: p.detach() for name, p in model.named_parameters()}
        self._of_model |= dict(model.named_buffers())
        self._beside = _BESIDE.setdefault(model, [])
        self._beside.append(self)

    def release(self) -> None:
        """Let go of everything; what is in the model stays there."""
        if self in self._beside:
            self._beside.remove(self)
        self._of_model, self._values, self._raw, self.inside = {}, {}, None, False
        self._begun, self._beside = [], []

    def watch(self, model: nn.Module) -> None:
        """Begin the average of what has begun to train; until now it was one value."""
        buffers = dict(model.named_buffers())
        new = [n for n in _training(model) if n not in self._values and n in self._of_model]
        self._values |= {name: self._of_model[name].clone() for name in new}
        self._begun = [name for name in new if name in buffers]

    def settle(self, model: nn.Module) -> None:
        """Give up the averages begun last of layers that somebody has put in eval mode since."""
        if self._begun:
            training = set(_training(model))
            for name in self._begun:
                if name not in training:
                    del self._values[name]
            self._begun = []

    def move(self, by: Move) -> None:
        """Call ``by(averages, the model's own values)``, which changes the averages in place."""
        own = self._of_model if self._raw is None else self._raw
        if self._values:
            by(list(self._values.values()), [own[name] for name in self._values])

    @property
    def names(self) -> frozenset[str]:
        """Of the tensors that are averaged."""
        return frozenset(self._values)

    def take_from_model(self) -> None:
        """Make the model's values, which were averages and have been worked on, the averages."""
        with torch.no_grad():
            for name, value in self._values.items():
                value.copy_(self._of_model[name])

    def keep(self) -> None:
        """Put the model's own values aside."""
        if self._raw is None and self._values:
            names = [*self._values, *self._counters()]
            self._raw = {name: self._of_model[name].clone() for name in names}

    def put_in(self) -> None:
        """Put the averages into the model."""
        if self._values and not self.inside:
            for averages in self._beside:
                averages.keep()
            self.inside = True  # first, so that an interrupt in between is undone
            self._copy(self._values)

    def put_back(self) -> None:
        """Put the model's own values back, if they are not in it."""
        if self.inside and self._raw is not None:
            self._copy(self._raw)
        self._raw, self.inside = None, False

    def state_dict(self) -> dict[str, Any]:
        """Return the averages, and the model's own values where these are not in the model."""
        return {
            "average": dict(self._values),
            "raw": dict(self._raw or {}) if self.inside else {},
            "inside": self.inside,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned; the model has its tensors already."""
        self._values = self._like_model(state["average"])
        self.inside = bool(state["inside"])
        self._raw = self._like_model(state["raw"]) if self.inside else None
        self._begun = []

    def _counters(self) -> Iterator[str]:
        """Give what norms count beside the statistics that are averaged."""
        places = {name.rpartition(".")[0] for name in self._values if name.endswith("running_mean")}
        for name, value in self._of_model.items():
            if not value.is_floating_point() and name.rpartition(".")[0] in places:
                yield name

    def _like_model(self, saved: dict[str, Tensor]) -> dict[str, Tensor]:
        """Copy tensors to the model's device, in its memory order."""
        found = self._of_model
        return {n: torch.empty_like(found[n]).copy_(v) for n, v in saved.items() if n in found}

    def _copy(self, values: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, value in values.items():
                self._of_model[name].copy_(value)


def _training(model: nn.Module) -> Iterator[str]:
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            yield name
    for place, module in model.named_modules():
        if module.training:
            for name, buffer in module.named_buffers(place, recurse=False):
                if buffer.is_floating_point():
                    yield name
