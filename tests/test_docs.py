"""The code of README.md, docs/ and the docstrings runs as it stands, on toy photos."""

import doctest
import importlib
import inspect
import pkgutil
import re
import textwrap
import warnings
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

import learnkit

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
WITHOUT_PYTHON = {"docs/index.md", "docs/defaults.md"}
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^(?P<indent> *)Examples?::?\n(?P<body>(?:\n| +[^\n]*\n?)+)", re.MULTILINE)
# At 224 pixels the pages would take minutes; nothing else is changed.
TOY = (re.compile(r'from_folder\("flowers"(?!.*size=)'), 'from_folder("flowers", size=64')


class Block(NamedTuple):
    """A piece of Python with the line it stands at, so that tracebacks point there."""

    code: str
    line: int
    runs: bool

    def compiled(self, page: Path):
        return compile("\n" * self.line + self.code, str(page), "exec")


def python_blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(found["code"], text[: found.start("code")].count("\n"), "no-run" not in info)
        for found in FENCE.finditer(text)
        if (info := found["info"].split()) and info[0] == "python"
    ]


@pytest.fixture(scope="session")
def hub_folder(tmp_path_factory):
    """A torch hub folder in which resnet34's default weights already lie, as random numbers."""
    from torchvision.models import ResNet34_Weights, resnet34

    folder = tmp_path_factory.mktemp("hub")
    name = ResNet34_Weights.DEFAULT.url.rpartition("/")[2]
    (folder / "checkpoints").mkdir()
    torch.save(resnet34(weights=None).state_dict(), folder / "checkpoints" / name)
    return folder


@pytest.fixture
def toy_place(tmp_path, monkeypatch, make_photo, hub_folder):
    """An empty working folder with ``flowers`` of two classes, ``some.jpg`` and the weights."""
    for number, (part, name, index) in enumerate(
        (part, name, index)
        for part, n in (("train", 4), ("valid", 2))
        for name in ("red", "green")
        for index in range(n)
    ):
        path = tmp_path / "flowers" / part / name / f"{name}_{index}.jpg"
        make_photo(path, name, size=(48, 48), seed=number)
    make_photo(tmp_path / "some.jpg", "red", size=(48, 64))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(hub_folder))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_the_python_of_a_page_runs_from_top_to_bottom(page, toy_place):
    space: dict[str, object] = {"__name__": "page"}
    for block in python_blocks(page):
        code = block._replace(code=TOY[0].sub(TOY[1], block.code)).compiled(page)
        if block.runs:
            with warnings.catch_warnings():
                # eight photos are fewer than a batch, and learnkit says so
                warnings.filterwarnings("ignore", "There are fewer training samples", UserWarning)
                exec(code, space)


def test_the_pages_have_python_to_run():
    counts = {name: len(python_blocks(page)) for name, page in zip(NAMES, PAGES, strict=True)}
    assert counts["README.md"] >= 4
    assert {name for name, count in counts.items() if not count} == WITHOUT_PYTHON


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_between_pages_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_files_of_the_root_say_nothing_of_other_places():
    for path in (*PAGES, ROOT / "Makefile", ROOT / ".ci" / "run", ROOT / "CONTRIBUTING.md"):
        text = path.read_text()
        assert not re.search(r"(/home/|/tmp/|localhost|://\d)", text), path


def documented() -> list[tuple[str, str, str]]:
    """Every public thing that has an example: its module, its name, its docstring."""
    found: dict[tuple[str, str], str] = {}
    for info in pkgutil.walk_packages(learnkit.__path__, "learnkit."):
        module = importlib.import_module(info.name)
        for name, thing in vars(module).items():
            if getattr(thing, "__module__", None) != module.__name__ or name.startswith("_"):
                continue
            found[module.__name__, name] = thing.__doc__ or ""
            if inspect.isclass(thing):
                for inner, method in vars(thing).items():
                    found[module.__name__, f"{name}.{inner}"] = getattr(method, "__doc__", "") or ""
    return [
        (module, name, doc)
        for (module, name), doc in sorted(found.items())
        if EXAMPLE.search(inspect.cleandoc(doc))
    ]


def example_body(doc: str) -> str:
    found = EXAMPLE.search(inspect.cleandoc(doc) + "\n")
    assert found is not None
    return textwrap.dedent(found["body"]).strip("\n")


@pytest.mark.parametrize(
    ("module", "name", "doc"), [pytest.param(*each, id=each[1]) for each in documented()]
)
def test_the_example_of_a_docstring_runs(module, name, doc, toy_place):
    """What follows ``>>>`` must print what is written; plain code must run; a line in backquotes,
    which speaks of a learner that the reader has, must be Python."""
    body = example_body(doc)
    if body.startswith("``"):
        compile(body.strip("`"), name, "exec")
        return
    given = {name: getattr(learnkit, name) for name in learnkit.__all__}
    space = given | vars(importlib.import_module(module)) | {"torch": torch, "nn": torch.nn}
    if ">>>" in body:
        test = doctest.DocTestParser().get_doctest(body, space, name, name, 0)
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0
        return
    body = TOY[0].sub(TOY[1], body)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "There are fewer training samples", UserWarning)
        exec(compile(body, name, "exec"), space)
