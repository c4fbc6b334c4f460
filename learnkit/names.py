"""Say the nearest right name when a wrong one was typed.

Knows nothing of training: words in, a sentence out.
"""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import ParamSpec, TypeVar, cast, get_args

P = ParamSpec("P")
R = TypeVar("R")


def nearest(word: str, options: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the option that is most like ``word``, or None when nothing is close.

    Args:
        word: what was typed.
        options: what there is.
        cutoff: how alike they must be at least, in [0, 1]; difflib's ratio.
    """
    by_folded = {option.casefold(): option for option in options}
    for folded, option in by_folded.items():  # lr_max for max_lr
        if sorted(folded.split("_")) == sorted(word.casefold().split("_")):
            return option
    found = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=cutoff)
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest option, or an empty string."""
    found = nearest(word, options)
    return f" Did you mean {found!r}?" if found else ""


def checked_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """Make a misspelt keyword fail with the nearest right one.

    Python 3.11's own TypeError names only the wrong word. The signature that type checkers and
    editors see is the function's own.

    Raises:
        TypeError: when called with a keyword that the function does not have.
    """
    # not by `inspect.signature`, which for all of learnkit takes some milliseconds at import
    code = cast("FunctionType", function).__code__
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    positional_only = code.co_varnames[: code.co_posonlyargcount]
    known = [n for n in arguments if n not in ("self", "cls", *positional_only)]
    allowed, first = frozenset(known), next(iter(arguments), None)
    takes_more = bool(code.co_flags & inspect.CO_VARKEYWORDS)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        for word in kwargs:
            if word not in allowed and not (takes_more and word in _unpacked(function)):
                if takes_more:
                    known.extend(name for name in _unpacked(function) if name not in known)
                hint = did_you_mean(word, known) or f" It takes: {', '.join(known)}."
                title = _title(function, args[0] if first == "self" else None)
                raise TypeError(f"{title}() has no argument {word!r}.{hint}")
        return function(*args, **kwargs)

    return call


@functools.cache
def _unpacked(function: Callable[..., object]) -> tuple[str, ...]:
    """Return the keywords of ``**options: Unpack[SomeTypedDict]``, PEP 692."""
    code = cast("FunctionType", function).__code__
    has_args = bool(code.co_flags & inspect.CO_VARARGS)
    name = code.co_varnames[code.co_argcount + code.co_kwonlyargcount + has_args]
    annotation = function.__annotations__[name]
    return tuple(get_args(annotation)[0].__annotations__)


def _title(function: Callable[..., object], owner: object) -> str:
    """Return the name that the user has called: of the object's class, not of a base of it."""
    if owner is None:
        return function.__qualname__
    name = type(owner).__name__
    return name if function.__name__ == "__init__" else f"{name}.{function.__name__}"
