from pathlib import Path

import pytest

from learnkit.data.cache_folder import decoded_folder, home_folder, index_folder


def test_the_environment_variable_names_the_folder(own_home: Path):
    assert home_folder() == own_home
    assert decoded_folder() == own_home / "decoded"
    assert index_folder() == own_home / "index"


def test_without_it_the_folder_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LEARNKIT_HOME")
    monkeypatch.setenv("HOME", "/home/anna")
    assert home_folder() == Path("/home/anna/.cache/learnkit")
