"""Every exported callback has its page in docs/callbacks, and the page tells of all its options."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import learnkit.callbacks
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
    blocks = [block.code for block in python_blocks(page_of(name))]
    assert any(f"import {name}" in code or f", {name}" in code for code in blocks)
    uses = rf"(?<!import )(?<!, )\b{name}\b"  # the import alone is no use
    assert any(re.search(uses, code) for code in blocks)


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
