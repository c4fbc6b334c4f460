"""The product's own small functions as text for a script: without long docstrings and checks."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable
from typing import Any, Final

_DECORATORS: Final = ("override", "checked_keywords", "final", "lru_cache")
_CHECKERS: Final = re.compile(r" *# (type: ignore|noqa)[^\n]*")


def source_of(thing: Any, *, drop: Iterable[str] = (), bases: bool = True) -> str:
    """Return the source of a function or class, each docstring cut to its first line.

    Args:
        thing: which.
        drop: names of methods that are left out.
        bases: False leaves out what a class is derived from.
    """
    text = textwrap.dedent(inspect.getsource(thing))
    lines: list[str | None] = list(text.splitlines())
    left_out = {"__post_init__", *drop}
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        _cut_docstring(lines, node)
        for decorator in node.decorator_list:
            if ast.unparse(decorator).split("(")[0] in _DECORATORS:
                _blank(lines, decorator.lineno, decorator.end_lineno)
        if isinstance(node, ast.FunctionDef) and node.name in left_out:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            _blank(lines, first, node.end_lineno)
        if isinstance(node, ast.ClassDef) and not bases and node.bases:
            lines[node.lineno - 1] = f"class {node.name}:"
    kept = "\n".join(line for line in lines if line is not None)
    return re.sub(r"\n{3,}", "\n\n", _CHECKERS.sub("", kept)).strip("\n")


def sources(*things: Any) -> str:
    """Return the sources of several things, two empty lines apart."""
    return "\n\n\n".join(source_of(thing) for thing in things)


def _cut_docstring(lines: list[str | None], node: ast.FunctionDef | ast.ClassDef) -> None:
    first = node.body[0]
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return
    said = inspect.cleandoc(str(first.value.value)).splitlines()[0]
    _blank(lines, first.lineno, first.end_lineno)
    lines[first.lineno - 1] = f'{" " * first.col_offset}"""{said}"""'


def _blank(lines: list[str | None], first: int, last: int | None) -> None:
    for place in range(first - 1, last or first):
        lines[place] = None
