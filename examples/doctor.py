"""Look at photos before training on them: what is wrong, moved aside, and put back.

The photos are those that come with the checkout, in a copy, with a photo of the validation set and
an empty file put among those to train on.

    python examples/doctor.py
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from learnkit.data.doctor import check_folder, move_aside, put_back
from learnkit.vision import *

PHOTOS = Path(__file__).parent / "data" / "traffic_lights"


def main(path=PHOTOS, near=64):
    with tempfile.TemporaryDirectory() as folder:
        photos = shutil.copytree(path, Path(folder) / "photos")
        shutil.copy(next(photos.glob("valid/red/*.jpg")), photos / "train" / "red" / "seen.jpg")
        (photos / "train" / "red" / "empty.jpg").write_bytes(b"")

        report = ImageDataBunch.from_folder(photos, size=64).check(near=near)
        moved = move_aside(report)
        print(f"\n{len(moved.done)} files moved aside:", *moved.done)

        clean = check_folder(photos)
        print("errors left:", len(clean.errors))
        put_back(photos)
    return report, clean


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--near", type=int, default=64, help="alike: so many of 256 bits differ")
    main(near=parser.parse_args().near)
