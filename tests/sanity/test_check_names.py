"""The names of the checks, and how they are turned off."""

from typing import Any

import pytest

from learnkit.sanity.names import CHECKS, check_mute, few, line_of


def test_one_name_or_many_are_turned_off() -> None:
    assert check_mute("loss_spike") == {"loss_spike"}
    assert check_mute(["loss_spike", "optimizer"]) == {"loss_spike", "optimizer"}
    assert check_mute(()) == frozenset()
    assert check_mute(CHECKS) == set(CHECKS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mute", "message"),
    [
        (
            "loss_spikes",
            "mute='loss_spikes': no check has this name. Did you mean 'loss_spike'?",
        ),
        (
            ["optimizer", "zero_gradients"],
            "mute='zero_gradients': no check has this name. Did you mean 'zero_gradient'?",
        ),
        (
            ["q"],
            "mute='q': no check has this name. There are: constant_labels, loss_spike, non_finite, "
            "normalize, optimizer, same_images, unseen_class, zero_gradient.",
        ),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(mute: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        check_mute(mute)
    assert str(caught.value) == message


@pytest.mark.parametrize("mute", [None, True, 3, [1, 2]])
def test_what_is_no_name_is_refused(mute: Any) -> None:
    with pytest.raises(TypeError) as caught:
        check_mute(mute)
    assert str(caught.value) == (
        f"mute must be the name of a check, or a list of names; got {mute!r}."
    )


def test_a_line_says_how_it_is_turned_off() -> None:
    assert line_of("optimizer", "all is well.") == (
        'check optimizer: all is well. (mute="optimizer" turns this check off)'
    )


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
    ],
)
def test_the_first_of_many_names_are_given(names: list[str], text: str) -> None:
    assert few(names) == text
