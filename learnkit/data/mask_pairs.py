"""Which mask belongs to which photo, and which numbers masks hold."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import PathLike, fspath
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

import numpy as np

from learnkit.data.cores import default_workers
from learnkit.data.file_names import FileNames
from learnkit.data.items import count_and_name, describe_folder, existing_folder, list_images
from learnkit.data.mask_codes import MaskCodes
from learnkit.data.mask_file import read_mask
from learnkit.data.samples import Samples, Split, check_one_way, divided, split_name
from learnkit.data.sides import names_below
from learnkit.data.split import held_out_words, split_random
from learnkit.data.table import check_files
from learnkit.errors import DataError
from learnkit.randomness import IntArray

Held = str | Callable[[Path], object] | None
"""What is held out: photos below a folder of this name, or those of which a function says so."""

_LOOKED_AT: Final = 4  # masks whose numbers are compared with the classes before training


class Pairs(NamedTuple):
    """Photos and their masks, by names that start from one folder."""

    root: Path
    photos: FileNames
    masks: FileNames

    def take(self, indices: IntArray) -> "Pairs":
        """Return those at ``indices``."""
        return Pairs(self.root, self.photos.take(indices), self.masks.take(indices))


def pairs_of_folders(path: str | PathLike[str], images: str, masks: str) -> Pairs:
    """Pair files of two folders by their names without the ending.

    A mask lies in the same folder below ``masks`` as its photo below ``images``; where it does not,
    the only mask of that name is taken.

    Raises:
        DataError: naming photos that have no mask, or two.
    """
    root = existing_folder(path)
    wanted = f"Expected photos in {images!r} and masks in {masks!r} below {root}."
    folders = [existing_folder(root / name, expected=wanted) for name in (images, masks)]
    photos, files = (list_images(folder) for folder in folders)
    for folder, found in zip(folders, (photos, files), strict=True):
        if not len(found):
            raise DataError(f"There are no images in {folder}: found {describe_folder(folder)}.")
    by_place, by_name = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for name in files:
        by_place[_stem(name)].append(name)
        by_name[PurePosixPath(name).stem].append(name)
    chosen = [by_place.get(_stem(n)) or by_name.get(PurePosixPath(n).stem, []) for n in photos]
    _check_chosen(photos, chosen, folders[1])
    return Pairs(
        root,
        FileNames.of(f"{images}/{name}" for name in photos),
        FileNames.of(f"{masks}/{found[0]}" for found in chosen),
    )


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _check_chosen(photos: Sequence[str], chosen: Sequence[Sequence[str]], folder: Path) -> None:
    missing = [name for name, found in zip(photos, chosen, strict=True) if not found]
    if missing:
        example = PurePosixPath(missing[0]).stem
        raise DataError(
            f"There is no mask in {folder} for {count_and_name(missing, 'photo', 'photos')}: a "
            f"mask is named as its photo, {example}.png, and the folder holds "
            f"{describe_folder(folder)}. SegmentationDataBunch.from_label_func takes any other "
            "names."
        )
    for name, found in zip(photos, chosen, strict=True):
        if len(found) > 1:
            raise DataError(f"{name} has {count_and_name(found, 'mask', 'masks')} in {folder}.")


def pairs_of_func(
    path: str | PathLike[str],
    files: Sequence[str | PathLike[str]] | None,
    label_func: Callable[[Path], str | PathLike[str]],
) -> Pairs:
    """Pair photos with what a function says of their paths.

    Without ``files`` these are all pictures below ``path``, but those that are somebody's mask.

    Raises:
        DataError: when the function fails, or a photo or mask does not exist.
    """
    root = existing_folder(path)
    photos = list(list_images(root)) if files is None else names_below(root, files)
    if not photos:
        if files is None:
            raise DataError(f"There are no photos in {root}: found {describe_folder(root)}.")
        raise DataError("There are no photos: the list of files is empty.")
    check_files(root, photos, listed_in="files")
    masks = names_below(root, [_mask_of(label_func, root / name) for name in photos])
    if files is None:
        photos, masks = _but_masks(photos, masks)
    missing = [name for name in masks if not (root / name).is_file()]
    if missing:
        raise DataError(
            f"{count_and_name(missing, 'mask', 'masks')} that label_func names "
            f"{'does' if len(missing) == 1 else 'do'} not exist in {root}. It is given the path of "
            "a photo and returns that of its mask."
        )
    return Pairs(root, FileNames.of(photos), FileNames.of(masks))


def _but_masks(photos: Sequence[str], masks: Sequence[str]) -> tuple[list[str], list[str]]:
    """Leave out the pictures that are another one's mask: they lie below the same folder."""
    others = {mask for name, mask in zip(photos, masks, strict=True) if mask != name}
    kept = [i for i, name in enumerate(photos) if name not in others]
    return _taken(photos, kept), _taken(masks, kept)


