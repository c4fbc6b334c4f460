import json
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnkit.bounded_json import parse_json, shorten

MIB = 1 << 20
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**90), 10**90)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)


def why(data: bytes, max_parts: int = 10) -> str:
    with pytest.raises(ValueError) as caught:
        parse_json(data, max_parts=max_parts)
    return str(caught.value)


@given(JSON)
def test_what_python_writes_is_read_back(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert parse_json(text.encode(), max_parts=10_000) == value


@given(st.binary(max_size=200))
def test_noise_is_a_value_error(data: bytes) -> None:
    try:
        found = parse_json(data, max_parts=10)
    except ValueError:
        return
    assert found == json.loads(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is not JSON (Expecting value: line 1 column 1 (char 0))"),
        (b"[1 2]", "it is not JSON (Expecting ',' delimiter: line 1 column 4 (char 3))"),
        (b"{} {}", "it is not JSON (Extra data: line 1 column 4 (char 3))"),
        (b'{"a": 1, "b": 2, "a": 3}', "it has the field 'a' twice"),
        (b'{"a": 1, "\\u0061": 3}', "it has the field 'a' twice"),
        (b"[NaN]", "it has NaN, which is no JSON"),
        (b"[-Infinity]", "it has -Infinity, which is no JSON"),
        (b"[1e400]", "it has the number 1e400, which is too long or too large"),
        (b"[-1e999]", "it has the number -1e999, which is too long or too large"),
        (b"[" + b"9" * 5000 + b"]", "it has a number of 5,000 digits"),
        (
            b"[0." + b"1" * 5000 + b"]",
            f"it has the number 0.{'1' * 18}, which is too long or too large",
        ),
        (b'\xef\xbb\xbf{"a": 1}', "it begins with a byte order mark"),
        ('{"a": 1}'.encode("utf-16"), "it is not in UTF-8 from byte 0 on"),
        (b'{"caf\xe9": 1}', "it is not in UTF-8 from byte 5 on"),
        (b'["\xed\xa0\x80"]', "it is not in UTF-8 from byte 2 on"),
        (b'["a\nb"]', "it is not JSON (Invalid control character at: line 1 column 4 (char 3))"),
        (rb'["\ud800"]', r"its text '\ud800' has half a character"),
        (rb'[{"a": ["x\udfff"]}]', r"its text 'x\udfff' has half a character"),
        (rb'{"\ud83d": 1}', r"its text '\ud83d' has half a character"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, reason: str) -> None:
    assert why(data) == reason


def test_letters_of_two_halves_and_bytes_of_file_names_are_text() -> None:
    assert parse_json(rb'["\ud83d\ude00", "caf\udce9"]', max_parts=1) == ["😀", "caf\udce9"]


def test_lists_and_objects_are_counted_before_they_are_built() -> None:
    assert parse_json(b'[{}, [], "[[[[", "\\"[{"]', max_parts=3) == [{}, [], "[[[[", '"[{']
    assert why(b"[[],[],[]]", max_parts=3) == "it has more than 3 lists and objects"
    assert why(b"[" * 17 + b"]" * 17, max_parts=100) == (
        "it is nested deeper than 16 lists and objects"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"[" * (MIB),
        b'{"a":' * MIB,
        b"[]," * MIB,
        b"]" * (MIB),
        b'"' * (MIB),
        b'"' + b'\\"' * (MIB),
        b'"' + b"\\" * (MIB),
        b'["' + b'\\"' * (MIB) + b"\\",
        b"-" * (MIB),
        b" " * (MIB),
        b"1" * (MIB),
        b"1." + b"1" * (MIB),
    ],
    ids=lambda data: repr(data[:6]),
)
def test_nothing_hostile_takes_long_or_much(data: bytes) -> None:
    """Each takes a fraction of a second; what looks at a byte twice would take hours."""
    tracemalloc.start()
    why(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(data)


def test_nothing_depends_on_pythons_own_bounds() -> None:
    """A caller may have lifted them: then a deep list would end the process."""
    limit, digits = sys.getrecursionlimit(), sys.get_int_max_str_digits()
    try:
        sys.setrecursionlimit(10**6)
        sys.set_int_max_str_digits(0)
        assert why(b"[" * 10**6, max_parts=10**6) == "it is nested deeper than 16 lists and objects"
        assert why(b"1" * 10**6) == "it has a number of 1,000,000 digits"
    finally:
        sys.setrecursionlimit(limit)
        sys.set_int_max_str_digits(digits)


def test_a_value_in_a_message_fits_a_line() -> None:
    assert shorten("a\nb") == r"'a\nb'"
    assert shorten([1, "x"]) == "[1, 'x']"
    assert shorten("x" * 100) == f"'{'x' * 56}..."
    assert len(shorten({str(n): n for n in range(1000)})) == 60
