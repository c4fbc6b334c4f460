"""``learnkit plugins``: what other packages add, and where from."""

import json
from pathlib import Path

import pytest

from learnkit.cli import main
from learnkit.commands import plugins
from tests.installed import Install, installer


@pytest.fixture
def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Install:
    """What the environment of the tests has besides is left out."""
    found = plugins.installed_plugins
    monkeypatch.setattr(
        plugins,
        "installed_plugins",
        lambda: tuple(plugin for plugin in found() if plugin.package.startswith("lk-")),
    )
    return installer(tmp_path, monkeypatch)


def test_a_table_says_what_there_is(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    marker = install(
        "lk-shine",
        version="0.3",
        callbacks={"shine": "lk_shine:Shine"},
        metrics={"glow": "lk_shine.numbers:glow"},
    )
    assert main(["plugins"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "group               name   object                 package   version",
        "learnkit.callbacks  shine  lk_shine:Shine         lk-shine  0.3",
        "learnkit.metrics    glow   lk_shine.numbers:glow  lk-shine  0.3",
    ]
    assert printed.err == ""
    assert not marker.exists()


def test_json_has_the_same(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install("lk-shine", callbacks={"shine": "lk_shine:Shine"})
    assert main(["plugins", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "group": "learnkit.callbacks",
            "name": "shine",
            "object": "lk_shine:Shine",
            "package": "lk-shine",
            "version": "1.0",
        }
    ]


def test_without_any_it_says_how_there_may_be_some(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugins"]) == 0
    assert capsys.readouterr().out == (
        "no plug-ins are installed; a package adds some by the entry points learnkit.backbones, "
        "learnkit.callbacks, learnkit.metrics\n"
    )
    assert main(["plugins", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_what_is_wrong_is_a_warning_of_its_own(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("lk-one", callbacks={"shine": "lk_one:x"})
    install("lk-two", callbacks={"shine": "lk_two:x"}, callback={"odd": "lk_two:x"})
    assert main(["plugins"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "warning: 2 packages have the callback 'shine'; say 'lk-one:shine' or 'lk-two:shine'.",
        "warning: lk-two declares the entry points 'learnkit.callback', which learnkit does not "
        "read. Did you mean 'learnkit.callbacks'?",
    ]


def test_a_package_that_has_a_name_twice_is_told_apart_from_two_packages(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("lk-one", callbacks={"shine": "lk_one:x", "shine ": "lk_one:y"})
    assert main(["plugins"]) == 0
    twice = (
        "lk-one 1.0 declares the callback 'shine' twice, as lk_one:x and lk_one:y. Install another "
        "version of it."
    )
    assert capsys.readouterr().err.splitlines() == [f"warning: {twice}"]
    install("lk-two", callbacks={"shine": "lk_two:x"})
    assert main(["plugins"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"warning: {twice}",
        "warning: 2 packages have the callback 'shine'; say 'lk-one:shine' or 'lk-two:shine'.",
    ]
