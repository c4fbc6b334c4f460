from collections.abc import Callable
from typing import Any

import pytest

from learnkit.json_fields import Fields, is_number


def why(call: Callable[[], Any]) -> str:
    with pytest.raises(ValueError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize("raw", [[], 3, "a", None])
def test_only_an_object_has_fields(raw: object) -> None:
    assert why(lambda: Fields(raw)) == f"it must hold a JSON object; found {type(raw).__name__}"


def test_a_field_has_a_type() -> None:
    read = Fields({"n": 3, "s": "x", "yes": True, "none": None}, "inner.")
    assert read.value("n", int) == 3
    assert why(lambda: read.value("s", int)) == (
        "field 'inner.s' must be a JSON whole number; found 'x'"
    )
    assert why(lambda: read.value("yes", int)) == (
        "field 'inner.yes' must be a JSON whole number; found True"
    )
    assert (
        why(lambda: read.value("m", list)) == "field 'inner.m' must be a JSON list; found nothing"
    )
    assert why(lambda: read.value("none", dict)) == (
        "field 'inner.none' must be a JSON object; found None"
    )


def test_a_field_may_be_optional() -> None:
    read = Fields({"s": "x", "none": None})
    assert (read.optional("s", str), read.optional("none", str), read.optional("m", str)) == (
        "x",
        None,
        None,
    )
    assert why(lambda: read.optional("s", int)) == (
        "field 's' must be a JSON whole number; found 'x'"
    )


@pytest.mark.parametrize("value", [["a", 1], ["a"] * 4, ["abcd"], [None], [["a"]]])
def test_strings_are_few_and_short(value: list[object]) -> None:
    assert Fields({"x": ["a", "abc"]}).strings("x", at_most=3, length=3) == ("a", "abc")
    assert why(lambda: Fields({"x": value}).strings("x", at_most=3, length=3)) == (
        f"field 'x' must be a list of at most 3 strings of at most 3 letters; found {value}"
    )


@pytest.mark.parametrize("value", [[True], ["1"], [2.5], [-1], [float("nan")], [10**80]])
def test_numbers_are_within_bounds(value: list[object]) -> None:
    assert Fields({"x": [0, 1.5]}).numbers("x", low=0, high=2) == (0.0, 1.5)
    assert why(lambda: Fields({"x": value}).numbers("x", low=0, high=2)).startswith(
        "field 'x' must be a list of numbers between 0 and 2; found ["
    )


@pytest.mark.parametrize("value", [[1.0], [-1], [True], [1, 2, 3], [1 << 63], "12", [None]])
def test_whole_numbers_are_at_least_0(value: object) -> None:
    assert Fields({"x": [0, 7]}).wholes("x", at_most=2) == (0, 7)
    assert "must be a" in why(lambda: Fields({"x": value}).wholes("x", at_most=2))


@pytest.mark.parametrize(
    ("kind", "value", "word"),
    [
        (float, {"a": "1"}, "numbers"),
        (float, {"a": True}, "numbers"),
        (float, {"a": 1, "b": 2, "c": 3}, "numbers"),
        (float, {"abcd": 1}, "numbers"),
        (str, {"a": 1}, "strings of at most 3 letters"),
        (str, {"a": "abcd"}, "strings of at most 3 letters"),
    ],
)
def test_tables_hold_one_kind_of_value(kind: type, value: dict[str, object], word: str) -> None:
    assert Fields({"x": {"a": 1.5}}).table("x", float, at_most=2, length=3) == {"a": 1.5}
    assert Fields({"x": {"a": "b"}}).table("x", str, at_most=2, length=3) == {"a": "b"}
    assert why(lambda: Fields({"x": value}).table("x", kind, at_most=2, length=3)) == (
        f"field 'x' must be an object of at most 2 {word}; found {value}"
    )


@pytest.mark.parametrize("value", ["", "a" * 63, "A" * 64, "g" * 64, "a" * 65, "a" * 64 + "\n"])
def test_a_sum_has_64_digits(value: str) -> None:
    assert Fields({"x": "0a" * 32}).sha256("x") == "0a" * 32
    assert why(lambda: Fields({"x": value}).sha256("x")).startswith(
        "field 'x' must be 64 hexadecimal digits; found '"
    )


def test_a_number_fits_a_float() -> None:
    assert [is_number(value) for value in (1, 1.5, -(10**18), True, "1", None, 1 << 63)] == [
        *(True, True, True),
        *(False, False, False, False),
    ]


def test_numbers_words_and_facts_have_bounds() -> None:
    read = Fields({"n": 3, "x": 0.5, "w": "b", "yes": True, "big": 1e9})
    assert (read.whole("n", low=1, high=3), read.number("x", low=0, high=1)) == (3, 0.5)
    assert (read.one_of("w", ("a", "b")), read.fact("yes")) == ("b", True)
    assert isinstance(read.number("n", low=0, high=9), float)
    assert why(lambda: read.whole("n", low=4, high=9_000)) == (
        "field 'n' must be a whole number between 4 and 9,000; found 3"
    )
    assert why(lambda: read.whole("x", low=0, high=9)) == (
        "field 'x' must be a JSON whole number; found 0.5"
    )
    assert why(lambda: read.number("big", low=0, high=1)) == (
        "field 'big' must be a number between 0 and 1; found 1000000000.0"
    )
    assert why(lambda: read.number("yes", low=0, high=1)) == (
        "field 'yes' must be a number between 0 and 1; found True"
    )
    assert why(lambda: read.one_of("w", ("a", "c"))) == "field 'w' must be one of a, c; found 'b'"
    assert why(lambda: read.fact("n")) == "field 'n' must be true or false; found 3"


def test_an_object_within_is_named_by_its_place() -> None:
    read = Fields({"one": {"a": 1}})
    assert read.inner("one").value("a", int) == 1
    assert why(lambda: read.inner("one").value("b", int)) == (
        "field 'one.b' must be a JSON whole number; found nothing"
    )
