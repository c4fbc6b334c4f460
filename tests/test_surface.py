"""The names that users get: few, sorted, documented, annotated, and cheap to import."""

import inspect
import json
import os
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

import learnkit
import learnkit.callbacks
import learnkit.models
import learnkit.vision
from learnkit.names import checked_keywords

SURFACES = [learnkit, learnkit.vision, learnkit.callbacks, learnkit.models]
HEAVY = ("IPython", "matplotlib", "pandas", "sklearn", "timm", "torchmetrics", "torchvision")


def by_number(name: str) -> list[str | int]:
    """Sort resnet18 before resnet101."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


@pytest.mark.parametrize("surface", SURFACES, ids=lambda module: module.__name__)
def test_a_surface_is_sorted_small_and_complete(surface: types.ModuleType) -> None:
    names = surface.__all__
    assert names == sorted(names, key=by_number)
    assert len(names) == len(set(names)) <= 60
    assert [name for name in names if not hasattr(surface, name)] == []
    assert [name for name in names if name.startswith("_")] == []


def test_the_package_gives_what_its_application_gives() -> None:
    assert learnkit.__all__ == learnkit.vision.__all__
    for name in learnkit.__all__:
        assert getattr(learnkit, name) is getattr(learnkit.vision, name)


def test_the_five_lines_need_one_import() -> None:
    five = {"ImageDataBunch", "accuracy", "cnn_learner", "load_learner", "models", "untar_data"}
    assert five <= set(learnkit.vision.__all__)


def test_a_star_import_brings_the_surface_alone() -> None:
    space: dict[str, Any] = {}
    exec("from learnkit.vision import *", space)
    assert space.keys() - {"__builtins__"} == set(learnkit.vision.__all__)


def public() -> Iterator[Any]:
    for surface in SURFACES:
        for name in surface.__all__:
            thing = getattr(surface, name)
            if inspect.isfunction(thing) or inspect.isclass(thing):
                label = f"{surface.__name__.split('.')[-1]}.{name}"
                yield pytest.param(thing, id=label)


def members(thing: Any) -> Iterator[tuple[str, Any]]:
    """Give the public functions of a class, its properties' too, or the function itself."""
    if inspect.isfunction(thing):
        yield thing.__qualname__, thing
        return
    for name, value in vars(thing).items():
        value = value.fget if isinstance(value, property) else value
        value = getattr(value, "__func__", value)
        if inspect.isfunction(value) and not name.startswith("_"):
            yield value.__qualname__, value


def is_override(function: Any) -> bool:
    return bool(getattr(function, "__override__", False))


@pytest.mark.parametrize("thing", list(public()))
def test_every_public_name_is_documented(thing: Any) -> None:
    assert inspect.getdoc(thing), thing
    lacking = [n for n, f in members(thing) if not f.__doc__ and not is_override(f)]
    assert lacking == []


@pytest.mark.parametrize("thing", list(public()))
def test_every_public_function_is_annotated_whole(thing: Any) -> None:
    functions = list(members(thing))
    if inspect.isclass(thing) and "__init__" in vars(thing):
        functions.append((f"{thing.__name__}.__init__", vars(thing)["__init__"]))
    for name, function in functions:
        signature = inspect.signature(function)
        bare = [
            parameter.name
            for parameter in signature.parameters.values()
            if parameter.annotation is parameter.empty and parameter.name not in ("self", "cls")
        ]
        assert bare == [], name
        if not name.endswith("__init__"):
            assert signature.return_annotation is not signature.empty, name


def test_a_wrapped_function_shows_its_own_signature() -> None:
    @checked_keywords
    def fit(epochs: int, *, lr: float = 0.1) -> None:
        """Fit."""

    assert str(inspect.signature(fit)) == "(epochs: int, *, lr: float = 0.1) -> None"


def test_importing_learnkit_loads_nothing_heavy() -> None:
    """Nor does it touch torch's generators, the environment or the logging handlers."""
    script = (
        "import json, logging, os, sys, torch\n"
        "state, environment = torch.get_rng_state(), dict(os.environ)\n"
        "import learnkit, learnkit.vision\n"
        "assert torch.equal(state, torch.get_rng_state())\n"
        "assert environment == dict(os.environ)\n"
        "assert not logging.getLogger('learnkit').handlers\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [name for name in json.loads(done.stdout) if name in HEAVY] == []


def test_importing_leaves_the_garbage_collector_as_it_was() -> None:
    code = "import gc; {}import learnkit; print(gc.isenabled())"
    for before, expected in (("", "True"), ("gc.disable(); ", "False")):
        done = subprocess.run(
            [sys.executable, "-c", code.format(before)], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected
