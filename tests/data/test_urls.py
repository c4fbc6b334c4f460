import pytest

from learnkit.data.urls import URLs


def test_a_misspelt_name_names_the_right_one() -> None:
    with pytest.raises(AttributeError) as caught:
        URLs.MNIST_SAMPEL  # type: ignore[attr-defined]  # noqa: B018
    assert str(caught.value) == "URLs has no 'MNIST_SAMPEL'. Did you mean 'MNIST_SAMPLE'?"


def test_every_address_is_https_and_names_an_archive() -> None:
    archives = [value for name, value in vars(URLs).items() if name.isupper()]
    assert len(archives) == 20
    for one in archives:
        assert one.url.startswith("https://")
        assert one.url.endswith(".tgz")
        assert getattr(URLs, one.name) is one
