"""Every example says what it takes, and what is wrong with what it was given, in a sentence."""

import argparse
import runpy
import sys

import pytest

from tests.examples.conftest import EXAMPLES

NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))


def run(monkeypatch, name, *arguments):
    """Run an example as from a shell; return what it ends with."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    return ended.value.code


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_explained_and_asking_trains_nothing(name, monkeypatch, tmp_path, capsys):
    pytest.importorskip("sklearn", reason="many examples need scikit-learn")
    monkeypatch.chdir(tmp_path)
    parsers = []
    real = argparse.ArgumentParser.parse_args
    monkeypatch.setattr(
        argparse.ArgumentParser, "parse_args", lambda self: parsers.append(self) or real(self)
    )
    assert run(monkeypatch, name, "--help") == 0
    assert [action.dest for action in parsers[0]._actions if not action.help] == []
    first = (EXAMPLES / f"{name}.py").read_text().partition("\n")[0].strip('"')
    assert " ".join(first.split()) in " ".join(capsys.readouterr().out.split())
    assert list(tmp_path.iterdir()) == []
    assert run(monkeypatch, name, "--nope") == 2


NO_FOLDER = "Folder {path} does not exist."
PHOTO_FOLDER = (
    f"{NO_FOLDER} Expected {{path}}/train/<class>/*.jpg and {{path}}/valid/<class>/*.jpg, or "
    "{path}/<class>/*.jpg with valid_pct=0.2."
)
WRONG = {
    "five_lines": ([], PHOTO_FOLDER),
    "callback": ([], PHOTO_FOLDER),
    "multilabel": (["--data"], "{path}/train has 0 .jpg; two make one picture."),
    "tabular": (
        ["--data"],
        "{path}/adult-train.csv does not exist: --data takes the folder of the Adult files.",
    ),
    "collab": (["--data"], "Table {path} does not exist."),
    "spam": (["--data"], "Table {path} does not exist."),
    "pets": (["--data"], NO_FOLDER),
    "segmentation": (["--data"], NO_FOLDER),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_path_that_is_not_there_is_a_sentence(name, monkeypatch, tmp_path):
    pytest.importorskip("sklearn", reason="some examples need scikit-learn")
    monkeypatch.chdir(tmp_path)
    before, expected = WRONG[name]
    path = tmp_path / "nope"
    assert run(monkeypatch, name, *before, path) == expected.format(path=path)


def test_a_table_of_other_columns_is_no_table_of_ratings(monkeypatch, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("age,work,wage\n39,State,77516\n")
    assert run(monkeypatch, "collab", "--data", path) == (
        f"Table {path} has no column 'userId' (option user_col). Its columns are: age, work, wage."
    )


@pytest.mark.parametrize("name", ["xor", "optimizers"])
def test_the_folder_of_a_picture_is_made_before_anything_is_trained(
    name, example, monkeypatch, tmp_path
):
    pytest.importorskip("sklearn", reason="optimizers.py needs scikit-learn")
    made = []
    module = example(name)
    monkeypatch.setattr(module, "Learner", lambda *a, **k: made.append((tmp_path / "a").is_dir()))
    with pytest.raises(AttributeError):
        module.main(tmp_path / "a" / "picture.png")
    assert made == [True]
