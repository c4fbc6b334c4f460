"""``learnkit doctor``: the table, the exit codes, moving aside and putting back."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learnkit.cli import main


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``photos`` in the working folder: two photos of cat and of dog on each side."""
    seed = 0
    for part in ("train", "valid"):
        for label in ("cat", "dog"):
            for index in range(2):
                path = tmp_path / "photos" / part / label / f"{label}_{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                seed += 1
                spots = np.random.default_rng(seed).integers(0, 256, (14, 14, 3), dtype=np.uint8)
                Image.fromarray(spots).resize((96, 128)).save(path)
    monkeypatch.chdir(tmp_path)
    return Path("photos")


@pytest.fixture
def leaking(photos: Path) -> Path:
    shutil.copy(photos / "valid/cat/cat_0.png", photos / "train/cat/copy.png")
    (photos / "train/dog/empty.jpg").write_bytes(b"")
    return photos


def doctor(*words: str) -> int:
    return main(["doctor", "photos", "--near", "none", *words])


def test_good_photos_exit_with_0(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor() == 0
    assert capsys.readouterr().out == (
        "photos: 8 photos of 2 classes\n\n"
        "class   train   valid\n"
        "cat         2       2\n"
        "dog         2       2\n"
        "total       4       4\n\n"
        "no errors, no warnings\n"
    )


def test_leaks_and_unreadable_files_exit_with_1(
    leaking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor() == 1
    printed = capsys.readouterr()
    assert printed.out.endswith(
        "total       6       4\n\n"
        "error    unreadable     1: training leaves them out\n"
        "  train/dog/empty.jpg cannot be read as an image: the file is empty (0 bytes).\n"
        "error    leak           1: the same in two parts: trained on, and measured on\n"
        "  valid/cat/cat_0.png = train/cat/copy.png\n\n"
        "2 errors, 0 warnings\n"
        "learnkit doctor photos --fix moves 2 files to photos/.quarantine; --undo puts back.\n"
    )
    assert printed.err == ""


def test_warnings_alone_exit_with_0(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(photos / "train/cat/cat_0.png", photos / "train/cat/cat_9.png")
    (photos / "train/dog/dog_0.png").rename(photos / "train/dog/dog_0.jpg")
    assert doctor() == 0
    assert "0 errors, 2 warnings\n" in capsys.readouterr().out


def test_a_near_duplicate_across_parts_exits_with_1(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("imagehash", reason="needs the extra doctor")
    Image.open(photos / "valid/cat/cat_0.png").save(photos / "train/cat/near.jpg", quality=40)
    assert main(["doctor", "photos"]) == 1
    assert "  valid/cat/cat_0.png ~ train/cat/near.jpg (" in capsys.readouterr().out
    assert main(["doctor", "photos", "--fix"]) == 0
    assert main(["doctor", "photos"]) == 0


def test_without_the_extra_a_line_says_what_was_not_done(
    photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imagehash", None)
    assert main(["doctor", "photos"]) == 0
    assert capsys.readouterr().out.endswith(
        "Near duplicates were not looked for. Looking for near duplicates needs the package "
        'imagehash, which is not installed. Install it with: pip install "learnkit[doctor]"\n'
        "no errors, no warnings\n"
    )


def test_fix_moves_and_undo_puts_back(leaking: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["train/cat/copy.png", "train/dog/empty.jpg"]
    assert doctor("--fix") == 0
    (run,) = (leaking / ".quarantine").iterdir()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"2 files moved to {run}; to put back: learnkit doctor photos --undo"
    assert not any((leaking / name).exists() for name in names)
    assert doctor() == 0
    capsys.readouterr()
    assert doctor("--undo", names[0]) == 0
    assert capsys.readouterr().out == "1 file put back from photos/.quarantine\n"
    assert (leaking / names[0]).exists()
    assert not (leaking / names[1]).exists()
    assert doctor("--undo") == 0
    assert all((leaking / name).exists() for name in names)
    assert doctor() == 1


def test_fix_with_nothing_to_move_says_so(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor("--fix") == 0
    assert capsys.readouterr().out.endswith("no errors, no warnings\nnothing to move\n")
    assert not (photos / ".quarantine").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="folders of Windows have no such mode")
def test_what_could_not_be_moved_is_named_and_exits_with_1(
    leaking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (leaking / "train/cat").chmod(0o555)
    try:
        assert doctor("--fix") == 1
    finally:
        (leaking / "train/cat").chmod(0o755)
    printed = capsys.readouterr()
    assert printed.err == (
        "learnkit doctor: train/cat/copy.png stays: photos/train/cat is write-protected.\n"
    )
    assert "\n1 file moved to " in printed.out


def test_undo_names_what_it_leaves(leaking: Path, capsys: pytest.CaptureFixture[str]) -> None:
    doctor("--fix")
    (leaking / "train/dog/empty.jpg").write_bytes(b"new")
    capsys.readouterr()
    assert doctor("--undo") == 1
    printed = capsys.readouterr()
    assert printed.out == "1 file put back from photos/.quarantine\n"
    assert printed.err == "learnkit doctor: train/dog/empty.jpg stays: File exists.\n"
    assert (leaking / "train/dog/empty.jpg").read_bytes() == b"new"


def test_fix_and_undo_together_are_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        doctor("--fix", "--undo")
    assert stop.value.code == 2
    assert capsys.readouterr().err.endswith("argument --undo: not allowed with argument --fix\n")


def test_json_is_for_programs(leaking: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor("--json") == 1
    values = json.loads(capsys.readouterr().out)
    assert [found["kind"] for found in values["findings"]] == ["unreadable", "leak"]
    assert "moved" not in values
    assert doctor("--json", "--fix") == 0
    values = json.loads(capsys.readouterr().out)
    assert sorted(values["moved"]) == ["train/cat/copy.png", "train/dog/empty.jpg"]
    assert values["left"] == []
    assert Path(values["quarantine"]).is_dir()


def test_all_shows_what_the_table_leaves_out(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        (photos / f"train/cat/{number}.jpg").write_bytes(b"")
    doctor()
    assert "  ... and 2 more\n" in capsys.readouterr().out
    doctor("--all")
    printed = capsys.readouterr().out
    assert "  train/cat/4.jpg cannot be read" in printed
    assert "more\n" not in printed


def test_limits_are_options(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    doctor("--min-side", "97", "--max-aspect", "1.2", "--max-imbalance", "1")
    printed = capsys.readouterr().out
    assert "8 photos with a short side below 97 pixels" in printed
    assert "8 photos more than 1.2 times as long as wide" in printed


def test_a_fraction_is_held_out_as_training_would(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["doctor", "photos/train", "--valid-pct", "0.5", "--seed", "3", "--near", "none"])
    assert code == 0
    assert "total       2       2\n" in capsys.readouterr().out


def test_parts_may_have_other_names(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "train").rename(photos / "learn")
    (photos / "valid").rename(photos / "check")
    (photos / "exam").mkdir()
    shutil.copy(photos / "learn/cat/cat_0.png", photos / "exam/1.png")
    assert doctor("--train", "learn", "--valid", "check", "--test", "exam") == 1
    assert "  exam/1.png = learn/cat/cat_0.png\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--near", "129"], "argument --near: must be 0 to 128, or none; got '129'"),
        (["--near", "few"], "argument --near: must be 0 to 128, or none; got 'few'"),
    ],
)
def test_a_number_of_bits_out_of_range_is_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["doctor", "photos", *words])
    assert stop.value.code == 2
    assert capsys.readouterr().err.endswith(f"learnkit doctor: error: {message}\n")


def test_a_missing_folder_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == (
        f"learnkit doctor: Folder {tmp_path / 'none'} does not exist.\n"
    )


def test_a_bar_is_drawn_where_somebody_watches(
    photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert doctor() == 0
    assert "photos: 100%" in capsys.readouterr().err


def test_checking_imports_no_library_of_models() -> None:
    import subprocess

    code = (
        "import sys, learnkit.commands.doctor\n"
        "print([m for m in ('torchvision', 'timm', 'imagehash', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
