"""The callback under those that send a fit's numbers to a service.

Knows steps, points and failures; what a service is, its `Service` knows.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.data.warn import warn_user
from learnkit.state import State
from learnkit.tracking.service import Service, Status
from learnkit.tracking.settings import fit_settings, plain_config, with_config

LOSSES_AT_ONCE: Final = 32  # fetched from the device together

Numbers = dict[str, float]


class ServiceLog(Callback):
    """Sends ``loss`` and ``lr`` every ``every`` steps, and the row of each epoch.

    One object is one run: a second fit with it, such as the second part of ``fine_tune``, goes on
    in its run, and so does a resumed fit, after the last step of its checkpoint. Points lie at
    optimizer steps, counted over the fits of the run. Losses are fetched 32 at a time, so that no
    step waits for the device.

    What is wrong before the first batch is an error. A service that fails later is a warning: the
    training goes on, what could not be sent is kept and tried again at the next point, and a
    second warning at the end says what was lost.

    Args:
        service: where the points go.
        every: steps between two points; None sends rows only.
        config: settings to keep with the run, besides those that the fit has.

    Attributes:
        run: the name that the service has for the run, None before the first batch.
    """

    looks_on = True
    writes = True

    def __init__(
        self, service: Service, *, every: int | None, config: Mapping[str, object] | None
    ) -> None:
        self.every = check_every(every, owner=self.name)
        self.config = plain_config(config, owner=self.name)
        self.run: str | None = None
        self._service = service
        self._key, self._goes_on = "", False
        self._base = self._step = 0
        self._begin()

    def _begin(self) -> None:
        self._open = self._warned = False
        self._status: Status = "finished"
        self._reason = ""
        self._losses: list[tuple[int, float, Tensor]] = []
        self._unsent: list[tuple[int, Numbers]] = []
        self._last: list[tuple[int, Numbers]] = []  # the points of the newest step that has some

    @override
    def before_fit(self, state: State) -> None:
        self._goes_on, last = bool(self._key), self._last
        self._begin()
        # known before the first checkpoint, so that a fit which is killed at any time goes on in
        # its run; not from a generator of torch, which the fit is seeded by
        self._key = self._key or secrets.token_hex(16)
        self._base, self._last = self._step, last

    @override
    def before_batch(self, state: State) -> None:
        # not earlier: only now is it known whether the fit goes on, and in which run
        if not self._open:
            settings = with_config(fit_settings(state), self.config)
            self.run = self._service.open(
                self._key, goes_on=self._goes_on, settings=settings, step=self._step
            )
            self._open = True
            if self._goes_on and self._service.purges:
                again = [point for point in self._last if point[0] == self._step]
                self._unsent = [*again, *self._unsent]

    @override
    def after_step(self, state: State) -> None:
        steps = state.progress.steps_done
        self._step = self._base + steps
        if self.every is not None and steps % self.every == 0:
            self._losses.append((self._step, state.lr, state.loss.detach()))
            if len(self._losses) >= LOSSES_AT_ONCE:
                self._send()

    @override
    def after_epoch(self, state: State) -> None:
        if not self._open or not state.has_row:
            return
        self._fetch()
        row = {name: float(value) for name, value in state.metrics.items()}
        epoch = state.progress.epochs_before + state.progress.epochs_done + 1
        self._add(self._step, {"epoch": float(epoch), **row})
        self._send()

    @override
    def on_error(self, state: State, error: BaseException) -> None:
        killed = isinstance(error, KeyboardInterrupt | SystemExit)
        self._status = "killed" if killed else "failed"
        self._reason = f"{type(error).__name__}: {error}".rstrip(": ")

    @override
    def after_fit(self, state: State) -> None:
        if not self._open:
            return
        self._open = False
        self._reason = self._reason or state.stop_reason or ""
        try:
            self._send()
        finally:
            self._close()

    @override
    def state_dict(self) -> dict[str, Any]:
        self._send()
        again = [[step, numbers] for step, numbers in self._last if step == self._step]
        return {"run": self._key, "base": self._base, "step": self._step, "again": again}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._key, self._goes_on = state["run"], True
        self._base, self._step = int(state["base"]), int(state["step"])
        self._last = [(int(step), dict(numbers)) for step, numbers in state["again"]]

    def _add(self, step: int, numbers: Numbers) -> None:
        self._unsent.append((step, numbers))
        self._last = [point for point in self._last if point[0] == step] + [(step, numbers)]

    def _fetch(self) -> None:
        """Turn the losses on the device into points; the only place that waits for it."""
        if self._losses:
            values = torch.stack([loss for _, _, loss in self._losses]).tolist()
            for (step, lr, _), loss in zip(self._losses, values, strict=True):
                self._add(step, {"loss": loss, "lr": lr})
            self._losses = []

    def _send(self) -> None:
        self._fetch()
        try:
            while self._unsent:
                self._service.send(*self._unsent[0])
                del self._unsent[0]
        except Exception as error:  # a service may raise anything, and the training must go on
            if not self._warned:
                self._warned = True
                warn_user(
                    f"{self.name} cannot reach its run: {_words(error)} The training goes on; what "
                    "is not sent is kept and tried again."
                )

    def _close(self) -> None:
        lost, unclosed = len(self._unsent), ""
        try:
            self._service.close(self._status, self._reason)
        except Exception as error:  # as above
            unclosed = f" It cannot be closed: {_words(error)}"
        if lost or unclosed:
            # last, as a user may have made errors of warnings
            warn_user(f"{self.name}: {lost} points of run {self.run} are lost.{unclosed}")


def check_every(every: int | None, *, owner: str) -> int | None:
    """Return ``every`` if it is None or a whole number from 1 on.

    Raises:
        TypeError, ValueError: if not.
    """
    if every is not None and (isinstance(every, bool) or not isinstance(every, int)):
        raise TypeError(f"{owner}(): every must be a whole number of steps or None; got {every!r}.")
    if every is not None and every < 1:
        raise ValueError(f"{owner}(): every must be at least 1; got {every}. None sends rows only.")
    return every


def _words(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if text.endswith(".") else f"{text}."
