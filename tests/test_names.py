"""Names: the nearest right word for a wrong one."""

import inspect
from typing import TypedDict, Unpack

import pytest

from learnkit.names import checked_keywords, did_you_mean, nearest

HOOKS = ("before_fit", "before_epoch", "after_fit")


def test_nearest_finds_a_word_with_a_missing_letter() -> None:
    assert nearest("befor_fit", HOOKS) == "before_fit"


def test_nearest_ignores_case_and_returns_the_option_as_it_is_written() -> None:
    assert nearest("earlystoping", ["SaveBest", "EarlyStopping"]) == "EarlyStopping"


def test_nearest_returns_none_when_nothing_is_close() -> None:
    assert nearest("xyzzy", HOOKS) is None
    assert nearest("xyzzy", ()) is None


def test_did_you_mean_is_a_sentence_or_nothing() -> None:
    assert did_you_mean("befor_fit", HOOKS) == " Did you mean 'before_fit'?"
    assert did_you_mean("xyzzy", HOOKS) == ""


@checked_keywords
def train(epochs: int, *, batch_size: int = 64, max_lr: float = 1.0) -> tuple[int, int, float]:
    """Train."""
    return epochs, batch_size, max_lr


class Net:
    @checked_keywords
    def __init__(self, *, width: int = 1) -> None:
        self.width = width


def test_a_checked_function_takes_its_own_keywords() -> None:
    assert train(3, batch_size=2, max_lr=0.5) == (3, 2, 0.5)
    assert train(epochs=3) == (3, 64, 1.0)
    assert Net(width=4).width == 4


def test_a_misspelt_keyword_names_the_nearest_one() -> None:
    with pytest.raises(TypeError) as caught:
        train(3, batchsize=4)  # type: ignore[call-arg]
    assert str(caught.value) == "train() has no argument 'batchsize'. Did you mean 'batch_size'?"


def test_a_keyword_like_no_other_lists_what_there_is() -> None:
    with pytest.raises(TypeError) as caught:
        train(3, xyzzy=4)  # type: ignore[call-arg]
    expected = "train() has no argument 'xyzzy'. It takes: epochs, batch_size, max_lr."
    assert str(caught.value) == expected


def test_a_constructor_is_named_by_its_class_and_self_is_no_option() -> None:
    with pytest.raises(TypeError) as caught:
        Net(wdth=4)  # type: ignore[call-arg]
    assert str(caught.value) == "Net() has no argument 'wdth'. Did you mean 'width'?"
    with pytest.raises(TypeError) as caught:
        Net(xyzzy=4)  # type: ignore[call-arg]
    assert str(caught.value) == "Net() has no argument 'xyzzy'. It takes: width."


def test_a_checked_function_keeps_signature_name_and_docstring() -> None:
    assert [*inspect.signature(train).parameters] == ["epochs", "batch_size", "max_lr"]
    assert (train.__name__, train.__doc__) == ("train", "Train.")


class Options(TypedDict, total=False):
    """Keywords that several functions hand on."""

    metrics: int
    callbacks: int


@checked_keywords
def make(data: int, *, width: int = 3, **options: Unpack[Options]) -> tuple[int, Options]:
    return data * width, options


def test_keywords_of_a_typed_dict_are_known() -> None:
    assert make(2, metrics=1) == (6, {"metrics": 1})
    for wrong, right in (("metric", "metrics"), ("widht", "width"), ("calbacks", "callbacks")):
        with pytest.raises(TypeError) as caught:
            make(1, **{wrong: 1})  # type: ignore[arg-type, misc]
        expected = f"make() has no argument {wrong!r}. Did you mean {right!r}?"
        assert str(caught.value) == expected


def test_what_is_like_no_keyword_gets_the_list_of_all() -> None:
    with pytest.raises(TypeError) as caught:
        make(1, zzz=1)  # type: ignore[call-arg]
    assert str(caught.value) == (
        "make() has no argument 'zzz'. It takes: data, width, metrics, callbacks."
    )
