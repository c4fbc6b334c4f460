"""``learnkit train``: the five lines as a command."""

from argparse import Namespace
from pathlib import Path

import torch

from learnkit import models
from learnkit.callbacks.logs.csv_log import CSVLog
from learnkit.commands.places import device_of, writable_folder
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import CheckpointError, ModelError, WeightsError
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.models.backbone import Backbone
from learnkit.models.catalogue import TIMM_PREFIX, backbone_names, timm
from learnkit.names import did_you_mean
from learnkit.precision import PrecisionName
from learnkit.runs.checkpoints import FINE_TUNE_PARTS, Checkpoints
from learnkit.runs.folder import RunFolder, is_finished
from learnkit.vision import cnn_learner

CHECKPOINTS = "checkpoints"
FROM_SCRATCH = ("xresnet18", "xresnet34", "xresnet50")


def run(args: Namespace) -> int:
    """Train, show the table, write ``model``, ``history.json`` and ``history.csv``."""
    arch = find_arch(args.arch)
    device = device_of(args.device)
    out = writable_folder(args.out)
    if not args.resume:
        _refuse_to_forget(out)
    data = ImageDataBunch.from_folder(
        args.path,
        valid_pct=args.valid_pct,
        size=args.size,
        batch_size=args.batch_size,
        seed=args.seed,
    )
    print(data)
    learn = _learner(arch, data, args.weights, args.precision, device)
    table = out / "history.csv"
    if not args.resume:
        table.unlink(missing_ok=True)
    rate = {} if args.lr is None else {"base_lr" if args.fine_tune else "lr": args.lr}
    train = learn.fine_tune if args.fine_tune else learn.fit
    history = train(
        args.epochs,
        callbacks=CSVLog(table, append=True),  # fine_tune has two parts
        checkpoint=Checkpoints(out / CHECKPOINTS, keep=2),
        resume="auto" if args.resume else "never",
        **rate,
    )
    history.to_json(out / "history.json")
    model = learn.export(out / "model")
    print(f"model written to {model}; try: learnkit predict {model} PHOTO")
    return 0


def _refuse_to_forget(out: Path) -> None:
    """Raise when a training that was stopped would be begun anew over its checkpoints."""
    parts = [out / CHECKPOINTS, *(out / CHECKPOINTS / part for part in FINE_TUNE_PARTS)]
    names = {part: RunFolder(part).names() for part in parts}
    stopped = [part for part, found in names.items() if found and not is_finished(found[-1])]
    if stopped:
        raise CheckpointError(
            f"{out} holds a training that was stopped: {names[stopped[-1]][-1]}. --resume goes on "
            f"with it; another --out, or deleting {out / CHECKPOINTS}, starts anew."
        )


def find_arch(name: str) -> Backbone | str:
    """Return a backbone, or the name of a model to train from scratch.

    Raises:
        ModelError: when there is no such model; names the nearest.
    """
    if name.startswith(TIMM_PREFIX):
        return timm(name.removeprefix(TIMM_PREFIX))
    if name in FROM_SCRATCH:
        return name
    if name in backbone_names():
        found: Backbone = getattr(models, name)
        return found
    known = (*backbone_names(), *FROM_SCRATCH)
    raise ModelError(
        f"there is no architecture {name!r}.{did_you_mean(name, known)} "
        f"Known: {', '.join(known)}; and timm/NAME."
    )


def _learner(
    arch: Backbone | str,
    data: ImageDataBunch,
    weights: str,
    precision: PrecisionName,
    device: torch.device,
) -> Learner:
    if isinstance(arch, Backbone):
        return cnn_learner(
            data,
            arch,
            weights=None if weights == "none" else weights,
            metrics=accuracy,
            precision=precision,
            device=device,
        )
    if weights not in ("default", "none"):
        raise WeightsError(f"{arch} is trained from scratch; leave --weights {weights} out.")
    model = getattr(models, arch)(data.n_classes)
    return Learner(data, model, metrics=accuracy, precision=precision, device=device)
