"""What installed packages add: found without being imported, named without being ambiguous."""

from pathlib import Path

import pytest

from learnkit.plugins import Plugin, PluginError, find_plugin, installed_plugins, unknown_groups
from tests.installed import Install, installer


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    return installer(tmp_path, monkeypatch)


def found(group: str, name: str) -> Plugin:
    plugin = find_plugin(group, name)  # type: ignore[arg-type]
    assert plugin is not None
    return plugin


def test_a_plugin_says_where_it_comes_from_and_nothing_is_imported(install: Install) -> None:
    marker = install("lk-shine", version="2.3", callbacks={"shine": "lk_shine:Shine"})
    plugin = found("learnkit.callbacks", "shine")
    assert plugin in installed_plugins()
    assert (plugin.group, plugin.name, plugin.value, plugin.package, plugin.version) == (
        "learnkit.callbacks",
        "shine",
        "lk_shine:Shine",
        "lk-shine",
        "2.3",
    )
    assert str(plugin) == "shine of lk-shine 2.3"
    assert not marker.exists()


def test_loading_imports_its_package_alone(install: Install) -> None:
    one = install("lk-one", "x = 1", callbacks={"one": "lk_one:x"})
    two = install("lk-two", "x = 2", callbacks={"two": "lk_two:x"})
    assert found("learnkit.callbacks", "one").load() == 1
    assert (one.exists(), two.exists()) == (True, False)


def test_groups_are_told_apart_and_sorted(install: Install) -> None:
    install("lk-zed", callbacks={"b": "lk_zed:b", "a": "lk_zed:a"}, metrics={"a": "lk_zed:a"})
    ours = [(p.group, p.name) for p in installed_plugins() if p.package == "lk-zed"]
    assert ours == [
        ("learnkit.callbacks", "a"),
        ("learnkit.callbacks", "b"),
        ("learnkit.metrics", "a"),
    ]
    assert find_plugin("learnkit.backbones", "a") is None
    assert {p.group for p in installed_plugins("learnkit.metrics")} == {"learnkit.metrics"}


def test_a_name_that_two_packages_have_needs_the_package(install: Install) -> None:
    install("lk-one", "x = 1", callbacks={"shine": "lk_one:x"})
    install("lk-two", "x = 2", version="0.2", callbacks={"shine": "lk_two:x"})
    with pytest.raises(PluginError) as caught:
        find_plugin("learnkit.callbacks", "shine")
    assert str(caught.value) == (
        "lk-one 1.0 and lk-two 0.2 both have the callback 'shine'. "
        "Say whose: 'lk-one:shine' or 'lk-two:shine'."
    )
    assert found("learnkit.callbacks", "lk-two:shine").load() == 2
    assert found("learnkit.callbacks", "LK_one:shine").load() == 1
    assert find_plugin("learnkit.callbacks", "lk-three:shine") is None


@pytest.mark.parametrize(
    ("code", "value", "error"),
    [
        ("import lk_nowhere", "lk_bad:x", "ModuleNotFoundError: No module named 'lk_nowhere'"),
        ("", "lk_bad:x", "AttributeError: module 'lk_bad' has no attribute 'x'"),
        ("1 / 0", "lk_bad:x", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "lk_bad:x", "SystemExit: 3"),
    ],
)
def test_one_that_cannot_be_imported_is_told_with_its_package(
    install: Install, code: str, value: str, error: str
) -> None:
    install("lk-bad", code, callbacks={"bad": value})
    with pytest.raises(PluginError) as caught:
        found("learnkit.callbacks", "bad").load()
    assert str(caught.value) == (
        f"The plug-in bad of lk-bad 1.0 cannot be imported from lk_bad:x: {error}. "
        "Update the package, or remove it: pip uninstall lk-bad."
    )
    assert type(caught.value.__cause__).__name__ == error.partition(":")[0]


def test_a_group_that_learnkit_does_not_read_is_known(install: Install) -> None:
    install("lk-odd", callback={"odd": "lk_odd:odd"})
    assert unknown_groups()["learnkit.callback"] == "lk-odd"
