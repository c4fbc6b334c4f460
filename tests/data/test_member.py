import pytest

from learnkit.data.member import refused, safe_parts


def why(name: str, *, windows: bool = False) -> str:
    with pytest.raises(ValueError) as caught:
        safe_parts(name, windows=windows)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a/b.jpg", ("a", "b.jpg")),
        ("./a//b/", ("a", "b")),
        ("a\\b.jpg", ("a", "b.jpg")),
        (".", ()),
        ("", ()),
        ("at 12:30.txt", ("at 12:30.txt",)),
        ("caf\udce9.jpg", ("caf\udce9.jpg",)),
        ("...", ("...",)),
    ],
)
def test_a_name_is_split_into_folders(name: str, parts: tuple[str, ...]) -> None:
    assert safe_parts(name, windows=False) == parts


@pytest.mark.parametrize(
    "name",
    ["..", "../a", "a/../../b", "/a", "\\a", "//host/share/a", "\\\\host\\share", "C:\\a", "c:a"],
)
def test_a_name_that_leads_outside_is_refused(name: str) -> None:
    assert why(name) == "leads out of its folder"


def test_a_zero_byte_is_refused() -> None:
    assert why("a/b\0.jpg") == "has a zero byte in its name"


def test_names_and_paths_have_a_length() -> None:
    assert safe_parts("é" * 127 + "x") == ("é" * 127 + "x",)
    assert why("é" * 128) == "has a name of more than 255 bytes"
    assert len(safe_parts("a/" * 64)) == 64
    assert why("a/" * 65) == "lies deeper than 64 folders"


def test_half_a_character_is_no_name() -> None:
    assert why("\ud800") == "has a name that this machine cannot write"


@pytest.mark.parametrize(
    "name",
    [
        *("CON", "a/nul.jpg", "Aux", "lpt1.tar.gz", "COM¹", "con .txt", "a.", "b ", "a. /b"),
        *("a|b", "x?", "a\tb", "a:b.txt", "ab:stream"),
    ],
)
def test_on_windows_a_name_must_be_a_file_of_its_own(name: str) -> None:
    assert why(name, windows=True) in (
        "has a name that Windows does not take",
        "leads out of its folder",
    )


@pytest.mark.parametrize("name", ["CON", "aux/b.", "nul.jpg", "a|b"])
def test_elsewhere_these_are_names_like_others(name: str) -> None:
    assert safe_parts(name, windows=False)


@pytest.mark.parametrize("name", ["console", "nulls.jpg", "com10", "a.b", "lpt", "a b"])
def test_windows_takes_what_looks_alike(name: str) -> None:
    assert safe_parts(name, windows=True) == (name,)


def test_a_refusal_shows_no_more_of_a_name_than_fits_a_line() -> None:
    assert str(refused("x.tar", "\n" * 300, "is a link")) == (
        f"x.tar holds '{chr(92)}n{(chr(92) + 'n') * 27}..., which is a link. Data has no need of "
        "that, so nothing was unpacked."
    )
