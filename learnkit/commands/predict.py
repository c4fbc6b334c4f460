"""``learnkit predict``: what an exported model says of photos."""

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from learnkit.commands.places import device_of
from learnkit.data.items import list_images
from learnkit.errors import DataError
from learnkit.inference import Prediction, Predictor, load_learner

AT_ONCE = 64


def run(args: Namespace) -> int:
    """Print an answer for each photo; return 1 when some could not be read."""
    predictor = load_learner(args.model, device=device_of(args.device))
    files = find_photos(args.files)
    answers: list[tuple[Path, Prediction]] = []
    for path, answer in answer_all(predictor, files):
        if isinstance(answer, DataError):
            print(f"learnkit predict: {answer}", file=sys.stderr)
        else:
            answers.append((path, answer))
            if not args.json:
                print(f"{path}  {_words(answer, args.top)}")
    if args.json:
        print(json.dumps([as_json(path, answer, args.top) for path, answer in answers], indent=1))
    return 0 if len(answers) == len(files) else 1


def find_photos(names: Sequence[str]) -> list[Path]:
    """Return the files, with every folder replaced by the photos in it.

    Raises:
        DataError: when a folder holds no photo.
    """
    found: list[Path] = []
    for name in names:
        path = Path(name)
        inside = [path / photo for photo in list_images(path)] if path.is_dir() else [path]
        if not inside:
            raise DataError(f"there are no photos in {path.absolute()}.")
        found += inside
    return found


def answer_all(
    predictor: Predictor, files: Sequence[Path]
) -> Iterator[tuple[Path, Prediction | DataError]]:
    """Answer in batches; only a batch with a bad photo is done photo by photo."""
    for start in range(0, len(files), AT_ONCE):
        some = files[start : start + AT_ONCE]
        try:
            yield from zip(some, predictor.predict_batch(some), strict=True)
        except DataError:
            for path in some:
                yield path, _one(predictor, path)


def as_json(path: Path, answer: Prediction, top: int) -> dict[str, object]:
    """Return an answer as plain values."""
    return {
        "file": str(path),
        "label": answer.label,
        "probability": round(answer.probability, 6),
        "top": [[label, round(p, 6)] for label, p in answer.top(top)],
    }


def _one(predictor: Predictor, path: Path) -> Prediction | DataError:
    try:
        return predictor.predict(path)
    except DataError as error:
        return error


def _words(answer: Prediction, top: int) -> str:
    return "  ".join(f"{label} {probability:.1%}" for label, probability in answer.top(top))
