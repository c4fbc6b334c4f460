"""The beginning of a script: what it is, imports, settings, schedules and random numbers."""

import ast
import hashlib
import pprint
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Final

import torch
from torch import nn

from learnkit.eject.forward_code import Loop
from learnkit.eject.kept import KeptFit
from learnkit.eject.optimizer_code import (
    Layers,
    Trained,
)
from learnkit.eject.order_code import DataCode
from learnkit.eject.part_code import part_code, sources_of_curves
from learnkit.eject.run import Run
from learnkit.eject.source import source_of, sources
from learnkit.eject.values import loss_code
from learnkit.randomness import (
    _GAMMA,
    _M1,
    _M2,
    _WORD,
    SampleKeys,
    _mix_array,
    _mixed,
    key_of,
    mix,
    permutation,
    uniforms,
)
from learnkit.version import __version__

IMPORTS: Final = (
    "import functools",
    "import hashlib",
    "import json",
    "import math",
    "import zlib",
    "from bisect import bisect_right",
    "from collections import OrderedDict, namedtuple",
    "from dataclasses import dataclass",
    "from itertools import pairwise",
    "import itertools",
    "from pathlib import Path",
    "import sys",
    "from typing import Any, ClassVar",
    "import numpy as np",
    "import torch",
    "import torch.nn.functional as F",
    "from safetensors.torch import load_file, save_file",
    "from torch import fx, nn, Tensor",
    "from torch.nn import functional",
    "from torch.nn.utils.fusion import fuse_conv_bn_eval",
)


def imports_of(wanted: Sequence[str], body: str) -> str:
    """Return the imports that a script needs, its own first."""
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    kept = {cut for line in wanted if (cut := _used(line, used))}
    lines = sorted(kept, key=lambda line: line.split()[1].casefold())
    foreign = [line for line in lines if line.split()[1].split(".")[0] in _FOREIGN]
    return "\n".join([*(line for line in lines if line not in foreign), "", *foreign])


def _used(line: str, used: Set[str]) -> str:
    """Return an import without the names that nobody uses; empty when there are none."""
    origin, _, names = line.partition(" import ")
    if not names:
        name = line.split()[-1].split(".")[0]
        return line if name in used else ""
    kept = [name for name in names.split(", ") if name in used]
    return f"{origin} import {', '.join(kept)}" if kept else ""


_FOREIGN: Final = (
    "cv2",
    "numpy",
    "PIL",
    "safetensors",
    "simplejpeg",
    "timm",
    "torch",
    "torchvision",
)


def head(run: Run, path: Path, left_out: Sequence[str], data: DataCode) -> str:
    """Return the docstring: what the script is, where its bits are the same, what lies beside."""
    fits = run.fits.fits
    epochs = sum(fit.epochs for fit in fits)
    files = [
        f"{path.stem}.safetensors: the first weights" + (" and the data" * (not data.document))
    ]
    if data.document:
        files.append(f"{path.stem}.json: the files of the photos and their labels")
    lines = [
        f'"""A training run of {epochs} epochs in plain PyTorch, as learnkit {__version__} ran it.',
        "",
        "It ends with the same weights, bit for bit, where the libraries and the kind of machine",
        f"are the same: torch {torch.__version__} on {run.device.type}, {run.precision}.",
        "Beside it:",
        *(f"- {line}" for line in files),
    ]
    if left_out:
        lines += [f"Metrics that are left out: {', '.join(left_out)}."]
    begin, *rest = lines
    return "\n".join(
        [begin, *map(_escaped, rest), '"""', "", "from __future__ import annotations", ""]
    )


def _escaped(line: str) -> str:
    """Return a line for a docstring, whatever names the user gave."""
    return repr(line)[1:-1].replace('"', '\\"')


def settings_code(
    run: Run,
    layers: Layers,
    fits: Sequence[KeptFit],
    rules: Sequence[Trained],
    loop: Loop,
    data: DataCode,
) -> str:
    """Return the constants of a script, and the parts that are trained one after the other."""
    names = pprint.pformat(tuple(layers), width=94, compact=True)
    lines = [
        "HERE = Path(__file__)",
        f'DEVICE = "{run.device.type}"',
        f"SEED = {int(run.seed)}",
        f"torch.set_num_threads({fits[-1].threads})  # sums are split over threads, and so rounded",
    ]
    if torch.get_float32_matmul_precision() != "highest":
        lines.append(
            f'torch.set_float32_matmul_precision("{torch.get_float32_matmul_precision()}")'
        )
    lines += [
        f"FIRST_EPOCH, FIRST_BATCH = {fits[0].epochs_before}, {fits[0].batches_before}",
        f'TRAINED_SHA256 = "{digest(run.model)}"',
        f"loss_func = {loss_code(run.loss)}",
        'Batch = namedtuple("Batch", "x y")' if loop.keyed else "",
        f"REPEATS = {data.repeats}  # photos that come back unchanged" if loop.frozen else "",
        "# parameters by the beginnings of their names, early to late",
        f"LAYERS = {names}",
    ]
    if loop.norms:
        lines += [
            "BATCH_NORMS = (nn.modules.batchnorm._BatchNorm,)",
            "NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)",
        ]
    curves = sources_of_curves()
    parts = "\n".join(
        part_code(fit, rule, len(layers), loop) for fit, rule in zip(fits, rules, strict=True)
    )
    text = "\n".join(line for line in lines if line)
    return f"{text}\n\n\n{curves}\n\n\nPARTS = (\n{parts}\n)"


def random_code(keyed: bool) -> str:
    """Return the functions of random numbers; ``keyed``: those of samples' changes too."""
    constants = "\n".join(
        f"{name} = 0x{value:X}"
        for name, value in (("_WORD", _WORD), ("_GAMMA", _GAMMA), ("_M1", _M1), ("_M2", _M2))
    )
    code = f"{constants}\n\n\n" + sources(mix, _mixed, key_of, _mix_array, uniforms, permutation)
    if not keyed:
        return code
    again = '''
    def again(self, name: str, number: int) -> SampleKeys:
        """Keys of a second change of the same kind."""
        return SampleKeys(mix(self.seed, key_of(name), number), self.epoch, self.indices)'''
    return f"{code}\n\n\n{source_of(SampleKeys)}\n{again}"


def digest(model: nn.Module) -> str:
    """Return the SHA-256 of a model's tensors, in the order of their names."""
    sha = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        flat = value.detach().cpu().contiguous().flatten().view(torch.uint8)
        sha.update(name.encode() + flat.numpy().tobytes())
    return sha.hexdigest()
