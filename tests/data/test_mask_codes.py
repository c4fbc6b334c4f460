import numpy as np
import pytest

from learnkit.data.mask_codes import MaskCodes
from learnkit.errors import DataError


def mask(*numbers, dtype=np.uint8):
    return np.array([numbers], dtype=dtype)


def test_classes_are_the_numbers_from_zero():
    codes = MaskCodes.of(["sky", "road"], None, None)
    assert codes.encode(mask(0, 1, 1), "m.png").tolist() == [[0, 1, 1]]
    assert codes.encode(mask(0, 1), "m.png").dtype == np.uint8


def test_values_name_other_numbers_and_two_may_be_one_class():
    codes = MaskCodes.of(None, {7: "road", 300: "sky", 8: "road"}, ignore=[3, 9])
    assert codes.classes == ("road", "sky")
    found = codes.encode(mask(7, 300, 8, 3, 9, dtype=np.uint16), "m.png")
    assert found.tolist() == [[0, 1, 0, 255, 255]]


def test_a_class_that_is_left_out_keeps_its_place():
    codes = MaskCodes.of(["sky", "road", "void"], None, ignore=2)
    assert codes.encode(mask(0, 1, 2), "m.png").tolist() == [[0, 1, 255]]
    assert codes.classes == ("sky", "road", "void")


def test_numbers_that_are_found_are_classes_of_their_own_name():
    codes = MaskCodes.found({3, 1, 255}, ignore=255)
    assert codes.classes == ("1", "3")
    assert codes.encode(mask(3, 1, 255), "m.png").tolist() == [[1, 0, 255]]
    assert MaskCodes.of(None, None, 255) is None


@pytest.mark.parametrize(
    ("numbers", "dtype", "name", "words"),
    [
        (
            (0, 2, 4),
            np.uint8,
            "m.png",
            "m.png holds 2, 4, which is no class: there are 0 sky, 1 road. values={2: NAME} names "
            "it, ignore=2 leaves its pixels out.",
        ),
        (
            (0, 255),
            np.uint8,
            "m.png",
            "m.png holds 255, which is no class: there are 0 sky, 1 road. Is it values={0: 'sky', "
            "255: 'road'}? Else values={255: NAME} names it, ignore=255 leaves its pixels out.",
        ),
        (
            (0, 2, 3, 4, 5, 6, 7),
            np.uint8,
            "m.jpg",
            "m.jpg holds 2, 3, 4, 5, 6, ..., which is no class: there are 0 sky, 1 road. JPEG "
            "changes numbers: save masks as PNG.",
        ),
        (
            (0, -1, 70_000),
            np.int32,
            "m.tif",
            "m.tif holds -1, 70000, which is no class: there are 0 sky, 1 road. values={-1: NAME} "
            "names it, ignore=-1 leaves its pixels out.",
        ),
    ],
)
def test_a_number_that_is_no_class_is_named_with_the_way_out(numbers, dtype, name, words):
    codes = MaskCodes.of(["sky", "road"], None, None)
    with pytest.raises(DataError) as refused:
        codes.encode(mask(*numbers, dtype=dtype), name)
    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("classes", "values", "ignore", "words"),
    [
        (["a", "b"], {0: "a", 1: "b"}, None, "classes and values were both given: give one"),
        (["a"], None, None, r"Masks need from 2 to 255 classes; found 1: \['a'\]\."),
        (list(range(256)), None, None, "Masks need from 2 to 255 classes; found 256"),
        (["a", "a"], None, None, "classes names 'a' more than once"),
        (None, ["a", "b"], None, "values must say which number is which class"),
        (None, {0: "a", 70_000: "b"}, None, "are whole and from 0 to 65535; found 70000"),
        (None, {0: "a", "1": "b"}, None, "are whole and from 0 to 65535; found '1'"),
        (None, {0: "a", 1: "b"}, 1, "1 is given twice, as a class or in ignore"),
        (["a", "b"], None, [9, 9], "9 is given twice, as a class or in ignore"),
    ],
)
def test_options_that_cannot_be_used_are_refused(classes, values, ignore, words):
    with pytest.raises(DataError, match=words):
        MaskCodes.of(classes, values, ignore)


def test_the_digest_is_another_one_for_another_meaning():
    first = MaskCodes.of(["a", "b"], None, None).digest
    assert first != MaskCodes.of(["b", "a"], None, None).digest
    assert first != MaskCodes.of(["a", "b"], None, 7).digest


def test_numbers_of_numpy_are_numbers():
    assert MaskCodes.of(["a", "b"], None, np.int64(255)) == MaskCodes.of(["a", "b"], None, 255)
    several = MaskCodes.of(None, {np.uint8(1): "a", np.int64(2): "b"}, np.array([0, 255]))
    assert several == MaskCodes.of(None, {1: "a", 2: "b"}, [0, 255])
    assert several.digest == MaskCodes.of(None, {1: "a", 2: "b"}, [0, 255]).digest
    with pytest.raises(DataError, match=r"are whole and from 0 to 65535; found 255\.0"):
        MaskCodes.of(["a", "b"], None, 255.0)
