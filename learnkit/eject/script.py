"""Write what a learner has trained as one plain PyTorch script, with what it needs beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save as save_tensors
from torch import Tensor

from learnkit.callback import Callback
from learnkit.callbacks.gradients.gradient_clip import GradientClip
from learnkit.callbacks.rates.lr_schedule import LRSchedule
from learnkit.callbacks.recorder import Recorder
from learnkit.callbacks.stop.early_stopping import EarlyStopping
from learnkit.eject import plain
from learnkit.eject.change_code import changes_code
from learnkit.eject.data_code import data_code, document_text
from learnkit.eject.forward_code import Loop, pools
from learnkit.eject.kept import KeptFit
from learnkit.eject.loop_code import loop_code
from learnkit.eject.metric_code import clip_code, metric_code
from learnkit.eject.model_code import ModelCode, model_code
from learnkit.eject.optimizer_code import (
    Layers,
    has_momentum,
    layers_of,
    optimizer_code,
    trained_of,
)
from learnkit.eject.order_code import DataCode
from learnkit.eject.run import Run
from learnkit.eject.settings_code import IMPORTS, head, imports_of, random_code, settings_code
from learnkit.eject.source import source_of
from learnkit.eject.tidy import check_python, tidied
from learnkit.errors import ExportError
from learnkit.files import write_file
from learnkit.models.fast_body import has_fast_body


def eject(run: Run, path: Path) -> Path:
    """Write ``path``, and beside it a ``.safetensors`` of first weights and a ``.json`` of files.

    Raises:
        ExportError: naming what no plain script can do, before anything is written.
        CheckpointError: when the files cannot be written.
    """
    if path.suffix != ".py":
        raise ExportError(
            f"eject writes a Python script, and {path.name} does not end in .py; its weights go "
            "beside it under the same name. Call learn.eject('train.py')."
        )
    _check(run)
    optimizer = optimizer_code(run.optimizer)
    layers = layers_of(run.model, run.fits.fits[0])
    model = model_code(run.model)
    data = data_code(run.data.train_dl, run.data.valid_dl, changes=bool(run.data.batch_tfms))
    text = _text(run, path, layers, model, optimizer, data)
    check_python(text)
    tensors = {f"model.{name}": value for name, value in _first_weights(run).items()}
    tensors |= {name: value.contiguous() for name, value in data.tensors.items()}
    write_file(path.with_suffix(".safetensors"), save_tensors(tensors))
    if data.document:
        write_file(path.with_suffix(".json"), document_text(data.document).encode())
    write_file(path, text.encode())
    return path


def _check(run: Run) -> None:
    fits = run.fits
    if not fits.fits:
        raise ExportError("eject writes what was trained, and this learner has run no fit yet.")
    faults = [fits.fault, *(fit.fault for fit in fits.fits)]
    fault = next((fault for fault in faults if fault is not None), None)
    if fault is not None:
        raise ExportError(
            f"The run cannot be ejected: {fault}. Make the learner anew and train it in one go."
        )
    if not fits.unchanged(run.model):
        raise ExportError(
            "The weights are no longer those that the last fit ended with (loaded, restored as "
            "SaveBest(restore=True) does, or changed by hand), so a script would end with others. "
            "Eject right after the fit."
        )
    _check_data(run)
    for fit in fits.fits:
        for callback in fit.callbacks:
            _check_callback(callback)
    for wrong, what in (
        (run.precision not in ("fp32", "bf16"), f"precision {run.precision!r}"),
        (run.device.type not in ("cpu", "cuda"), f"the device {run.device.type!r}"),
        (run.compiled, "compile=True"),
        (isinstance(run.micro_batch, int), f"micro_batch={run.micro_batch}"),
    ):
        if wrong:
            raise ExportError(
                f"eject does not write {what}, whose bits a plain loop would not have. Train with "
                "precision='fp32' or 'bf16' on a CPU or CUDA device, not compiled and in whole "
                "batches."
            )


def _check_data(run: Run) -> None:
    if any(fit.seen.is_other(run.data) for fit in run.fits.fits):
        raise ExportError(
            "The learner's data is another one than that of each fit (learn.data was set), and "
            "eject writes one for all of them. Eject before the data changes, or train each stage "
            "with a learner of its own."
        )
    if any(fit.seen.has_changed(run.data) for fit in run.fits.fits):
        raise ExportError(
            "The tensors or labels of the data were changed in place since a fit saw them, so a "
            "script would train on others. Eject right after the fit, or train on a copy."
        )


def _check_callback(callback: Callback) -> None:
    if type(callback) not in (LRSchedule, Recorder, GradientClip, EarlyStopping):
        raise ExportError(
            f"The callback {type(callback).__name__} takes part in training, and eject writes "
            "GradientClip and EarlyStopping alone; those that only look on (looks_on = True) are "
            "left out. Train without it, or put what it does into a script of your own."
        )


def _first_weights(run: Run) -> dict[str, Tensor]:
    now = {name: value.detach().cpu() for name, value in run.model.state_dict().items()}
    return {name: value.clone().contiguous() for name, value in {**now, **run.fits.start}.items()}


def _text(
    run: Run, path: Path, layers: Layers, model: ModelCode, optimizer: str, data: DataCode
) -> str:
    fits = run.fits.fits
    rules = [trained_of(run.model, layers, fit) for fit in fits]
    metrics, left_out = metric_code(run.metrics)
    changes = changes_code(
        run.data.batch_tfms, run.normalize, photos=bool(data.document) or _has_bytes(data)
    )
    keyed = bool(run.data.batch_tfms)
    n_parameters = len(list(run.model.named_parameters()))
    body_trains = [_body_trains(fit) for fit in fits]
    loop = Loop(
        frozen=run.fast and has_fast_body(run.model) and not all(body_trains),
        pooled=pools(run.model),
        metrics=metrics,
        valid=run.data.valid_dl is not None,
        accumulates=any(fit.plan.accumulate > 1 for fit in fits),
        clip=clip_code(fits),
        momentum=_moved(run, fits),
        bf16=run.precision == "bf16",
        norms=any(rule.norms is not None for rule in rules),
        keyed=keyed,
        all_train=all(len(fit.trained) == n_parameters for fit in fits),
        channels_last=run.channels_last and any(p.ndim == 4 for p in run.model.parameters()),
        prepares=keyed or run.normalize is not None or bool(data.document) or _has_bytes(data),
    )
    imports = [*IMPORTS, *data.imports, *changes.imports, *model.imports]
    sections = {
        "": settings_code(run, layers, fits, rules, loop, data),
        "random numbers, each a function of (seed, epoch, sample)": random_code(keyed),
        "data": data.code,
        "from the loader to the model": changes.code if loop.prepares else "",
        "the model": "\n\n\n".join(part for part in (model.classes, model.build) if part),
        "the optimizer": _OPTIMIZER.format(optimizer=optimizer),
        "training": source_of(plain.mean_loss) + "\n\n\n" + loop_code(loop),
    }
    body = "\n\n\n".join(
        f"# --- {title} ---\n\n{code}" if title else code
        for title, code in sections.items()
        if code
    )
    body = tidied(body, imports)
    return f"{head(run, path, left_out, data)}\n{imports_of(imports, body)}\n\n{body}\n"


_OPTIMIZER: Final = '''def make_optimizer(net):
    """Two groups for each layer group: matrices decay, norms and biases do not."""
    groups = []
    for number, layer in enumerate(LAYERS):
        parameters = [p for name, p in net.named_parameters() if name.startswith(layer)]
        for decayed in (True, False):
            chosen = [p for p in parameters if (p.ndim > 1) is decayed]
            if chosen:
                groups.append({{"params": chosen, "layer": number, "decayed": decayed}})
    return {optimizer}'''


def _has_bytes(data: DataCode) -> bool:
    """Say whether images in memory are bytes, which become floats."""
    return any(t.dtype == torch.uint8 and t.ndim == 4 for t in data.tensors.values())


def _moved(run: Run, fits: Sequence[KeptFit]) -> str | None:
    moves = any(fit.plan.momentum is not None for fit in fits)
    return has_momentum(run.optimizer) if moves else None


def _body_trains(fit: KeptFit) -> bool:
    return any(name.startswith("body.") for name in fit.trained)
