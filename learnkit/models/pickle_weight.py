"""How heavy the values of a pickle are, found out without making any.

A pickle can put a tuple into a tuple twice, and that into another: 50 bytes make one that takes
years to hash as a key, and a million bytes one so deep that hashing it ends the process. torch's
reader of weights makes them all. Knows the instructions that reader follows, and no tensors.
"""

import pickletools
from typing import BinaryIO, Final

MAX_WEIGHT: Final = 10_000  # values in values; what rebuilds a tensor has about 30

_PUSH: Final = frozenset(
    {
        *("NONE", "NEWFALSE", "NEWTRUE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("BINUNICODE", "SHORT_BINSTRING", "GLOBAL"),
        *("EMPTY_TUPLE", "EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET"),
    }
)
_TUPLES: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_DROPS: Final = {"APPEND": 1, "SETITEM": 2, "BUILD": 1}


def heaviest(pickled: BinaryIO, n: int = 1) -> int:
    """Return the weight of the heaviest value that reading some pickles would make.

    It is counted no further than ``MAX_WEIGHT``, nor than an instruction that torch's reader does
    not follow, or that finds nothing to work on: there it ends too. Lists and dicts weigh nothing,
    since they cannot be keys.

    Args:
        pickled: at the beginning of the first pickle.
        n: how many follow each other.

    Raises:
        ValueError: when there is no pickle, or one that has no end.
    """
    most = 0
    for _ in range(n):
        stack = _Stack()
        for opcode, argument, _ in pickletools.genops(pickled):
            try:
                known = stack.follow(opcode.name, argument)
            except LookupError:
                return most
            most = max(most, stack.top)
            if not known or most > MAX_WEIGHT:
                return most
    return most


class _Stack:
    """Weights in the place of values."""

    def __init__(self) -> None:
        self._values: list[int] = []
        self._marked: list[list[int]] = []
        self._memo: dict[object, int] = {}

    @property
    def top(self) -> int:
        return self._values[-1] if self._values else 0

    def follow(self, name: str, argument: object) -> bool:
        """Do what an instruction does; say whether it is one that is followed."""
        values = self._values
        if name in _PUSH:
            values.append(1)
        elif name in _TUPLES:
            values.append(1 + sum(self._pop(_TUPLES[name])))
        elif name == "TUPLE":
            weight = 1 + sum(self._from_mark())
            self._values.append(weight)
        elif name in ("APPENDS", "SETITEMS"):
            self._from_mark()
        elif name in _DROPS:
            self._pop(_DROPS[name])
        elif name in ("REDUCE", "NEWOBJ"):  # a tuple of another class is a tuple
            values.append(1 + sum(self._pop(2)))
        elif name == "BINPERSID":
            self._pop(1)
            values.append(1)
        elif name in ("BINGET", "LONG_BINGET"):
            values.append(self._memo[argument])
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = values[-1]
        elif name == "MARK":
            self._marked.append(values)
            self._values = []
        else:
            return name in ("PROTO", "STOP")
        return True

    def _pop(self, n: int) -> list[int]:
        if len(self._values) < n:
            raise IndexError
        taken = self._values[-n:]
        del self._values[-n:]
        return taken

    def _from_mark(self) -> list[int]:
        taken, self._values = self._values, self._marked.pop()
        return taken
