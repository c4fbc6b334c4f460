"""Every exported callback has its page in docs/callbacks, and the page tells of all its options."""

import ast
import inspect
import re
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import learnkit.callbacks
from learnkit import DataBunch, Learner
from learnkit.callbacks import EMA, SaveLast
from learnkit.checkpoint import load_tensors
from learnkit.testing import tiny_learner
from tests.callbacks.test_contract import SAMPLES
from tests.test_docs import python_blocks

DOCS = Path(__file__).resolve().parents[1] / "docs"
NAMES = learnkit.callbacks.__all__
# SaveTopK is told of in save_top_k.md, MixUp in mixup.md: all small, with underscores between words
PAGES = {page.stem.replace("_", ""): page for page in sorted((DOCS / "callbacks").glob("*.md"))}
NEEDED = "needed"
LINES = range(20, 46)


def page_of(name: str) -> Path:
    return PAGES[name.lower()]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def options_told(page: Path) -> dict[str, str]:
    """Return the default that the table gives for each option, as it is written."""
    told: dict[str, str] = {}
    lines = iter(page.read_text().splitlines())
    for line in lines:
        if line == "| option | default | is |":
            next(lines)
            break
    for line in lines:
        if not line.startswith("|"):
            break
        names, default, _ = cells(line)
        told |= dict.fromkeys(re.findall(r"`(\w+)`", names), default)
    return told


def as_value(default: str) -> Any:
    """Return what a cell of the column ``default`` stands for."""
    try:
        return ast.literal_eval(default.strip("`"))
    except ValueError:  # a function
        return default.strip("`")


def options_there(name: str) -> dict[str, Any]:
    """Return the default of each option; NEEDED where there is none, functions by their names."""
    given = inspect.signature(getattr(learnkit.callbacks, name)).parameters.values()
    defaults = {p.name: NEEDED if p.default is p.empty else p.default for p in given}
    return {
        option: f"{value.__module__}.{value.__name__}" if callable(value) else value
        for option, value in defaults.items()
    }


def test_every_exported_callback_has_a_page_and_no_page_is_left_over() -> None:
    assert sorted(PAGES) == sorted(name.lower() for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_begins_with_the_name_of_its_callback(name: str) -> None:
    assert page_of(name).read_text().splitlines()[:2] == [f"# {name}", ""]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_an_example_with_its_callback(name: str) -> None:
    tree = ast.parse("".join(block.code for block in python_blocks(page_of(name))))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "learnkit.callbacks"
        for alias in node.names
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert name in imported & used


@pytest.mark.parametrize("name", NAMES)
def test_a_page_tells_of_every_option_and_its_default(name: str) -> None:
    told = {option: as_value(default) for option, default in options_told(page_of(name)).items()}
    assert told == options_there(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_short_and_linked_from_the_overview(name: str) -> None:
    page = page_of(name)
    assert len(page.read_text().splitlines()) in LINES
    assert f"[{name}](callbacks/{page.name})" in (DOCS / "callbacks.md").read_text()


def test_what_needs_an_account_or_a_service_is_not_run() -> None:
    """All other examples are, by tests/test_docs.py."""
    still = {
        name for name in NAMES if not any(block.runs for block in python_blocks(page_of(name)))
    }
    assert still == {"CometLog", "MLflowLog", "WandbLog"}


# ------------------------------------------------- what docs/callbacks.md says of the order

MIXING = ("CutMix", "MixUp", "MixUpOrCutMix")
# The pairs of its table that change what is trained by their order.
ORDERED = {
    *map(frozenset, combinations((*MIXING, "OverfitOneBatch", "ProgressiveResizing"), 2)),
    *map(frozenset, product(MIXING, ["WeightNoise"])),
    *map(frozenset, combinations(("SAM", "GradientClip", "AdaptiveGradientClip"), 2)),
    *map(frozenset, product(["WeightNoise"], ("SAM", "AdaptiveGradientClip"))),
    *map(frozenset, product(["Distillation"], ("L1Penalty", "L2Penalty"))),
    frozenset(("EMA", "SWA")),
    frozenset(("LRSchedule", "TorchScheduler")),
}
# One pair is refused, and the sum of the other may be rounded by its order.
APART = {frozenset(("GradientAccumulation", "SAM")), frozenset(("L1Penalty", "L2Penalty"))}
ENDING = {"ShortRun", "EarlyStopping", "MaxSteps"}  # would leave the others little to do
# Two are slow, and one goes by the clock on the wall.
SINGLE = set(SAMPLES) & set(NAMES) - {"Profiler", "RunFolder", "TimeLimit"}
# Every other one is in the stack of each of these.
LEADING = SINGLE & ENDING.union(*ORDERED, *APART)


def weights_after(names: Sequence[str], folder: Path) -> dict[str, Tensor]:
    learn = tiny_learner(kind="images")
    folder.mkdir()
    callbacks = [SAMPLES[name](folder) for name in names]
    learn.fit(2, 0.01, callbacks=callbacks, progress=False)
    return learn.model.state_dict()


def order_matters(names: Sequence[str], folder: Path) -> bool:
    one = weights_after(names, folder / "one")
    other = weights_after(names[::-1], folder / "other")
    return any(not torch.equal(one[name], other[name]) for name in one)


def stack_with(name: str) -> list[str]:
    """Return all callbacks that go with this one, and with each other, in any order."""
    stack = [name]
    for other in sorted(SINGLE - ENDING - {name}):
        if not any(frozenset((other, there)) in ORDERED | APART for there in stack):
            stack.append(other)
    return stack


@pytest.mark.parametrize("pair", sorted(map(sorted, ORDERED)), ids="-".join)
def test_a_pair_of_the_table_has_an_order_that_matters(tmp_path: Path, pair: list[str]) -> None:
    assert order_matters(pair, tmp_path)


@pytest.mark.parametrize("name", sorted(LEADING))
def test_the_order_of_all_others_makes_no_difference(tmp_path: Path, name: str) -> None:
    stack = stack_with(name)
    assert len(stack) > 20
    assert not order_matters(stack, tmp_path)


@pytest.mark.parametrize("first", ["EMA", "SaveLast"])
def test_without_validation_too_the_average_is_saved_in_any_order(
    tmp_path: Path, first: str
) -> None:
    x = torch.randn(16, 4)
    data = DataBunch.from_dls(DataLoader(TensorDataset(x, (x.sum(1) > 0).long()), 4))
    learn, save = Learner(data, nn.Linear(4, 2)), SaveLast(tmp_path / "last.safetensors")
    learn.fit(1, callbacks=[EMA(), save] if first == "EMA" else [save, EMA()], progress=False)
    saved = load_tensors(save.path)["weight"]
    assert torch.equal(saved, learn.model.state_dict()["weight"])
