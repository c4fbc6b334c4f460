"""A script's text made to stand alone: no annotation of unknown names, no import twice."""

import ast
import builtins
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from learnkit.errors import ExportError

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class _Cut(NamedTuple):
    """A part of the text, in bytes, and what comes in its place."""

    begin: int
    end: int
    instead: bytes = b""


class _Text:
    """A text whose places are found by line and column, as `ast` counts them."""

    def __init__(self, code: str) -> None:
        self.whole = code.encode()
        self._starts = [0]
        for line in self.whole.split(b"\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)

    def begin(self, node: ast.expr | ast.stmt | ast.arg) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr) -> int:
        return self._starts[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)

    def line(self, node: ast.stmt) -> _Cut:
        return _Cut(self._starts[node.lineno - 1], self._starts[node.end_lineno or 1])


def tidied(code: str, imports: Sequence[str]) -> str:
    """Return code whose annotations name nothing but what it has.

    An argument's annotation goes; a field's becomes ``Any`` where it names something unknown.
    Imports in functions go where the script's beginning has them.

    Args:
        code: without its imports.
        imports: the lines that are imported as needed.
    """
    tree, text = ast.parse(code), _Text(code)
    known = {*dir(builtins), *_names(ast.parse("\n".join(imports))), *_names(tree)}
    found = text.whole
    for cut in sorted({*_annotations(tree, known, text), *_inner(tree, imports, text)})[::-1]:
        found = found[: cut.begin] + cut.instead + found[cut.end :]
    return found.decode()


def check_python(text: str) -> None:
    """Make sure that a script is Python, before it is written.

    Raises:
        ExportError: when it is not, which is a mistake of learnkit.
    """
    try:
        ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise ExportError(
            f"The script would be no Python ({error}), which is a mistake of learnkit and not "
            "yours. Nothing was written; please report it."
        ) from None


def _names(tree: ast.Module) -> Iterator[str]:
    """Give the names that a module defines at its top."""
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (one.asname or one.name.split(".")[0] for one in node.names)
        elif isinstance(node, ast.ClassDef | _Function):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (one.id for one in ast.walk(node) if isinstance(one, ast.Name))


def _unknown(annotation: ast.expr, known: set[str]) -> Iterator[ast.expr]:
    """Give the parts of an annotation that are a name, or begin with one, that is unknown."""
    first = annotation
    while isinstance(first, ast.Attribute | ast.Subscript):
        if isinstance(first, ast.Subscript) and _is_known(first.value, known):
            break
        first = first.value
    if isinstance(first, ast.Name):
        if first.id not in known:
            yield annotation
    else:
        for inner in ast.iter_child_nodes(first):
            if isinstance(inner, ast.expr):
                yield from _unknown(inner, known)


def _is_known(node: ast.expr, known: set[str]) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in known


def _annotations(tree: ast.Module, known: set[str], text: _Text) -> Iterator[_Cut]:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            if [*_unknown(node.annotation, known)]:
                name_ends = text.begin(node) + len(node.arg.encode())
                yield _Cut(name_ends, text.end(node.annotation))
        elif isinstance(node, _Function) and node.returns is not None:
            if [*_unknown(node.returns, known)]:
                arrow = text.whole.rindex(b" ->", 0, text.begin(node.returns))
                yield _Cut(arrow, text.end(node.returns))
        elif isinstance(node, ast.AnnAssign):
            for part in _unknown(node.annotation, known):
                yield _Cut(text.begin(part), text.end(part), b"Any")


def _inner(tree: ast.Module, imports: Sequence[str], text: _Text) -> Iterator[_Cut]:
    """Give the lines of functions that import what the script's beginning imports."""
    for function in ast.walk(tree):
        for node in function.body if isinstance(function, _Function) else []:
            if isinstance(node, ast.Import | ast.ImportFrom) and ast.unparse(node) in imports:
                yield text.line(node)
