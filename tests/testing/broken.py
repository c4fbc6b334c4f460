"""Callbacks that break the loop's contract, each in one way."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from learnkit.callback import Callback
from learnkit.state import Phase, State
from learnkit.types import Batch


class Steps(Callback):
    """Keeps every rule: a factor of the loss that depends on the steps so far."""

    def __init__(self) -> None:
        self.steps = 0

    def before_fit(self, state: State) -> None:
        self.steps = 0

    def after_loss(self, state: State) -> None:
        if state.training:
            state.loss = state.loss / (1 + self.steps)

    def after_step(self, state: State) -> None:
        self.steps += 1

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]


class Careless(Steps):
    """Goes on from the last fit."""

    def before_fit(self, state: State) -> None:
        pass


class Forgetful(Steps):
    """Saves nothing."""

    def state_dict(self) -> dict[str, Any]:
        return {}


class HalfLoaded(Steps):
    """Saves it, and does not take it back."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class Opaque(Steps):
    """Saves an object."""

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "device": torch.device("cpu")}


class Counting(Steps):
    """Changes when it is looked at."""

    def state_dict(self) -> dict[str, Any]:
        self.steps += 1
        return {"steps": self.steps}


class Nothing(Callback):
    """Returns no dict."""

    def state_dict(self) -> Any:
        return None


class Swapped(Callback):
    """Puts other weights in for validation, and back at its end; not after an error."""

    def __init__(self) -> None:
        self.kept: list[Tensor] = []

    def before_phase(self, state: State) -> None:
        if state.phase is Phase.VALID:
            self.kept = [p.detach().clone() for p in state.model.parameters()]
            with torch.no_grad():
                for parameter in state.model.parameters():
                    parameter.mul_(0.5)

    def after_phase(self, state: State) -> None:
        if state.phase is Phase.VALID:
            self.put_back(state)

    def put_back(self, state: State) -> None:
        with torch.no_grad():
            for parameter, kept in zip(state.model.parameters(), self.kept, strict=False):
                parameter.copy_(kept)
        self.kept = []


class SwappedWell(Swapped):
    """After an error too."""

    def on_error(self, state: State, error: BaseException) -> None:
        self.put_back(state)


class Noisy(Callback):
    """Noise on the weights for the forward pass alone; it stays after an error."""

    def __init__(self) -> None:
        self.kept: list[Tensor] = []

    def before_batch(self, state: State) -> None:
        if state.training:
            self.kept = [p.detach().clone() for p in state.model.parameters()]
            for parameter in state.model.parameters():
                parameter.data.add_(0.125)  # unseen by autograd

    def after_loss(self, state: State) -> None:
        if state.training:
            for parameter, kept in zip(state.model.parameters(), self.kept, strict=True):
                parameter.data.copy_(kept)


class Hooked(Callback):
    """A hook on a module, removed by whatever runs last in a good fit."""

    def __init__(self) -> None:
        self.handle: RemovableHandle | None = None

    def before_fit(self, state: State) -> None:
        self.handle = state.model.register_forward_hook(lambda module, args, out: None)

    def after_epoch(self, state: State) -> None:
        if self.handle is not None and state.progress.epochs_done == 1:
            self.handle.remove()


class Unfreezing(Callback):
    """Changes requires_grad for good."""

    def before_fit(self, state: State) -> None:
        next(state.model.parameters()).requires_grad_(False)


class Undropped(Callback):
    """Another dropout, for good."""

    def before_fit(self, state: State) -> None:
        for module in state.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0


class Swallowed(Callback):
    """Fails while it cleans up."""

    def on_error(self, state: State, error: BaseException) -> None:
        raise RuntimeError("the file is closed")


class Meddling(Callback):
    """Says that it only looks on."""

    looks_on = True

    def before_batch(self, state: State) -> None:
        if state.training:
            state.batch = Batch(state.batch.x * 1.001, state.batch.y)


class Parting(Callback):
    """Changes the weights when all is over."""

    looks_on = True

    def after_fit(self, state: State) -> None:
        with torch.no_grad():
            next(state.model.parameters()).zero_()


class Random(Callback):
    """Draws from a generator of its own."""

    def __init__(self) -> None:
        self.drawn = torch.Generator().manual_seed(0)

    def before_fit(self, state: State) -> None:
        self.drawn.manual_seed(0)

    def after_loss(self, state: State) -> None:
        if state.training:
            state.loss = state.loss * (1 + torch.rand((), generator=self.drawn))


class Failing(Callback):
    """Fails in a fit."""

    def before_fit(self, state: State) -> None:
        raise ValueError("no metric 'f1'.")


class Named(Callback):
    """A name that is another one each time."""

    made = 0

    def __init__(self) -> None:
        Named.made += 1
        self.number = Named.made

    @property
    def name(self) -> str:
        return f"named_{self.number}"
