"""The command line: words in, lines and exit codes out."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from learnkit import __version__
from learnkit.callbacks import CSVLog
from learnkit.cli import main
from learnkit.models.catalogue import backbone_names

pytestmark = pytest.mark.filterwarnings("ignore:There are fewer training samples")


@pytest.fixture
def trained(photo_folder, tmp_path, capsys):
    """The folder that a small training on toy photos wrote; what it printed is thrown away."""
    out = tmp_path / "run"
    words = ["train", str(photo_folder), "--arch", "xresnet18", "--epochs", "1", "--size", "32"]
    assert main([*words, "--out", str(out), "--device", "cpu"]) == 0
    capsys.readouterr()
    return out


def test_train_writes_model_and_history(trained):
    assert {path.name for path in trained.iterdir()} == {
        "checkpoints",
        "model",
        "history.json",
        "history.csv",
    }
    rows = json.loads((trained / "history.json").read_text())
    assert len(rows) == 1
    assert {"train_loss", "valid_loss", "accuracy"} <= rows[0].keys()
    lines = (trained / "history.csv").read_text().splitlines()
    assert lines[0].startswith("epoch,train_loss,valid_loss,accuracy")
    assert len(lines) == 2


def test_train_shows_the_table_and_says_how_to_go_on(photo_folder, tmp_path, capsys):
    out = tmp_path / "run"
    words = ["train", str(photo_folder), "--arch", "resnet18", "--weights", "none", "--epochs", "1"]
    assert main([*words, "--size", "32", "--fine-tune", "--lr", "0.001", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"epoch +train_loss +valid_loss +accuracy", printed)
    model = out / "model"
    assert printed.endswith(f"model written to {model}; try: learnkit predict {model} PHOTO\n")
    # an epoch of the head, then one of everything
    assert len((out / "history.csv").read_text().splitlines()) == 3
    assert len(json.loads((out / "history.json").read_text())) == 2


def test_a_training_that_was_stopped_goes_on_with_resume_alone(
    photo_folder, tmp_path, capsys, monkeypatch
):
    words = ["train", str(photo_folder), "--arch", "xresnet18", "--size", "32", "--device", "cpu"]
    words += ["--epochs", "2", "--out"]
    assert main([*words, str(tmp_path / "whole")]) == 0
    out = tmp_path / "stopped"

    def killed(log, state):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CSVLog, "after_epoch", killed)
        assert main([*words, str(out)]) == 130
    capsys.readouterr()
    assert main([*words, str(out)]) == 2
    assert capsys.readouterr().err == (
        f"learnkit train: {out} holds a training that was stopped: step-00000000-start. --resume "
        f"goes on with it; another --out, or deleting {out / 'checkpoints'}, starts anew.\n"
    )
    assert main([*words, str(out), "--resume"]) == 0
    capsys.readouterr()
    assert main([*words, str(out), "--resume"]) == 0
    assert "this fit is finished, after " in capsys.readouterr().out
    whole, resumed = (
        [{k: v for k, v in row.items() if k != "seconds"} for row in json.loads(text)]
        for text in (
            (tmp_path / "whole" / "history.json").read_text(),
            (out / "history.json").read_text(),
        )
    )
    assert resumed == whole
    assert len((out / "history.csv").read_text().splitlines()) == 3


def test_predict_answers_files_and_folders(trained, photo_folder, capsys):
    photo = photo_folder / "valid" / "red" / "red_0.jpg"
    folder = photo_folder / "valid" / "blue"
    assert main(["predict", str(trained / "model"), str(photo), str(folder), "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        str(photo),
        str(folder / "blue_0.jpg"),
        str(folder / "blue_1.jpg"),
    ]
    assert all(re.fullmatch(r".+  \w+ [\d.]+%  \w+ [\d.]+%", line) for line in lines)


def test_predict_prints_json_for_programs(trained, photo_folder, capsys):
    photo = photo_folder / "valid" / "red" / "red_0.jpg"
    assert main(["predict", str(trained / "model"), str(photo), "--json", "--top", "3"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["file"] == str(photo)
    assert [answer["label"], answer["probability"]] == answer["top"][0]
    assert sum(probability for _, probability in answer["top"]) == pytest.approx(1, abs=1e-5)


def test_predict_names_a_bad_photo_and_answers_the_others(trained, photo_folder, tmp_path, capsys):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"")
    good = photo_folder / "valid" / "red" / "red_0.jpg"
    assert main(["predict", str(trained / "model"), str(bad), str(good)]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{good}  ")
    assert printed.err.startswith("learnkit predict: ")
    assert str(bad) in printed.err
    assert printed.err.count("\n") == 1


def test_an_error_is_one_line_and_exit_code_2(tmp_path, capsys):
    missing = tmp_path / "flowrs"
    assert main(["train", str(missing), "--out", str(tmp_path / "run")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        f"learnkit train: Folder {missing} does not exist. Expected {missing}/train/<class>/*.jpg "
        f"and {missing}/valid/<class>/*.jpg, or {missing}/<class>/*.jpg with valid_pct=0.2.\n"
    )


def test_debug_shows_the_traceback(tmp_path):
    from learnkit.errors import DataError

    with pytest.raises(DataError):
        main(["train", str(tmp_path / "no"), "--out", str(tmp_path / "run"), "--debug"])


def test_a_misspelt_architecture_names_the_nearest(photo_folder, tmp_path, capsys):
    words = ["train", str(photo_folder), "--out", str(tmp_path / "run"), "--arch", "resnet43"]
    assert main(words) == 2
    known = ", ".join((*backbone_names(), "xresnet18", "xresnet34", "xresnet50"))
    assert capsys.readouterr().err == (
        "learnkit train: there is no architecture 'resnet43'. Did you mean 'resnet34'? "
        f"Known: {known}; and timm/NAME.\n"
    )
    assert not (tmp_path / "run").exists()


def test_a_place_that_cannot_be_written_to_is_refused_before_training(
    photo_folder, tmp_path, capsys
):
    place = tmp_path / "file"
    place.write_text("")
    assert main(["train", str(photo_folder), "--out", str(place)]) == 2
    assert capsys.readouterr().err == (
        f"learnkit train: cannot write to {place} (File exists); nothing was trained. "
        "Give another folder: --out DIR.\n"
    )


def test_other_peoples_files_are_not_replaced(photo_folder, tmp_path, capsys):
    model = tmp_path / "run" / "model"
    model.mkdir(parents=True)
    (model / "thesis.tex").write_text("")
    assert main(["train", str(photo_folder), "--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err == (
        f"learnkit train: {model} exists and holds other things than an export; nothing was "
        "trained. Give another folder: --out DIR.\n"
    )


def test_an_unknown_device_is_refused(photo_folder, tmp_path, capsys):
    words = ["train", str(photo_folder), "--out", str(tmp_path / "run"), "--device", "gpu"]
    assert main(words) == 2
    assert capsys.readouterr().err == (
        'learnkit train: --device must be one that torch knows, such as "cpu", "cuda", "cuda:1" '
        "or \"mps\"; got 'gpu'.\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "0"], "argument --epochs: must be a whole number of at least 1; got '0'"),
        (["--lr", "-1"], "argument --lr: must be a number above 0; got '-1'"),
        (
            ["--valid-pct", "20"],
            "argument --valid-pct: must be a fraction between 0 and 1, such as 0.2; got '20'",
        ),
    ],
)
def test_a_number_out_of_range_is_refused_by_the_parser(words, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "photos", "--out", "run", *words])
    assert stop.value.code == 2
    assert capsys.readouterr().err.endswith(f"learnkit train: error: {message}\n")


def test_ctrl_c_exits_with_130(monkeypatch, capsys):
    def interrupted(args):
        raise KeyboardInterrupt

    monkeypatch.setattr("learnkit.commands.info.run", interrupted)
    assert main(["info"]) == 130
    assert capsys.readouterr().err == "learnkit info: stopped by Ctrl-C.\n"


def test_info_says_what_a_bug_report_needs(capsys):
    assert main(["info"]) == 0
    found = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert found["learnkit"] == __version__
    assert {"python", "torch", "device", "precision", "threads", "extras"} <= found.keys()


def test_cache_needs_a_word(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["cache"])
    assert stop.value.code == 2
    assert capsys.readouterr().err.endswith(
        "learnkit cache: error: the following arguments are required: WORD\n"
    )


def test_the_help_names_every_verb_and_every_word_of_cache(capsys):
    for words, expected in (
        (["--help"], ["train", "predict", "doctor", "demo", "info", "cache", "plugins"]),
        (["cache", "--help"], ["info", "clear"]),
    ):
        with pytest.raises(SystemExit):
            main(words)
        printed = capsys.readouterr().out
        assert re.findall(r"^    (\w+) ", printed, re.MULTILINE) == expected


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"learnkit {__version__}\n"


def test_help_imports_no_library_of_models():
    code = (
        "import sys\nfrom learnkit.cli import main\n"
        "try: main(['train', '--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('torchvision', 'timm', 'matplotlib', 'pandas') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout.endswith("[]\n")


def test_a_name_that_is_no_utf_8_is_printed_escaped(trained, photo_folder, tmp_path):
    source = next(photo_folder.rglob("*.jpg"))
    odd = os.fsencode(tmp_path) + b"/\xff.jpg"
    try:
        shutil.copy(os.fsencode(source), odd)
    except OSError:
        pytest.skip("this file system has only UTF-8 names")
    done = subprocess.run(
        [sys.executable, "-m", "learnkit.cli", "predict", str(trained / "model"), odd],
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path}/\\udcff.jpg  ")
