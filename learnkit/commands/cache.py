"""``learnkit cache``: show or delete what learnkit keeps on disk to be faster."""

import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Final

from learnkit.data.cache_folder import decoded_folder, home_folder, index_folder
from learnkit.data.disk_cache import SUFFIX, UNFINISHED, CacheFile, cache_files
from learnkit.errors import LearnkitError

INDEX_SUFFIX: Final = ".index"
_UNFINISHED_INDEX: Final = ".tmp"


def run(args: Namespace) -> int:
    """Do what the word says.

    Raises:
        LearnkitError: when nobody can tell where the folder is.
    """
    try:
        home = home_folder()
    except RuntimeError:
        raise LearnkitError("this user has no home folder; set LEARNKIT_HOME to one.") from None
    return _clear(home) if args.word == "clear" else _info(home)


def _info(home: Path) -> int:
    print(f"{'folder':<8} {home}")
    decoded = cache_files(decoded_folder())
    for file in decoded:
        print(f"{'decoded':<8} {_line(file)}")
    lists = [size for path in _files(index_folder(), INDEX_SUFFIX) if (size := _size(path))]
    if lists:
        print(f"{'lists':<8} {_megabytes(sum(lists))}  {_counted(len(lists))}")
    total = sum(file.nbytes for file in decoded) + sum(lists)
    print(f"{'total':<8} {_megabytes(total)}  {_counted(len(decoded) + len(lists))}")
    return 0


def _line(file: CacheFile) -> str:
    used = time.strftime("%Y-%m-%d", time.localtime(file.used))
    kept = f"{file.kept:,} of {file.n:,} images"
    return f"{_megabytes(file.nbytes)}  {kept}  last used {used}  {file.words}"


def _clear(home: Path) -> int:
    """Delete files of both folders that have learnkit's endings, and nothing else."""
    freed = deleted = failed = 0
    for path in (
        *_files(decoded_folder(), SUFFIX, UNFINISHED),
        *_files(index_folder(), INDEX_SUFFIX, _UNFINISHED_INDEX),
    ):
        nbytes = _size(path)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            print(f"learnkit cache: {path} stays: {error.strerror}.", file=sys.stderr)
            failed += 1
        else:
            deleted, freed = deleted + 1, freed + nbytes
    print(f"{_counted(deleted)} deleted from {home}, {_megabytes(freed)} freed")
    return 1 if failed else 0


def _files(folder: Path, *suffixes: str) -> list[Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if path.suffix in suffixes and not path.is_dir()]


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # gone in between
        return 0


def _megabytes(nbytes: int) -> str:
    return f"{nbytes / 1e6:,.1f} MB"


def _counted(n: int) -> str:
    return "1 file" if n == 1 else f"{n:,} files"
