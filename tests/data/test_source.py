from pathlib import Path

from learnkit.data.source import FileSource


def test_files_are_named_and_decoded_by_index(photo_folder: Path) -> None:
    source = FileSource(photo_folder, ["train/red/red_0.jpg", "valid/blue/blue_1.jpg"])
    assert len(source) == 2
    assert source.describe(1) == str(photo_folder / "valid/blue/blue_1.jpg")
    assert source.load(0, 32).shape == (32, 32, 3)
