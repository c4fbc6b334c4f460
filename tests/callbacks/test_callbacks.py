"""The package's surface: names that are imported when they are first used."""

import pytest

from learnkit import callbacks
from learnkit.callback import Callback


def test_the_surface_is_sorted_and_complete() -> None:
    assert callbacks.__all__ == sorted(callbacks.__all__)
    assert dir(callbacks) == callbacks.__all__
    assert all(issubclass(getattr(callbacks, name), Callback) for name in callbacks.__all__)


def test_a_misspelt_callback_names_the_nearest_one() -> None:
    with pytest.raises(AttributeError) as caught:
        callbacks.EarlyStoping  # type: ignore[attr-defined]  # noqa: B018
    assert str(caught.value) == (
        "learnkit.callbacks has no 'EarlyStoping'. Did you mean 'EarlyStopping'?"
    )
