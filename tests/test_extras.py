"""Extras: an optional package is imported, or the pip line is given."""

import json
from pathlib import Path

import pytest

from learnkit.errors import MissingExtraError
from learnkit.extras import require


def test_an_installed_module_is_returned() -> None:
    assert require("json", extra="plot", purpose="a test") is json


def test_a_missing_package_gives_the_pip_line() -> None:
    with pytest.raises(MissingExtraError) as caught:
        require("no_such_package.pyplot", extra="plot", purpose="show_batch")
    assert str(caught.value) == (
        "show_batch needs the package no_such_package, which is not installed. "
        'Install it with: pip install "learnkit[plot]"'
    )


def test_a_package_whose_own_import_is_missing_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_package.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency") as caught:
        require("broken_package", extra="plot", purpose="a test")
    assert not isinstance(caught.value, MissingExtraError)
