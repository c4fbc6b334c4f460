"""A fit with checkpoints: go on where one was killed, write new ones, roll back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from learnkit.callback import Callback
from learnkit.checkpoint import Snapshot, misfits
from learnkit.data.warn import warn_user
from learnkit.errors import CheckpointError, NonFiniteLossError
from learnkit.forward import Parts
from learnkit.gradients import GradientGroup
from learnkit.history import History
from learnkit.loop import run_fit
from learnkit.micro_batch import MicroBatches
from learnkit.monitor import resolve
from learnkit.runs.checkpoints import SavePlan
from learnkit.runs.folder import RunFolder
from learnkit.runs.identity import Identity, differences, few, fingerprint, machine_identity
from learnkit.runs.moment import Moment, Running, put_back, snapshot_of
from learnkit.runs.saver import Saver

ROLLBACKS: Final = 5  # in one fit, before the loss counts as lost
SLOWER: Final = 0.5  # what a rollback does to the learning rate


class SavedFit:
    """One call of ``fit(checkpoint=...)``.

    Args:
        parts: what the loop is put together from, with the progress of a fresh fit.
        callbacks: all of them, in their order.
        plan: where and when to save.
        folder: of the checkpoints.
        identity: what must be the same to go on.
        before: what the learner had behind it, for the checkpoints' head.
        say: tells the user a line.
        begins: called once it is known that the fit runs, or has run.
    """

    def __init__(
        self,
        parts: Parts,
        callbacks: Sequence[Callback],
        *,
        plan: SavePlan,
        folder: Path,
        identity: Identity,
        before: Mapping[str, Any],
        say: Callable[[str], None],
        begins: Callable[[], None] = lambda: None,
    ) -> None:
        self._parts, self._callbacks, self._plan = parts, callbacks, plan
        self._identity, self._before, self._say = identity, before, say
        self._begins = begins
        self._folder = RunFolder(folder)
        where, state = plan.where, parts.state
        self._monitor = (
            resolve(where.monitor, where.mode, state.higher_is_better, owner="Checkpoints")
            if where.monitor is not None
            else None
        )

    def run(self, history: History) -> None:
        """Run the fit, or what is left of it; ``history`` gets all of its rows.

        Raises:
            CheckpointError: when the folder cannot be written, is in use, or holds the checkpoints
                of another fit.
        """
        with self._folder:
            if self._plan.resume == "never":
                self._folder.clear()
            start = self._start()
            self._begins()
            if start is not None:
                self._go_to(start, history)
                if start.stage == "finished":
                    self._take_over(start, history)
                    return
            saver = Saver(self._folder, self._plan, head=self._head, monitor=self._monitor)
            try:
                self._run(history, saver, start)
            finally:
                saver.close()

    def _start(self) -> Moment | None:
        found = self._folder.newest()
        if found is None:
            return None
        self._refuse_another(found)
        progress, steps = found.progress, f"after {found.progress.batches_seen} batches"
        if found.stage == "finished":
            self._say(
                f"this fit is finished, {steps}: its result is that of {found.source}; "
                "resume='never' trains anew"
            )
        else:
            self._say(f"going on in epoch {progress.epochs_done + 1}, {steps}: {found.source}")
        return found

    def _refuse_another(self, found: Moment) -> None:
        """Compare what was saved with what is asked for now."""
        there = found.head.get("identity", {})
        problems = differences(there, self._identity)
        if any(line.startswith("model.") for line in problems):
            problems += misfits(self._parts.state.model, found.model)
        if problems and all(line.startswith("start.") for line in problems):
            raise CheckpointError(
                f"{self._folder.path} holds the checkpoints of a fit that began at another point "
                f"of the learner's training: {few(problems)}. To train on, give another folder; to "
                "go on with that fit, or get its result, make the learner anew."
            )
        if problems:
            raise CheckpointError(
                f"{self._folder.path} holds the checkpoints of another fit, so nothing was "
                f"trained. What differs: {few(problems)}. Give another folder or the same "
                "settings; resume='never' starts anew and deletes what is there; "
                f"learn.rewind({str(found.source.name)!r}, checkpoint=...) goes on from its "
                "weights with other settings."
            )
        machine = differences(found.head.get("machine", {}), machine_identity())
        if machine:
            warn_user(
                "The checkpoint was written under other conditions, so sums may differ in their "
                f"last bits: {few(machine)}."
            )

    def _take_over(self, end: Moment, history: History) -> None:
        state, running = self._parts.state, self._running(history)
        taking_part = [callback for callback in self._callbacks if not callback.looks_on]
        put_back(replace(running, callbacks=taking_part), end)
        state.model.eval()
        history.stop_reason = end.stop_reason

    def _running(self, history: History) -> Running:
        parts = self._parts
        return Running(
            state=parts.state,
            precision=parts.precision,
            callbacks=self._callbacks,
            history=history,
            group=GradientGroup(parts.state.optimizer),
            micro=MicroBatches(parts.micro_batch),
        )

    def _run(self, history: History, saver: Saver, start: Moment | None) -> None:
        rolled_back = 0
        while True:
            saver.started(self._parts.state.progress.steps_done)
            try:
                run_fit(self._parts, self._callbacks, history, saver=saver, start=start)
                return
            except NonFiniteLossError as error:
                rolled_back += 1
                if self._parts.nonfinite != "rollback" or rolled_back > ROLLBACKS:
                    raise
                reason = error
            saver.wait()
            found = self._folder.newest()
            if found is None:
                raise reason
            start = _slower(found, reason)
            # in its place, so that a fit that is killed from here on has the lower rate too
            self._folder.write(found.source.name, snapshot_of(start))
            self._go_to(start, history)

    def _go_to(self, start: Moment, history: History) -> None:
        """Set what hooks see before the rest is put back: the open epoch's first counts."""
        history.restart(start.rows)
        self._parts.state.progress.load_state_dict(start.began.state_dict())

    def _head(self, snapshot: Snapshot) -> Mapping[str, Any]:
        return {
            **self._before,
            "identity": self._identity,
            "machine": machine_identity(),
            "fingerprint": fingerprint(self._identity, snapshot.parts["model"]),
        }


def _slower(found: Moment, reason: NonFiniteLossError) -> Moment:
    """Return a moment with lower learning rates, and say so."""
    warn_user(f"Going back to {found.source.name} with {SLOWER:g} of its learning rate: {reason}")
    optimizer = dict(found.saved["optimizer"])
    optimizer["param_groups"] = [
        {k: v * SLOWER if k in ("lr", "initial_lr") else v for k, v in group.items()}
        for group in optimizer["param_groups"]
    ]
    return replace(found, saved={**found.saved, "optimizer": optimizer})
