"""Learn from a teacher: a model that is already good."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.errors import CheckpointError, ModelError
from learnkit.forward import full
from learnkit.names import checked_keywords
from learnkit.precision import autocast_of
from learnkit.state import State


class Distillation(Callback):
    """Draw the model's predictions towards those of a teacher.

    Hinton et al. 2015, arXiv 1503.02531, section 2: the training loss becomes
    ``(1 - weight) * loss + weight * T**2 * KL(teacher || model)``, where both distributions are
    softened by the temperature T. The teacher sees the very batch that the model sees:
    augmented, normalised and mixed. It runs in eval mode, without gradients and in the model's
    precision; after the fit its modes and its device are what they were. ``valid_loss`` is the loss
    alone.

    Args:
        teacher: gives logits (B, K) for the x and the K classes of the model, in their order; of a
            loaded export ``load_learner(path).model``. Its weights are not in checkpoints, but a
            fit that goes on with another teacher is refused.
        temperature: above 0; higher ones show more of what the teacher holds for unlikely.
        weight: of the teacher, in [0, 1].

    Raises:
        TypeError: when ``teacher`` is no module.
        ValueError: when an option is out of range.
        ModelError: when the teacher shares weights with the model, or its predictions have
            another shape.
        CheckpointError: when a fit goes on with another teacher.

    Example:
        ``learn.fit(10, callbacks=Distillation(big.model, temperature=4.0))``
    """

    @checked_keywords
    def __init__(
        self, teacher: nn.Module, *, temperature: float = 2.0, weight: float = 0.5
    ) -> None:
        given: object = teacher
        if not isinstance(given, nn.Module):
            has_one = isinstance(getattr(given, "model", None), nn.Module)
            raise TypeError(
                f"Distillation() takes an nn.Module as teacher, found {type(given).__name__}."
                + (" Give its .model." if has_one else "")
            )
        if not (_is_number(temperature) and 0 < temperature < float("inf")):
            raise ValueError(
                f"Distillation(): temperature must be a number above 0, found {temperature!r}."
            )
        if not (_is_number(weight) and 0 <= weight <= 1):
            raise ValueError(f"Distillation(): weight must be in [0, 1], found {weight!r}.")
        self.teacher = teacher
        self.temperature = temperature
        self.weight = weight
        self._modes: list[tuple[nn.Module, bool]] = []
        self._home: torch.device | None = None
        self._fingerprint: str | None = None

    @override
    def before_fit(self, state: State) -> None:
        ours = {id(p) for p in state.model.parameters()}
        if any(id(p) in ours for p in self.teacher.parameters()):
            raise ModelError(
                "Distillation: the teacher has weights that are the model's own, so it would "
                "change as the model learns. Give a copy: copy.deepcopy(learn.model)."
            )
        self._fingerprint = None
        self._modes = [(module, module.training) for module in self.teacher.modules()]
        first = next(self.teacher.parameters(), None)
        self._home = first.device if first is not None else None
        self.teacher.to(state.device).eval()

    @override
    def after_loss(self, state: State) -> None:
        if not state.training:
            return
        preds, taught = state.preds, self._taught(state)
        if preds.ndim < 2 or preds.shape[1] < 2 or preds.shape != taught.shape:
            raise ModelError(
                f"Distillation: the teacher gives {tuple(taught.shape)} and the model "
                f"{tuple(preds.shape)}; both must be logits (B, K) of the same K classes, at "
                "least 2."
            )
        ours = F.log_softmax(preds / self.temperature, 1)
        theirs = F.log_softmax(taught.to(preds.dtype) / self.temperature, 1)
        apart = F.kl_div(ours, theirs, reduction="none", log_target=True).sum(1).mean()
        state.loss = (1 - self.weight) * state.loss + self.weight * self.temperature**2 * apart

    @override
    def after_fit(self, state: State) -> None:
        for module, training in self._modes:
            module.training = training
        self._modes = []
        if self._home is not None:
            self.teacher.to(self._home)

    @override
    def state_dict(self) -> dict[str, Any]:
        if self._fingerprint is None:  # not before: it reads all weights
            from learnkit.runs.identity import fingerprint

            self._fingerprint = fingerprint({}, self.teacher.state_dict())
        return {"teacher": self._fingerprint}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        here, there = self.state_dict()["teacher"], state["teacher"]
        if here != there:
            raise CheckpointError(
                f"this fit was with another teacher: SHA-256 {there[:12]}... there, "
                f"{here[:12]}... here. Give Distillation the same one, or begin another fit."
            )

    def _taught(self, state: State) -> Tensor:
        """Return the teacher's logits for the open batch, without a graph."""
        x = state.batch.x
        try:
            with torch.no_grad(), autocast_of(state.precision, state.device.type):
                return full(self.teacher(x)).detach()
        except Exception as error:
            error.add_note(f"This is Distillation's teacher, given x {tuple(x.shape)}.")
            raise


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