def _mask_of(label_func: Callable[[Path], str | PathLike[str]], photo: Path) -> Path:
    try:
        found = label_func(photo)
        return Path(fspath(found))
    except Exception as error:
        raise DataError(
            f"label_func failed on {photo}: {type(error).__name__}: {error}. It is given the path "
            "of a photo as a Path, and returns the path of its mask."
        ) from error


def hold_out_pairs(
    pairs: Pairs, held: Held, valid_pct: float | None, seed: int, split: Split | None = None
) -> tuple[Pairs, Pairs, str]:
    """Return what is trained on, what is held out, and how, in words.

    Raises:
        DataError: when two ways are given, one is none, or one side is empty.
    """
    if split is not None:
        check_one_way(valid=held, valid_pct=valid_pct)
        kept, out = divided(Samples(len(pairs.photos), names=pairs.photos), split)
        return pairs.take(kept), pairs.take(out), split_name(split)
    if held is None:
        pct = 0.2 if valid_pct is None else valid_pct
        kept, out = split_random(len(pairs.photos), pct, seed)
        return pairs.take(kept), pairs.take(out), held_out_words(pct, seed, stratified=False)
    if valid_pct is not None:
        raise DataError(f"valid and valid_pct={valid_pct:g} were both given: give one.")
    if not isinstance(held, str) and not callable(held):
        raise DataError(
            "valid must be the name of a folder, or a function of a photo's path: found "
            f"{type(held).__name__}. split=(train, valid) takes places."
        )
    flags = np.array([_is_held(held, pairs.root, name) for name in pairs.photos], dtype=bool)
    if flags.all() or not flags.any():
        which = "all" if flags.all() else "none"
        way = f"lie in a folder {held!r}" if isinstance(held, str) else "are held out by valid"
        raise DataError(f"Of {len(flags)} photos {which} {way}; both sides need some.")
    words = f"by the folder {held!r}" if isinstance(held, str) else "by the function valid"
    return pairs.take(np.flatnonzero(~flags)), pairs.take(np.flatnonzero(flags)), words


def _is_held(held: str | Callable[[Path], object], root: Path, name: str) -> bool:
    if isinstance(held, str):
        return held in PurePosixPath(name).parts[:-1]
    try:
        return bool(held(root / name))
    except Exception as error:
        raise DataError(
            f"The function valid failed on {root / name}: {type(error).__name__}: {error}. It is "
            "given the path of a photo as a Path, and says whether it is held out."
        ) from error


def numbers_in(pairs: Pairs) -> set[int]:
    """Read all masks and return the numbers that they hold."""
    with ThreadPoolExecutor(default_workers()) as threads:
        found = threads.map(lambda name: np.unique(read_mask(pairs.root / name)), pairs.masks)
        return {int(value) for values in found for value in values}


def check_numbers(pairs: Pairs, codes: MaskCodes) -> None:
    """Compare the numbers of a few masks with the classes, before anything is trained.

    Raises:
        DataError: naming the mask, and the numbers that are no class.
    """
    places = np.linspace(0, len(pairs.masks) - 1, min(_LOOKED_AT, len(pairs.masks))).astype(int)
    for name in _taken(pairs.masks, places.tolist()):
        path = pairs.root / name
        try:
            mask = read_mask(path)
        except DataError:
            continue  # what cannot be read is left out, or an error, while loading
        codes.encode(mask, str(path))


def _taken(names: Sequence[str], places: Iterable[int]) -> list[str]:
    return [names[place] for place in places]
